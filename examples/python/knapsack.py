weights = [i * 7 % 23 + 1 for i in range(60)]
values = [i * 13 % 37 + 1 for i in range(60)]
best = [0] * 3_001
for w, v in zip(weights, values):
    for room in range(3_000, w - 1, -1):
        if best[room - w] + v > best[room]:
            best[room] = best[room - w] + v
print(best[-1])
