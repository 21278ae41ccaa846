// 2^n: in Gray code's order neighbouring subsets differ by one number.
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
    int64_t n = read_number(), target = read_number(), sum = 0;
    std::vector<int64_t> a(n);
    for (auto &x : a) x = read_number();
    int64_t count = target == 0, subset = 0;
    for (int64_t step = 1; step < INT64_C(1) << n; step++) {
        int bit = __builtin_ctzll(step);
        subset ^= INT64_C(1) << bit;
        sum += subset >> bit & 1 ? a[bit] : -a[bit];
        if (sum == target) count++;
    }
    printf("%lld\n", (long long)count);
}
