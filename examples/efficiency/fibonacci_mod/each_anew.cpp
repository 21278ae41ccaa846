// n: from the first number on, for each question.
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
        int64_t n = read_number(), a = 0, b = 1;
        for (int64_t i = 0; i < n; i++) {
            int64_t next = (a + b) % prime;
            a = b;
            b = next;
        }
        total += a;
    }
    printf("%012lld\n", (long long)total);
}
