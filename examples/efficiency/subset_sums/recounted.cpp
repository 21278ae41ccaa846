// n 2^n: each subset is added up anew.
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
    std::vector<int64_t> a(n);
    for (auto &x : a) x = read_number();
    for (int64_t subset = 0; subset < INT64_C(1) << n; subset++) {
        int64_t sum = 0;
        for (int64_t i = 0; i < n; i++) {
            if (subset >> i & 1) sum += a[i];
        }
        if (sum == target) count++;
    }
    printf("%lld\n", (long long)count);
}
