// SIZE SEED: two words of SIZE letters out of four.
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
    for (int word = 0; word < 2; word++) {
        for (uint64_t i = 0; i < n; i++) putchar("acgt"[random_below(4)]);
        putchar('\n');
    }
}
