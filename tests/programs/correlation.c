// Correlation of the columns of a table (PolyBench's `correlation`, from its definition): sums by column, square roots,
// and a symmetric product.
// Usage: correlation [N [ROUNDS]], N <= 400 columns and 5N/4 rows, the same ROUNDS times; prints sums of the matrix.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX 400
#define MAX_ROWS (MAX + MAX / 4)
static double data[MAX_ROWS][MAX], corr[MAX][MAX], mean[MAX], deviation[MAX];

__attribute__((noinline)) static void init(int rows, int n) {
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < n; j++)
            data[i][j] = (double)(i * j % 37) / n + (double)((i * 7 + j * 3) % 13) / 13.0;
}

__attribute__((noinline)) static void normalise(int rows, int n) {
    for (int j = 0; j < n; j++) {
        mean[j] = 0;
        for (int i = 0; i < rows; i++)
            mean[j] += data[i][j];
        mean[j] /= rows;
        deviation[j] = 0;
        for (int i = 0; i < rows; i++)
            deviation[j] += (data[i][j] - mean[j]) * (data[i][j] - mean[j]);
        deviation[j] = sqrt(deviation[j] / rows);
        if (deviation[j] <= 0.1)
            deviation[j] = 1;
    }
    double root = sqrt((double)rows);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < n; j++)
            data[i][j] = (data[i][j] - mean[j]) / (root * deviation[j]);
}

__attribute__((noinline)) static void correlate(int rows, int n) {
    for (int i = 0; i < n; i++) {
        corr[i][i] = 1;
        for (int j = i + 1; j < n; j++) {
            double sum = 0;
            for (int k = 0; k < rows; k++)
                sum += data[k][i] * data[k][j];
            corr[i][j] = corr[j][i] = sum;
        }
    }
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 48, rounds = argc > 2 ? atoi(argv[2]) : 1;
    if (n < 2 || n > MAX) {
        fprintf(stderr, "correlation: size must be 2..%d\n", MAX);
        return 2;
    }
    int rows = n + n / 4;
    for (int r = 0; r < rounds; r++) {
        init(rows, n);
        normalise(rows, n);
        correlate(rows, n);
    }
    double sum = 0, weighted = 0, most = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            sum += corr[i][j];
            weighted += corr[i][j] * ((i + 2 * j) % 5);
            if (i != j && fabs(corr[i][j]) > most)
                most = fabs(corr[i][j]);
        }
    printf("correlation %d: sum %.9f weighted %.9f, off the diagonal at most %.9f\n", n, sum, weighted, most);
    return 0;
}
