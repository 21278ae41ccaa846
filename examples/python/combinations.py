from itertools import combinations

numbers = [i * 37 % 101 for i in range(24)]
print(sum(1 for c in combinations(numbers, 5) if sum(c) % 11 == 0))
