from collections import deque

size = 220
walls = {(i * 7 % size, i * 13 % size) for i in range(9_000)} - {(0, 0)}
distance = {(0, 0): 0}
queue = deque([(0, 0)])
while queue:
    x, y = queue.popleft()
    for nx, ny in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
        if 0 <= nx < size and 0 <= ny < size and (nx, ny) not in walls and (nx, ny) not in distance:
            distance[nx, ny] = distance[x, y] + 1
            queue.append((nx, ny))
print(len(distance), max(distance.values()))
