numbers = [i * 7919 % 1009 for i in range(700)]
for i in range(1, len(numbers)):
    value, j = numbers[i], i - 1
    while j >= 0 and numbers[j] > value:
        numbers[j + 1] = numbers[j]
        j -= 1
    numbers[j + 1] = value
print(numbers[:5], numbers[-5:])
