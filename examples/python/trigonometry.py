import math

total = 0.0
for i in range(200_000):
    total += math.sin(i) * math.cos(i) + math.sqrt(i)
print(round(total, 4))
