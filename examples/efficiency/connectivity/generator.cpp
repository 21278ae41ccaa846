// SIZE SEED: SIZE nodes; as many lines that join the next node with the first one (1 0 K) or ask whether two are connected (0 A B).
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
    uint64_t n = strtoull(argv[1], nullptr, 10);
    state = strtoull(argv[2], nullptr, 10);
    printf("%" PRIu64 " %" PRIu64 "\n", n, 2 * (n - 1));
    for (uint64_t k = 1; k < n; k++) {
        // Not all are joined, so that there is something to ask.
        if (random_below(16) != 0) {
            printf("1 %07d %07" PRIu64 "\n", 0, k);
        } else {
            printf("0 %07" PRIu64 " %07" PRIu64 "\n", k, random_below(n));
        }
        printf("0 %07" PRIu64 " %07" PRIu64 "\n", random_below(k + 1), random_below(k + 1));
    }
}
