bodies = [[float(i), float(i * i % 7), 0.0, 0.1 * i, 1.0 + i] for i in range(5)]
for _ in range(4_000):
    for i, a in enumerate(bodies):
        for b in bodies[i + 1 :]:
            dx, dy = a[0] - b[0], a[1] - b[1]
            force = 0.001 / (dx * dx + dy * dy + 0.01) ** 1.5
            a[2] -= dx * b[4] * force
            a[3] -= dy * b[4] * force
            b[2] += dx * a[4] * force
            b[3] += dy * a[4] * force
    for body in bodies:
        body[0] += 0.001 * body[2]
        body[1] += 0.001 * body[3]
print(round(bodies[0][0], 6))
