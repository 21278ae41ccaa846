from functools import reduce

numbers = range(250_000)
print(reduce(lambda a, b: (a * 31 + b) % 1_000_007, map(lambda x: x * x, filter(lambda x: x % 3, numbers))))
