// RNA folding by Nussinov's recurrence (PolyBench's `nussinov`, from its definition):
// integer dynamic programming over a triangular table.
// Usage: nussinov [N [ROUNDS]], N <= 600, the same ROUNDS times; prints the best score and a checksum of the table.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX 600
static int table[MAX][MAX];
static uint8_t seq[MAX];

__attribute__((noinline)) static void init(int n) {
    uint32_t x = 12345;
    for (int i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        seq[i] = x >> 30;
    }
}

static inline int max2(int a, int b) { return a >= b ? a : b; }
// Bases 0..3; 0 pairs with 3, 1 with 2.
static inline int match(int a, int b) { return a + b == 3; }

__attribute__((noinline)) static void fold(int n) {
    for (int i = n - 1; i >= 0; i--)
        for (int j = i + 1; j < n; j++) {
            int best = table[i][j - 1];
            best = max2(best, table[i + 1][j]);
            best = max2(best, table[i + 1][j - 1] + (i < j - 1 ? match(seq[i], seq[j]) : 0));
            for (int k = i + 1; k < j; k++)
                best = max2(best, table[i][k] + table[k + 1][j]);
            table[i][j] = best;
        }
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 80, rounds = argc > 2 ? atoi(argv[2]) : 1;
    if (n < 2 || n >= MAX) {
        fprintf(stderr, "nussinov: size must be 2..%d\n", MAX - 1);
        return 2;
    }
    for (int r = 0; r < rounds; r++) {
        init(n);
        fold(n);
    }
    uint32_t sum = 0;
    for (int i = 0; i < n; i++)
        for (int j = i; j < n; j++)
            sum = sum * 31 + (uint32_t)table[i][j];
    printf("nussinov %d: pairs %d checksum %08x\n", n, table[0][n - 1], (unsigned)sum);
    return 0;
}
