state, hits = 42, 0
for _ in range(250_000):
    state = (state * 1_103_515_245 + 12_345) & 0x7FFFFFFF
    x = state / 0x7FFFFFFF
    state = (state * 1_103_515_245 + 12_345) & 0x7FFFFFFF
    y = state / 0x7FFFFFFF
    hits += x * x + y * y < 1
print(hits)
