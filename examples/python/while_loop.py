i = total = 0
while i < 700_000:
    total ^= i
    i += 3
print(total)
