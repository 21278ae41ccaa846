// n, nearly: the same forest with union by size and path halving (Tarjan, van Leeuwen 1984).
#include <cstdint>
#include <cstdio>
#include <utility>
#include <vector>

static int64_t read_number() {
    int c = getchar();
    while (c != EOF && (c < 48 || c > 57)) c = getchar();
    int64_t value = 0;
    for (; c >= 48 && c <= 57; c = getchar()) value = value * 10 + (c - 48);
    return value;
}

static int64_t root(std::vector<int64_t> &parent, int64_t x) {
    while (parent[x] != x) x = parent[x] = parent[parent[x]];
    return x;
}

int main() {
    int64_t n = read_number(), m = read_number();
    std::vector<int64_t> parent(n), size(n, 1);
    for (int64_t i = 0; i < n; i++) parent[i] = i;
    uint64_t hash = 0;
    for (int64_t i = 0; i < m; i++) {
        int64_t join = read_number(), a = root(parent, read_number()), b = root(parent, read_number());
        if (join == 0) {
            hash = hash * 3 + (a == b ? 1 : 2);
        } else if (a != b) {
            if (size[a] > size[b]) std::swap(a, b);
            parent[a] = b;
            size[b] += size[a];
        }
    }
    printf("%llu\n", (unsigned long long)hash);
}
