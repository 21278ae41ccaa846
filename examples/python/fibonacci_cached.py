from functools import lru_cache


@lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


total = 0
for _ in range(300):
    fib.cache_clear()
    total += fib(300) % 1000
print(total)
