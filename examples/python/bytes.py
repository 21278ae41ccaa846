data = bytes(i * i & 255 for i in range(200_000))
a, b = 1, 0
for byte in data:
    a = (a + byte) % 65_521
    b = (b + a) % 65_521
print(b << 16 | a)
