inside = 0
for row in range(60):
    for column in range(60):
        c = complex(column / 30 - 1.5, row / 30 - 1)
        z = 0j
        for _ in range(60):
            z = z * z + c
            if abs(z) > 2:
                break
        else:
            inside += 1
print(inside)
