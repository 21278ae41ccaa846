def sort(items):
    if len(items) < 2:
        return items
    middle = len(items) // 2
    left, right = sort(items[:middle]), sort(items[middle:])
    merged, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            merged.append(left[i])
            i += 1
        else:
            merged.append(right[j])
            j += 1
    return merged + left[i:] + right[j:]


numbers = sort([i * 7919 % 100_003 for i in range(25_000)])
print(numbers[:5], numbers[-5:])
