// n^3: both innermost indices go along rows, and the sum is in a local variable.
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
    std::vector<int64_t> turned(n * n), c(n * n, 0);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) turned[j * n + i] = b[i * n + j];
    }
    for (int64_t i = 0; i < n; i++) {
        const int64_t *x = a.data() + i * n;
        for (int64_t j = 0; j < n; j++) {
            const int64_t *y = turned.data() + j * n;
            int64_t dot = 0;
            for (int64_t k = 0; k < n; k++) dot += x[k] * y[k];
            c[i * n + j] = dot;
        }
    }
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) sum = sum * 31 + (uint64_t)c[i * n + j];
    }
    printf("%llu\n", (unsigned long long)sum);
}
