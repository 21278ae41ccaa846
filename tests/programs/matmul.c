// Dense f64 matrix product over heap rows, blocked, against the textbook order of loops.
// Usage: matmul [N]; prints the trace and whether both orders agree.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double *matrix(int n, int a, int b) {
    double *m = malloc(sizeof *m * (size_t)n * (size_t)n);
    if (!m) abort();
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            m[i * n + j] = a ? (double)((i * a + j * b) % 23) * 0.125 - 1.0 : 0.0;
    return m;
}

__attribute__((noinline)) static void textbook(int n, const double *a, const double *b, double *c) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double s = 0;
            for (int k = 0; k < n; k++)
                s += a[i * n + k] * b[k * n + j];
            c[i * n + j] = s;
        }
}

enum { BLOCK = 16 };
__attribute__((noinline)) static void blocked(int n, const double *a, const double *b, double *c) {
    for (int i0 = 0; i0 < n; i0 += BLOCK)
        for (int k0 = 0; k0 < n; k0 += BLOCK)
            for (int i = i0; i < n && i < i0 + BLOCK; i++)
                for (int k = k0; k < n && k < k0 + BLOCK; k++) {
                    double x = a[i * n + k];
                    for (int j = 0; j < n; j++)
                        c[i * n + j] += x * b[k * n + j];
                }
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 32;
    if (n < 1 || n > 1000) {
        fprintf(stderr, "matmul: size must be 1..1000\n");
        return 2;
    }
    double *a = matrix(n, 3, 7), *b = matrix(n, 5, 2), *c = matrix(n, 0, 0), *d = matrix(n, 0, 0);
    textbook(n, a, b, c);
    blocked(n, a, b, d);
    double trace = 0, worst = 0;
    for (int i = 0; i < n; i++)
        trace += c[i * n + i];
    for (int i = 0; i < n * n; i++)
        worst = fmax(worst, fabs(c[i] - d[i]));
    printf("matmul %d: trace %.6f, %s\n", n, trace, worst == 0 ? "agree" : "DISAGREE");
    free(a), free(b), free(c), free(d);
    return 0;
}
