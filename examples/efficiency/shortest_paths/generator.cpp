// SIZE SEED: a graph of SIZE nodes and 4 SIZE one-way edges: a cheap chain through all nodes, last edge first, and others that are too long to pay.
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
    printf("%" PRIu64 " %" PRIu64 "\n", n, 4 * n - 4);
    for (uint64_t i = n; i > 1; i--) {
        // Nodes are from 1, of six digits like the lengths.
        printf("%06" PRIu64 " %06" PRIu64 " %06" PRIu64 "\n", i - 1, i, 1 + random_below(9));
        for (int k = 0; k < 3; k++) {
            uint64_t from = 1 + random_below(n), to = 1 + random_below(n);
            uint64_t apart = to > from ? to - from : 1;
            printf("%06" PRIu64 " %06" PRIu64 " %06" PRIu64 "\n", from, to, 8 * apart + random_below(1000));
        }
    }
}
