table = str.maketrans("abcdefghijklmnopqrstuvwxyz", "defghijklmnopqrstuvwxyzabc")
text = "the quick brown fox jumps over the lazy dog " * 40_000
print(text.translate(table).count("irx"))
