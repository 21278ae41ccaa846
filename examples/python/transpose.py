grid = [[i * j for j in range(300)] for i in range(300)]
for _ in range(12):
    grid = [list(row) for row in zip(*grid[::-1])]
print(grid[3][5])
