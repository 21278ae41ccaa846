// n lg n: ranks from a balanced tree of all numbers, then a binary indexed tree.
#include <cstdint>
#include <cstdio>
#include <map>
#include <vector>

static int64_t read_number() {
    int c = getchar();
    while (c != EOF && (c < 48 || c > 57)) c = getchar();
    int64_t value = 0;
    for (; c >= 48 && c <= 57; c = getchar()) value = value * 10 + (c - 48);
    return value;
}

int main() {
    int64_t n = read_number(), count = 0;
    std::vector<int64_t> a(n);
    std::map<int64_t, int64_t> rank;
    for (auto &x : a) rank[x = read_number()] = 0;
    int64_t distinct = 0;
    for (auto &entry : rank) entry.second = ++distinct;
    std::vector<int64_t> tree(distinct + 1, 0);
    for (int64_t i = 0; i < n; i++) {
        int64_t at = rank[a[i]];
        int64_t not_greater = 0;
        for (int64_t k = at; k > 0; k -= k & -k) not_greater += tree[k];
        count += i - not_greater;
        for (int64_t k = at; k <= distinct; k += k & -k) tree[k]++;
    }
    printf("%lld\n", (long long)count);
}
