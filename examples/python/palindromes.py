text = "".join(chr(97 + i * i % 5) for i in range(900))
best = ""
for centre in range(len(text)):
    for width in (0, 1):
        low, high = centre, centre + width
        while low >= 0 and high < len(text) and text[low] == text[high]:
            low -= 1
            high += 1
        if high - low - 1 > len(best):
            best = text[low + 1 : high]
count = sum(text[i : i + 12] == text[i : i + 12][::-1] for i in range(len(text)))
for size in range(2, 120):
    count += sum(1 for i in range(len(text) - size) if text[i : i + size] == text[i : i + size][::-1])
print(len(best), count)
