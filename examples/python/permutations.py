from itertools import permutations

print(sum(1 for p in permutations(range(9)) if p[0] < p[-1]))
