// Cholesky decomposition of a symmetric positive definite matrix (PolyBench's `cholesky`, from its definition).
// Usage: cholesky [N [ROUNDS]], N <= 600, the same ROUNDS times; prints the trace, a checksum of L and the largest error
// of L*L' against A.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX 600
static double A[MAX][MAX], L[MAX][MAX];

// Dominant diagonal, so the matrix is positive definite.
__attribute__((noinline)) static void init(int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            double v = (double)((i * 13 + j * 7) % 19) / 19.0 - 0.5;
            A[i][j] = A[j][i] = i == j ? n + v : v;
            L[i][j] = A[i][j];
        }
}

__attribute__((noinline)) static void cholesky(int n) {
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < j; k++)
                L[i][j] -= L[i][k] * L[j][k];
            L[i][j] /= L[j][j];
        }
        for (int k = 0; k < i; k++)
            L[i][i] -= L[i][k] * L[i][k];
        L[i][i] = sqrt(L[i][i]);
    }
}

// Looks at a few rows only: the full product would cost more than the kernel.
__attribute__((noinline)) static double worst_error(int n) {
    double worst = 0;
    for (int i = 0; i < n; i += 7)
        for (int j = 0; j <= i; j += 5) {
            double s = 0;
            for (int k = 0; k <= j; k++)
                s += L[i][k] * L[j][k];
            double e = fabs(s - A[i][j]);
            if (e > worst)
                worst = e;
        }
    return worst;
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 60, rounds = argc > 2 ? atoi(argv[2]) : 1;
    if (n < 1 || n > MAX) {
        fprintf(stderr, "cholesky: size must be 1..%d\n", MAX);
        return 2;
    }
    for (int r = 0; r < rounds; r++) {
        init(n);
        cholesky(n);
    }
    double trace = 0, sum = 0;
    for (int i = 0; i < n; i++) {
        trace += L[i][i];
        for (int j = 0; j <= i; j++)
            sum += L[i][j] * ((i + j) % 7);
    }
    printf("cholesky %d: trace %.9f sum %.9f %s\n", n, trace, sum, worst_error(n) < 1e-9 ? "exact" : "INEXACT");
    return 0;
}
