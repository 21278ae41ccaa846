// Gauss-Seidel relaxation in two dimensions, in place (PolyBench's `seidel-2d`, from its definition): each element
// needs the one before it, so a division is waited for every time.
// Usage: seidel2d [N [STEPS]], N <= 500; prints a checksum of the final grid.
#include <stdio.h>
#include <stdlib.h>

#define MAX 500
static double A[MAX][MAX];

__attribute__((noinline)) static void init(int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            A[i][j] = ((double)i * (j + 2) + 2) / n + (i * 5 + j * 3) % 11;
}

__attribute__((noinline)) static void sweep(int n) {
    for (int i = 1; i < n - 1; i++)
        for (int j = 1; j < n - 1; j++)
            A[i][j] = (A[i - 1][j - 1] + A[i - 1][j] + A[i - 1][j + 1] + A[i][j - 1] + A[i][j] + A[i][j + 1] +
                       A[i + 1][j - 1] + A[i + 1][j] + A[i + 1][j + 1]) / 9.0;
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 60;
    int steps = argc > 2 ? atoi(argv[2]) : 12;
    if (n < 3 || n > MAX || steps < 0) {
        fprintf(stderr, "seidel2d: size must be 3..%d\n", MAX);
        return 2;
    }
    init(n);
    for (int t = 0; t < steps; t++)
        sweep(n);
    double sum = 0, diagonal = 0;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            sum += A[i][j];
        diagonal += A[i][n - 1 - i];
    }
    printf("seidel2d %d: sum %.6f diagonal %.9f\n", n, sum, diagonal);
    return 0;
}
