import heapq

n = 6_000
edges = [[((i * 31 + k * 17) % n, (i + k) % 13 + 1) for k in range(5)] for i in range(n)]
distance = [None] * n
heap = [(0, 0)]
while heap:
    d, node = heapq.heappop(heap)
    if distance[node] is not None:
        continue
    distance[node] = d
    for other, length in edges[node]:
        if distance[other] is None:
            heapq.heappush(heap, (d + length, other))
print(sum(d for d in distance if d is not None))
