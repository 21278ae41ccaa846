// SIZE SEED: SIZE numbers of three digits, and half their sum as the target.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <vector>

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
    uint64_t n = strtoull(argv[1], nullptr, 10), sum = 0;
    state = strtoull(argv[2], nullptr, 10);
    std::vector<uint64_t> a;
    for (uint64_t i = 0; i < n; i++) {
        a.push_back(100 + random_below(900));
        sum += a.back();
    }
    printf("%" PRIu64 " %" PRIu64 "\n", n, sum / 2);
    for (uint64_t x : a) printf("%" PRIu64 "\n", x);
}
