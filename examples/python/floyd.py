n = 65
far = 10 ** 9
d = [[0 if i == j else (i * 7 + j * 3) % 50 + 1 if (i + j) % 4 == 0 else far for j in range(n)] for i in range(n)]
for k in range(n):
    for i in range(n):
        for j in range(n):
            if d[i][k] + d[k][j] < d[i][j]:
                d[i][j] = d[i][k] + d[k][j]
print(sum(x for row in d for x in row if x < far))
