// n lg n: Dijkstra, the nearest node from a heap.
#include <cstdint>
#include <cstdio>
#include <functional>
#include <queue>
#include <utility>
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
    using Entry = std::pair<int64_t, int64_t>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> queue;
    queue.push({0, 0});
    while (!queue.empty()) {
        auto [length, node] = queue.top();
        queue.pop();
        if (length > distance[node]) continue;
        for (const auto &e : edges[node]) {
            if (length + e.length < distance[e.to]) {
                distance[e.to] = length + e.length;
                queue.push({distance[e.to], e.to});
            }
        }
    }
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) sum = sum * 31 + (uint64_t)distance[i];
    printf("%llu %llu\n", (unsigned long long)distance[n - 1], (unsigned long long)sum);
}
