def sort(items):
    if len(items) < 2:
        return items
    pivot = items[len(items) // 2]
    return (
        sort([x for x in items if x < pivot])
        + [x for x in items if x == pivot]
        + sort([x for x in items if x > pivot])
    )


numbers = sort([i * 7919 % 100_003 for i in range(40_000)])
print(numbers[:5], numbers[-5:])
