// n: Knuth, Morris and Pratt.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

static std::string read_word() {
    int c = getchar();
    while (c != EOF && c <= 32) c = getchar();
    std::string word;
    for (; c > 32; c = getchar()) word.push_back((char)c);
    return word;
}

int main() {
    std::string pattern = read_word(), text = read_word();
    int64_t m = (int64_t)pattern.size(), count = 0, places = 0;
    std::vector<int32_t> border(m + 1, 0);
    int32_t matched = 0;
    for (int64_t i = 1; i < m; i++) {
        while (matched > 0 && pattern[i] != pattern[matched]) matched = border[matched];
        if (pattern[i] == pattern[matched]) matched++;
        border[i + 1] = matched;
    }
    matched = 0;
    for (int64_t i = 0; i < (int64_t)text.size(); i++) {
        while (matched > 0 && (matched == m || text[i] != pattern[matched])) matched = border[matched];
        if (text[i] == pattern[matched]) matched++;
        if (matched == m) count++, places += i + 1 - m;
    }
    printf("%lld %lld\n", (long long)count, (long long)places);
}
