total = 0
for i in range(600_000):
    total += i * i % 7
print(total)
