numbers = list(range(0, 300_000, 3))


def find(x):
    low, high = 0, len(numbers)
    while low < high:
        middle = (low + high) // 2
        if numbers[middle] < x:
            low = middle + 1
        else:
            high = middle
    return low


print(sum(find(x) for x in range(0, 300_000, 7)))
