text = ""
for i in range(30_000):
    text += chr(97 + i % 26)
print(len(text), text.count("abc"))
