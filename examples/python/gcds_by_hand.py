def gcd(a, b):
    while b:
        a, b = b, a % b
    return a


print(sum(gcd(a, b) for a in range(1, 260) for b in range(1, 260)))
