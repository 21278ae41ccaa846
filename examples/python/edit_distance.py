a = "".join(chr(97 + i * i % 13) for i in range(300))
b = "".join(chr(97 + i * i % 11) for i in range(300))
previous = list(range(len(b) + 1))
for i, x in enumerate(a, 1):
    row = [i]
    for j, y in enumerate(b, 1):
        row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (x != y)))
    previous = row
print(previous[-1])
