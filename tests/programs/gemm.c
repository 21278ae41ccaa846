// General matrix product C = alpha*A*B + beta*C (PolyBench's `gemm`, from its definition).
// Usage: gemm [N [ROUNDS]], N <= 400, the same ROUNDS times; prints the sum and a weighted sum of C.
#include <stdio.h>
#include <stdlib.h>

#define MAX 400
static double A[MAX][MAX], B[MAX][MAX], C[MAX][MAX];

__attribute__((noinline)) static void init(int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            A[i][j] = (double)((i * 3 + j * 5 + 1) % n) / n;
            B[i][j] = (double)((i * 7 + j + 2) % n) / n;
            C[i][j] = (double)((i + j * 11) % n) / n;
        }
}

__attribute__((noinline)) static void gemm(int n, double alpha, double beta) {
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            C[i][j] *= beta;
        for (int k = 0; k < n; k++)
            for (int j = 0; j < n; j++)
                C[i][j] += alpha * A[i][k] * B[k][j];
    }
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 40, rounds = argc > 2 ? atoi(argv[2]) : 1;
    if (n < 1 || n > MAX) {
        fprintf(stderr, "gemm: size must be 1..%d\n", MAX);
        return 2;
    }
    for (int r = 0; r < rounds; r++) {
        init(n);
        gemm(n, 1.5, 1.2);
    }
    double sum = 0, weighted = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            sum += C[i][j];
            weighted += C[i][j] * ((i * 31 + j) % 17);
        }
    printf("gemm %d: sum %.6f weighted %.6f\n", n, sum, weighted);
    return 0;
}
