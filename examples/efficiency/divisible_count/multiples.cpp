// n, a fraction of it: from multiple to multiple.
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
    int64_t questions = read_number(), total = 0;
    for (int64_t q = 0; q < questions; q++) {
        int64_t n = read_number(), a = read_number(), b = read_number();
        int64_t x = a, y = b;
        while (x <= n || y <= n) {
            int64_t least = x < y ? x : y;
            total++;
            if (x == least) x += a;
            if (y == least) y += b;
        }
    }
    printf("%012lld\n", (long long)total);
}
