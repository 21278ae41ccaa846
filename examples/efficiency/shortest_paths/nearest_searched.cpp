// n^2: Dijkstra, the nearest node searched among all.
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
    int64_t to, length;
};

int main() {
    int64_t n = read_number(), m = read_number();
    std::vector<std::vector<Edge>> edges(n);
    for (int64_t i = 0; i < m; i++) {
        int64_t from = read_number() - 1, to = read_number() - 1;
        edges[from].push_back({to, read_number()});
    }
    const int64_t far = INT64_C(1) << 60;
    std::vector<int64_t> distance(n, far);
    distance[0] = 0;
    std::vector<bool> done(n, false);
    for (int64_t round = 0; round < n; round++) {
        int64_t nearest = -1;
        for (int64_t i = 0; i < n; i++) {
            if (!done[i] && (nearest < 0 || distance[i] < distance[nearest])) nearest = i;
        }
        done[nearest] = true;
        for (const auto &e : edges[nearest]) {
            if (distance[nearest] + e.length < distance[e.to]) distance[e.to] = distance[nearest] + e.length;
        }
    }
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) sum = sum * 31 + (uint64_t)distance[i];
    printf("%llu %llu\n", (unsigned long long)distance[n - 1], (unsigned long long)sum);
}
