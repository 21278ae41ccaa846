// n^2: bubble sort, which exchanges once for each inversion.
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

int main() {
    int64_t n = read_number(), count = 0;
    std::vector<int64_t> a(n);
    for (auto &x : a) x = read_number();
    for (int64_t end = n; end > 1; end--) {
        for (int64_t i = 1; i < end; i++) {
            if (a[i - 1] > a[i]) {
                std::swap(a[i - 1], a[i]);
                count++;
            }
        }
    }
    printf("%lld\n", (long long)count);
}
