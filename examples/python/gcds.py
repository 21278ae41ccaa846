from math import gcd

print(sum(gcd(a, b) for a in range(1, 600) for b in range(1, 600)))
