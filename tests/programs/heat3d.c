// The heat equation in three dimensions, seven-point differences (PolyBench's `heat-3d`, from its definition).
// Usage: heat3d [N [STEPS]], N <= 80; prints a checksum of the final grid and its mean.
#include <stdio.h>
#include <stdlib.h>

#define MAX 80
typedef double Grid[MAX][MAX][MAX];
static Grid A, B;

__attribute__((noinline)) static void init(int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            for (int k = 0; k < n; k++)
                // PolyBench's start is one that the steps leave as it is; this has bumps.
                A[i][j][k] = B[i][j][k] = (double)(i + j + (n - k)) * 10 / n + (i * 5 + j * 3 + k * 7) % 11;
}

__attribute__((noinline)) static void step(int n, Grid from, Grid to) {
    for (int i = 1; i < n - 1; i++)
        for (int j = 1; j < n - 1; j++)
            for (int k = 1; k < n - 1; k++)
                to[i][j][k] = 0.125 * (from[i + 1][j][k] - 2.0 * from[i][j][k] + from[i - 1][j][k]) +
                              0.125 * (from[i][j + 1][k] - 2.0 * from[i][j][k] + from[i][j - 1][k]) +
                              0.125 * (from[i][j][k + 1] - 2.0 * from[i][j][k] + from[i][j][k - 1]) + from[i][j][k];
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 18;
    int steps = argc > 2 ? atoi(argv[2]) : 10;
    if (n < 3 || n > MAX || steps < 0) {
        fprintf(stderr, "heat3d: size must be 3..%d\n", MAX);
        return 2;
    }
    init(n);
    for (int t = 0; t < steps; t++) {
        step(n, A, B);
        step(n, B, A);
    }
    double sum = 0, weighted = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            for (int k = 0; k < n; k++) {
                sum += A[i][j][k];
                weighted += A[i][j][k] * ((i + 3 * j + 5 * k) % 11);
            }
    printf("heat3d %d: mean %.9f weighted %.6f\n", n, sum / ((double)n * n * n), weighted);
    return 0;
}
