numbers = [3, 34, 4, 12, 5, 2, 7, 8, 9, 15, 16, 23, 42, 11, 19]
count = 0
for mask in range(1 << len(numbers)):
    total = 0
    for i, n in enumerate(numbers):
        if mask >> i & 1:
            total += n
    count += total == 100
print(count)
