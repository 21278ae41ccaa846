parts = []
for i in range(250_000):
    parts.append(chr(97 + i % 26))
text = "".join(parts)
print(len(text), text.count("abc"))
