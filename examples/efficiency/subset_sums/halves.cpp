// n 2^(n/2): the sums of either half, sorted, then one index from each end.
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

static std::vector<int64_t> sums(const int64_t *from, const int64_t *to) {
    std::vector<int64_t> all{0};
    for (; from < to; from++) {
        size_t size = all.size();
        for (size_t i = 0; i < size; i++) all.push_back(all[i] + *from);
    }
    std::sort(all.begin(), all.end());
    return all;
}

int main() {
    int64_t n = read_number(), target = read_number(), count = 0;
    std::vector<int64_t> a(n);
    for (auto &x : a) x = read_number();
    auto left = sums(a.data(), a.data() + n / 2), right = sums(a.data() + n / 2, a.data() + n);
    size_t i = 0, j = right.size();
    while (i < left.size() && j > 0) {
        int64_t sum = left[i] + right[j - 1];
        if (sum < target) {
            i++;
        } else if (sum > target) {
            j--;
        } else {
            int64_t low = left[i], high = right[j - 1], lows = 0, highs = 0;
            while (i < left.size() && left[i] == low) i++, lows++;
            while (j > 0 && right[j - 1] == high) j--, highs++;
            count += lows * highs;
        }
    }
    printf("%lld\n", (long long)count);
}
