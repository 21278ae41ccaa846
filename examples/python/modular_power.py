total = 0
for i in range(1, 40_000):
    total += pow(i, 65_537, 1_000_000_007)
print(total % 1_000_003)
