// n^2: for each first number one index from each end.
#include <algorithm>
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
    std::sort(a.begin(), a.end());
    for (int64_t i = 0; i < n; i++) {
        int64_t low = i + 1, high = n - 1;
        while (low < high) {
            int64_t sum = a[i] + a[low] + a[high];
            if (sum == target) count++;
            if (sum <= target) low++;
            if (sum >= target) high--;
        }
    }
    printf("%lld\n", (long long)count);
}
