counts = {}
for i in range(400_000):
    key = i * i % 1009
    counts[key] = counts.get(key, 0) + 1
print(len(counts), max(counts.values()))
