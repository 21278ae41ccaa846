// n^2: each node has its component's name, and all are renamed where two are joined.
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
    int64_t n = read_number(), m = read_number();
    std::vector<int64_t> name(n);
    for (int64_t i = 0; i < n; i++) name[i] = i;
    uint64_t hash = 0;
    for (int64_t i = 0; i < m; i++) {
        int64_t join = read_number(), a = name[read_number()], b = name[read_number()];
        if (join == 0) {
            hash = hash * 3 + (a == b ? 1 : 2);
        } else if (a != b) {
            for (auto &x : name) {
                if (x == a) x = b;
            }
        }
    }
    printf("%llu\n", (unsigned long long)hash);
}
