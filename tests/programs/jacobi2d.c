// Five-point Jacobi relaxation in two dimensions (PolyBench's `jacobi-2d`, from its definition).
// Usage: jacobi2d [N [STEPS]], N <= 500; prints a checksum of the final grid.
#include <stdio.h>
#include <stdlib.h>

#define MAX 500
static double A[MAX][MAX], B[MAX][MAX];

__attribute__((noinline)) static void init(int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            A[i][j] = ((double)i * (j + 2) + 2) / n;
            B[i][j] = ((double)i * (j + 3) + 3) / n;
        }
}

__attribute__((noinline)) static void relax(int n, double from[MAX][MAX], double to[MAX][MAX]) {
    for (int i = 1; i < n - 1; i++)
        for (int j = 1; j < n - 1; j++)
            to[i][j] = 0.2 * (from[i][j] + from[i][j - 1] + from[i][j + 1] + from[i + 1][j] + from[i - 1][j]);
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 50;
    int steps = argc > 2 ? atoi(argv[2]) : n / 5;
    if (n < 3 || n > MAX || steps < 0) {
        fprintf(stderr, "jacobi2d: size must be 3..%d\n", MAX);
        return 2;
    }
    init(n);
    for (int t = 0; t < steps; t++) {
        relax(n, A, B);
        relax(n, B, A);
    }
    double sum = 0, diagonal = 0;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            sum += A[i][j];
        diagonal += A[i][n - 1 - i];
    }
    printf("jacobi2d %d x %d steps: sum %.9f diagonal %.9f\n", n, steps, sum, diagonal);
    return 0;
}
