// SIZE SEED: a thousand questions `n a b` with n next to SIZE. Numbers have the same width at every size, so that reading
// costs the same.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

static uint64_t state;

// splitmix64 (Steele, Lea, Flood 2014).
static uint64_t random_below(uint64_t bound) {
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % bound;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    uint64_t size = strtoull(argv[1], nullptr, 10);
    state = strtoull(argv[2], nullptr, 10);
    printf("1000\n");
    for (int i = 0; i < 1000; i++) {
        uint64_t n = size + random_below(100), a = 10 + random_below(40), b = 10 + random_below(40);
        printf("%09" PRIu64 " %02" PRIu64 " %02" PRIu64 "\n", n, a, b);
    }
}
