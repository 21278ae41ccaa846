def shift(text, by):
    out = []
    for c in text:
        if c.isalpha():
            base = ord("A") if c.isupper() else ord("a")
            out.append(chr((ord(c) - base + by) % 26 + base))
        else:
            out.append(c)
    return "".join(out)


text = "The quick brown fox jumps over the lazy dog. " * 2_000
print(hash(shift(shift(text, 3), 23) == text), len(text))
