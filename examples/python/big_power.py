total = 0
for i in range(1, 1_500):
    total += pow(i, 1_000) % 1_000_007
print(total)
