parent = list(range(60_000))


def find(x):
    while parent[x] != x:
        parent[x] = parent[parent[x]]
        x = parent[x]
    return x


for i in range(80_000):
    parent[find(i * 7919 % 60_000)] = find(i * 31 % 60_000)
print(sum(1 for i in range(60_000) if find(i) == i))
