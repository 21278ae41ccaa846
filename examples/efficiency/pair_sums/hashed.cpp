// n: how often each number came before, in a table with open addressing.
#include <cstdint>
#include <cstdio>
#include <vector>

static int64_t read_number() {
    int c = getchar();
    while (c != EOF && (c < 48 || c > 57)) c = getchar();
    int64_t value = 0;
    for (; c >= 48 && c <= 57; c = getchar()) value = value * 10 + (c - 48);
    return value;
}

int main() {
    int64_t n = read_number(), target = read_number(), count = 0;
    uint64_t slots = 4;
    while (slots < 2 * (uint64_t)n) slots *= 2;
    std::vector<int64_t> key(slots, -1), seen(slots, 0);
    auto slot = [&](int64_t x) {
        uint64_t at = ((uint64_t)x * 0x9e3779b97f4a7c15u >> 20) & (slots - 1);
        while (key[at] != -1 && key[at] != x) at = (at + 1) & (slots - 1);
        return at;
    };
    for (int64_t i = 0; i < n; i++) {
        int64_t x = read_number();
        if (target >= x) count += seen[slot(target - x)];
        uint64_t at = slot(x);
        key[at] = x;
        seen[at]++;
    }
    printf("%lld\n", (long long)count);
}
