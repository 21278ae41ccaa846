// n^2 (n m): Bellman and Ford, n rounds over all edges.
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

struct Edge {
    int64_t from, to, length;
};

int main() {
    int64_t n = read_number(), m = read_number();
    std::vector<Edge> edges(m);
    for (auto &e : edges) {
        e.from = read_number() - 1;
        e.to = read_number() - 1;
        e.length = read_number();
    }
    const int64_t far = INT64_C(1) << 60;
    std::vector<int64_t> distance(n, far);
    distance[0] = 0;
    for (int64_t round = 1; round < n; round++) {
        for (const auto &e : edges) {
            if (distance[e.from] + e.length < distance[e.to]) distance[e.to] = distance[e.from] + e.length;
        }
    }
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) sum = sum * 31 + (uint64_t)distance[i];
    printf("%llu %llu\n", (unsigned long long)distance[n - 1], (unsigned long long)sum);
}
