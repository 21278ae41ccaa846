moves = 0


def hanoi(n, a, b, c):
    global moves
    if n:
        hanoi(n - 1, a, c, b)
        moves += 1
        hanoi(n - 1, c, b, a)


hanoi(16, "a", "b", "c")
print(moves)
