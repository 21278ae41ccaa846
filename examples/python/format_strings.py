lines = [f"{i:>8}|{i * 1.5:10.3f}|{i:x}" for i in range(60_000)]
print(len(lines), lines[777])
