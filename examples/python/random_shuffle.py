import random

generator = random.Random(7)
numbers = list(range(60_000))
generator.shuffle(numbers)
print(numbers[:3], sum(generator.random() < 0.5 for _ in range(150_000)))
