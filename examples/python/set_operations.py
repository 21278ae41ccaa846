a = {i * 7 % 10_007 for i in range(60_000)}
total = 0
for k in range(60):
    b = set(range(k, 20_000, k + 1))
    total += len(a & b) + len(a - b) + len(a ^ b)
print(total)
