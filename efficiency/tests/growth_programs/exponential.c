// Work that grows with the number that it reads: 2^n.
#include <inttypes.h>
#include <stdio.h>

static volatile uint64_t sum;

static void step(uint64_t i) { sum += i ^ 0x5bd1e995; }

int main(void) {
    uint64_t n;
    if (scanf("%" SCNu64, &n) != 1) return 1;
    for (uint64_t i = 0; i < (uint64_t)1 << n; i++) step(i);
    printf("%016" PRIx64 "\n", sum);
    return 0;
}
