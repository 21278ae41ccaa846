size = 350
grid = [[0] * size for _ in range(size)]
x = y = 0
dx, dy = 1, 0
for i in range(1, size * size + 1):
    grid[y][x] = i
    nx, ny = x + dx, y + dy
    if not (0 <= nx < size and 0 <= ny < size) or grid[ny][nx]:
        dx, dy = -dy, dx
        nx, ny = x + dx, y + dy
    x, y = nx, ny
print(grid[size // 2][size // 2])
