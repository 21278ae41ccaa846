// n^3, nine tenths of it at most: along rows, and nothing is done for a zero of the first matrix.
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

static std::vector<int64_t> read_all(int64_t n) {
    std::vector<int64_t> all(n * n);
    for (auto &x : all) x = read_number();
    return all;
}

int main() {
    int64_t n = read_number();
    auto a = read_all(n), b = read_all(n);
    std::vector<int64_t> c(n * n, 0);
    for (int64_t i = 0; i < n; i++) {
        int64_t *to = c.data() + i * n;
        for (int64_t k = 0; k < n; k++) {
            int64_t factor = a[i * n + k];
            if (factor == 0) continue;
            const int64_t *row = b.data() + k * n;
            for (int64_t j = 0; j < n; j++) to[j] += factor * row[j];
        }
    }
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) sum = sum * 31 + (uint64_t)c[i * n + j];
    }
    printf("%llu\n", (unsigned long long)sum);
}
