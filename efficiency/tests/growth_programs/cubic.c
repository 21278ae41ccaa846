// Work that grows with the number that it reads: n^3.
#include <inttypes.h>
#include <stdio.h>

static volatile uint64_t sum;

static void step(uint64_t i) { sum += i ^ 0x5bd1e995; }

int main(void) {
    uint64_t n;
    if (scanf("%" SCNu64, &n) != 1) return 1;
    for (uint64_t i = 0; i < n; i++) for (uint64_t j = 0; j < n; j++) for (uint64_t k = 0; k < n; k++) step(k);
    printf("%016" PRIx64 "\n", sum);
    return 0;
}
