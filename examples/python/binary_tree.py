def insert(node, value):
    if node is None:
        return [value, None, None]
    side = 1 if value < node[0] else 2
    node[side] = insert(node[side], value)
    return node


def depth(node):
    return 0 if node is None else 1 + max(depth(node[1]), depth(node[2]))


root = None
for i in range(7_000):
    root = insert(root, i * 7919 % 100_003)
print(depth(root))
