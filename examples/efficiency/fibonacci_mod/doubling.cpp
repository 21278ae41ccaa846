// lg n: F(2k) and F(2k+1) from F(k) and F(k+1).
#include <cstdint>
#include <cstdio>

static int64_t read_number() {
    int c = getchar();
    while (c != EOF && (c < 48 || c > 57)) c = getchar();
    int64_t value = 0;
    for (; c >= 48 && c <= 57; c = getchar()) value = value * 10 + (c - 48);
    return value;
}

int main() {
    const int64_t prime = 1000000007;
    int64_t questions = read_number(), total = 0;
    for (int64_t q = 0; q < questions; q++) {
        int64_t n = read_number(), a = 0, b = 1, bit = 1;
        while (bit <= n / 2) bit *= 2;
        for (; bit > 0; bit /= 2) {
            int64_t even = a * ((2 * b + prime - a) % prime) % prime;
            int64_t odd = (a * a + b * b) % prime;
            bool set = (n & bit) != 0;
            a = set ? odd : even;
            b = set ? (even + odd) % prime : odd;
        }
        total += a;
    }
    printf("%012lld\n", (long long)total);
}
