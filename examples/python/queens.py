def place(n, row, columns, left, right):
    if row == n:
        return 1
    count = 0
    for column in range(n):
        if column in columns or row + column in left or row - column in right:
            continue
        count += place(n, row + 1, columns | {column}, left | {row + column}, right | {row - column})
    return count


print(place(7, 0, frozenset(), frozenset(), frozenset()))
