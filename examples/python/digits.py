print(sum(int(d) for n in range(90_000) for d in str(n)))
