// n^2: at each place from the left up to the first difference.
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
    std::string pattern = read_word(), text = read_word();
    int64_t m = (int64_t)pattern.size(), n = (int64_t)text.size(), count = 0, places = 0;
    for (int64_t at = 0; at + m <= n; at++) {
        int64_t k = 0;
        while (k < m && text[at + k] == pattern[k]) k++;
        if (k == m) count++, places += at;
    }
    printf("%lld %lld\n", (long long)count, (long long)places);
}
