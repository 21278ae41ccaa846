numbers = [i * 7919 % 10_007 for i in range(900)]
found = 0
for i, a in enumerate(numbers):
    for b in numbers[i + 1 :]:
        if a + b == 10_000:
            found += 1
print(found)
