// n: a rolling hash, with remainders by a prime at each step, and a comparison where it is equal.
#include <cstdint>
#include <cstdio>
#include <string>

static std::string read_word() {
    int c = getchar();
    while (c != EOF && c <= 32) c = getchar();
    std::string word;
    for (; c > 32; c = getchar()) word.push_back((char)c);
    return word;
}

int main() {
    const uint64_t prime = 1000000007, base = 911;
    std::string pattern = read_word(), text = read_word();
    int64_t m = (int64_t)pattern.size(), n = (int64_t)text.size(), count = 0, places = 0;
    uint64_t wanted = 0, hash = 0, first = 1;
    for (int64_t i = 0; i < m; i++) {
        wanted = (wanted * base + (unsigned char)pattern[i]) % prime;
        if (i > 0) first = first * base % prime;
    }
    for (int64_t i = 0; i < n; i++) {
        if (i >= m) hash = (hash + prime - first * (unsigned char)text[i - m] % prime) % prime;
        hash = (hash * base + (unsigned char)text[i]) % prime;
        if (i + 1 >= m && hash == wanted && text.compare(i + 1 - m, m, pattern) == 0) {
            count++;
            places += i + 1 - m;
        }
    }
    printf("%lld %lld\n", (long long)count, (long long)places);
}
