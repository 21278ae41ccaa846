text = " ".join(f"w{i * i % 997}" for i in range(120_000))
counts = {}
for word in text.split():
    counts[word] = counts.get(word, 0) + 1
print(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:3])
