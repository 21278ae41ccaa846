// All shortest paths by Floyd and Warshall (PolyBench's `floyd-warshall`, from its definition).
// Usage: floyd [N [ROUNDS]], N <= 400, the same ROUNDS times; prints the diameter and a checksum of the distances.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX 400
static int path[MAX][MAX];

__attribute__((noinline)) static void init(int n) {
    uint32_t x = 99;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            x = x * 1103515245u + 12345u;
            int far = (x >> 16) % 13 == 0;
            path[i][j] = i == j ? 0 : far ? 1 + (int)((x >> 20) % 90) : 999;
        }
}

__attribute__((noinline)) static void floyd(int n) {
    for (int k = 0; k < n; k++)
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                int through = path[i][k] + path[k][j];
                path[i][j] = path[i][j] < through ? path[i][j] : through;
            }
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 48, rounds = argc > 2 ? atoi(argv[2]) : 1;
    if (n < 1 || n > MAX) {
        fprintf(stderr, "floyd: size must be 1..%d\n", MAX);
        return 2;
    }
    for (int r = 0; r < rounds; r++) {
        init(n);
        floyd(n);
    }
    int diameter = 0;
    uint32_t sum = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            sum = sum * 33 + (uint32_t)path[i][j];
            if (path[i][j] > diameter)
                diameter = path[i][j];
        }
    printf("floyd %d: diameter %d checksum %08x\n", n, diameter, (unsigned)sum);
    return 0;
}
