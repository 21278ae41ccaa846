print(sum([i * i % 7 for i in range(600_000)]))
