// n^3: the innermost loop goes down a column of an array of rows.
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

using Rows = std::vector<std::vector<int64_t>>;

static Rows read_rows(int64_t n) {
    Rows rows(n, std::vector<int64_t>(n));
    for (auto &row : rows) {
        for (auto &x : row) x = read_number();
    }
    return rows;
}

int main() {
    int64_t n = read_number();
    Rows a = read_rows(n), b = read_rows(n), c(n, std::vector<int64_t>(n, 0));
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            for (int64_t k = 0; k < n; k++) c[i][j] += a[i][k] * b[k][j];
        }
    }
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) sum = sum * 31 + (uint64_t)c[i][j];
    }
    printf("%llu\n", (unsigned long long)sum);
}
