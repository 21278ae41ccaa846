// Recursion: Fibonacci, Ackermann's function, the n queens problem, and deep mutual recursion.
// Usage: recursive [N [DEPTH]]: fib(N), queens on an N-15 board (4..12), ackermann(2, 3N), even(DEPTH).
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) static uint32_t fib(uint32_t n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

__attribute__((noinline)) static uint32_t ackermann(uint32_t m, uint32_t n) {
    if (m == 0) return n + 1;
    if (n == 0) return ackermann(m - 1, 1);
    return ackermann(m - 1, ackermann(m, n - 1));
}

__attribute__((noinline)) static int queens(uint32_t all, uint32_t cols, uint32_t left, uint32_t right) {
    if (cols == all) return 1;
    int found = 0;
    for (uint32_t open = all & ~(cols | left | right); open; open &= open - 1) {
        uint32_t bit = open & -open;
        found += queens(all, cols | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return found;
}

static int is_odd(int n);
__attribute__((noinline)) static int is_even(int n) {
    int r = n == 0 ? 1 : is_odd(n - 1);
    __asm__ volatile("" ::: "memory"); // keeps this from becoming a loop
    return r;
}
__attribute__((noinline)) static int is_odd(int n) {
    int r = n == 0 ? 0 : is_even(n - 1);
    __asm__ volatile("" ::: "memory");
    return r;
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 20;
    int depth = argc > 2 ? atoi(argv[2]) : 3001;
    if (n < 1 || n > 45 || depth < 0) {
        fprintf(stderr, "recursive: size must be 1..45\n");
        return 2;
    }
    int board = n - 15 < 4 ? 4 : n - 15 > 12 ? 12 : n - 15;
    printf("fib(%d) = %u\n", n, (unsigned)fib((uint32_t)n));
    printf("ackermann(2, %d) = %u\n", 3 * n, (unsigned)ackermann(2, 3 * (uint32_t)n));
    printf("queens(%d) = %d\n", board, queens((1u << board) - 1, 0, 0, 0));
    printf("even(%d) = %d\n", depth, is_even(depth));
    return 0;
}
