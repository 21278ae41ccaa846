failed = 0
for i in range(180_000):
    try:
        if i % 3 == 0:
            raise ValueError(i)
        {}[i] if i % 7 == 0 else None
    except (ValueError, KeyError):
        failed += 1
print(failed)
