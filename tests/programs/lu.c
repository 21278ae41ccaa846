// LU decomposition without pivoting of a matrix with a dominant diagonal (PolyBench's `lu`, from its definition).
// Usage: lu [N [ROUNDS]], N <= 500, the same ROUNDS times; prints the trace of U, a checksum of both factors, and
// whether their product is the matrix.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX 500
static double A[MAX][MAX], F[MAX][MAX];

__attribute__((noinline)) static void init(int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double v = (double)((i * 11 + j * 5) % 23) / 23.0 - 0.5;
            F[i][j] = A[i][j] = i == j ? n + v : v;
        }
}

__attribute__((noinline)) static void lu(int n) {
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < j; k++)
                F[i][j] -= F[i][k] * F[k][j];
            F[i][j] /= F[j][j];
        }
        for (int j = i; j < n; j++)
            for (int k = 0; k < i; k++)
                F[i][j] -= F[i][k] * F[k][j];
    }
}

// Looks at a few elements only: the full product would cost more than the kernel.
__attribute__((noinline)) static double worst_error(int n) {
    double worst = 0;
    for (int i = 0; i < n; i += 7)
        for (int j = 0; j < n; j += 5) {
            double s = j < i ? 0 : F[i][j]; // the diagonal of L is 1
            for (int k = 0; k < i && k <= j; k++)
                s += F[i][k] * F[k][j];
            double e = fabs(s - A[i][j]);
            if (e > worst)
                worst = e;
        }
    return worst;
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 60, rounds = argc > 2 ? atoi(argv[2]) : 1;
    if (n < 1 || n > MAX) {
        fprintf(stderr, "lu: size must be 1..%d\n", MAX);
        return 2;
    }
    for (int r = 0; r < rounds; r++) {
        init(n);
        lu(n);
    }
    double trace = 0, sum = 0;
    for (int i = 0; i < n; i++) {
        trace += F[i][i];
        for (int j = 0; j < n; j++)
            sum += F[i][j] * ((i + 2 * j) % 7);
    }
    printf("lu %d: trace %.9f sum %.9f %s\n", n, trace, sum, worst_error(n) < 1e-9 ? "exact" : "INEXACT");
    return 0;
}
