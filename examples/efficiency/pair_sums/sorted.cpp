// n lg n: sorted, then one index from each end.
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
    int64_t low = 0, high = n - 1;
    while (low < high) {
        int64_t sum = a[low] + a[high];
        if (sum < target) {
            low++;
        } else if (sum > target) {
            high--;
        } else if (a[low] == a[high]) {
            int64_t same = high - low + 1;
            count += same * (same - 1) / 2;
            break;
        } else {
            int64_t left = 1, right = 1;
            while (a[low + 1] == a[low]) low++, left++;
            while (a[high - 1] == a[high]) high--, right++;
            count += left * right;
            low++, high--;
        }
    }
    printf("%lld\n", (long long)count);
}
