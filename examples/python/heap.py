import heapq

heap = []
total = 0
for i in range(70_000):
    heapq.heappush(heap, i * 7919 % 100_003)
    if i % 3 == 2:
        total += heapq.heappop(heap)
print(total, len(heap))
