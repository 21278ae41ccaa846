from functools import lru_cache


@lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


total = 0
# No deeper than the small stack of an interpreter that is a module allows.
for _ in range(1500):
    fib.cache_clear()
    total += fib(60) % 1000
print(total)
