primes = []
for n in range(2, 14_000):
    for q in primes:
        if q * q > n:
            primes.append(n)
            break
        if n % q == 0:
            break
    else:
        primes.append(n)
print(len(primes), primes[-1])
