size = 64
state, alive = 1, set()
for i in range(1_400):
    state = (state * 1_103_515_245 + 12_345) & 0x7FFFFFFF
    alive.add((state >> 8 & 63, state >> 16 & 63))
for _ in range(10):
    near = {}
    for x, y in alive:
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                if dx or dy:
                    cell = ((x + dx) % size, (y + dy) % size)
                    near[cell] = near.get(cell, 0) + 1
    alive = {cell for cell, n in near.items() if n == 3 or n == 2 and cell in alive}
print(len(alive))
