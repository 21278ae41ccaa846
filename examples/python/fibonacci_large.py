a, b = 0, 1
for _ in range(25_000):
    a, b = b, a + b
print(a % 10 ** 20)
