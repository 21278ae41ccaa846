class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def moved(self, dx, dy):
        return Point(self.x + dx, self.y + dy)

    def length(self):
        return abs(self.x) + abs(self.y)


point, total = Point(0, 0), 0
for i in range(120_000):
    point = point.moved(i % 3 - 1, i % 5 - 2)
    total += point.length()
print(total)
