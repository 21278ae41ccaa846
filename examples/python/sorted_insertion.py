import bisect

numbers = []
for i in range(25_000):
    bisect.insort(numbers, i * 7919 % 100_003)
print(sum(bisect.bisect(numbers, x) for x in range(0, 100_000, 3)))
