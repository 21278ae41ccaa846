// n: all numbers up to the largest that is asked for, once.
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
    const int64_t prime = 1000000007;
    int64_t questions = read_number(), total = 0, most = 1;
    std::vector<int64_t> asked(questions);
    for (auto &n : asked) most = std::max(most, n = read_number());
    std::vector<int64_t> fibonacci(most + 1, 0);
    fibonacci[1] = 1;
    for (int64_t i = 2; i <= most; i++) fibonacci[i] = (fibonacci[i - 1] + fibonacci[i - 2]) % prime;
    for (int64_t n : asked) total += fibonacci[n];
    printf("%012lld\n", (long long)total);
}
