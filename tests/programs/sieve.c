// The sieve of Eratosthenes, one byte and one bit per number.
// Usage: sieve [LIMIT]; prints the number of primes, the largest and their sum.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) static uint32_t sieve_bytes(uint8_t *composite, uint32_t n) {
    uint32_t count = 0;
    for (uint32_t i = 2; i < n; i++) {
        if (composite[i]) continue;
        count++;
        if (i > n / i) continue;
        for (uint32_t j = i * i; j < n; j += i)
            composite[j] = 1;
    }
    return count;
}

// Odd numbers only; bit k stands for 2k+1.
__attribute__((noinline)) static uint32_t sieve_bits(uint32_t *composite, uint32_t n, uint64_t *sum, uint32_t *last) {
    uint32_t half = n / 2, count = n > 2;
    *sum = count ? 2 : 0;
    for (uint32_t k = 1; k < half; k++) {
        if (composite[k >> 5] >> (k & 31) & 1) continue;
        uint32_t p = 2 * k + 1;
        count++;
        *sum += p;
        *last = p;
        if (p > n / p) continue;
        for (uint32_t j = (p * p) / 2; j < half; j += p)
            composite[j >> 5] |= 1u << (j & 31);
    }
    return count;
}

int main(int argc, char **argv) {
    int limit = argc > 1 ? atoi(argv[1]) : 30000;
    if (limit < 10 || limit > 100000000) {
        fprintf(stderr, "sieve: limit must be 10..100000000\n");
        return 2;
    }
    uint32_t n = (uint32_t)limit & ~1u, last = 2;
    uint64_t sum;
    uint8_t *bytes = calloc(n, 1);
    uint32_t *bits = calloc(n / 64 + 1, sizeof *bits);
    if (!bytes || !bits) return 1;
    uint32_t a = sieve_bytes(bytes, n), b = sieve_bits(bits, n, &sum, &last);
    printf("sieve %u: %u primes, largest %u, sum %llu, %s\n", (unsigned)n, (unsigned)b, (unsigned)last,
           (unsigned long long)sum, a == b ? "agree" : "DISAGREE");
    free(bytes);
    free(bits);
    return 0;
}
