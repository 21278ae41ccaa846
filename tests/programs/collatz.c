// Longest Collatz chain below N, in 64-bit arithmetic: a tight loop of integer operations and branches.
// Usage: collatz [N]; prints the start of the longest chain, its length, the highest number seen and all steps.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t peak, steps;

__attribute__((noinline)) static uint32_t chain(uint64_t n) {
    uint32_t len = 1;
    for (; n != 1; len++) {
        n = n & 1 ? 3 * n + 1 : n >> 1;
        if (n > peak) peak = n;
    }
    steps += len;
    return len;
}

int main(int argc, char **argv) {
    int limit = argc > 1 ? atoi(argv[1]) : 2500, best = 1;
    uint32_t longest = 0;
    for (int i = 1; i < limit; i++) {
        uint32_t len = chain((uint64_t)i);
        if (len > longest) {
            longest = len;
            best = i;
        }
    }
    printf("collatz %d: %d takes %u, peak %llu, %llu steps\n", limit, best, (unsigned)longest,
           (unsigned long long)peak, (unsigned long long)steps);
    return 0;
}
