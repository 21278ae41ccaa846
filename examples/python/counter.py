from collections import Counter

counts = Counter(i * i % 1009 for i in range(400_000))
print(len(counts), counts.most_common(2))
