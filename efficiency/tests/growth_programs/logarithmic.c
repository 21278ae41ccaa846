// Work that grows with the number that it reads: lg n.
#include <inttypes.h>
#include <stdio.h>

static volatile uint64_t sum;

static void step(uint64_t i) { sum += i ^ 0x5bd1e995; }

int main(void) {
    uint64_t n;
    if (scanf("%" SCNu64, &n) != 1) return 1;
    // A thousand steps each time: a few would not be seen beside what start-up costs.
    for (uint64_t i = n; i > 0; i /= 2) for (int j = 0; j < 1000; j++) step(i);
    printf("%016" PRIx64 "\n", sum);
    return 0;
}
