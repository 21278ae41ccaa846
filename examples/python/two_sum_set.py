numbers = [i * 7919 % 1_000_003 for i in range(250_000)]
seen, found = set(), 0
for n in numbers:
    if 1_000_000 - n in seen:
        found += 1
    seen.add(n)
print(found)
