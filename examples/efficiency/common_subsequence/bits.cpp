// n^2/64: sixty-four columns in a word (Crochemore, Iliopoulos, Pinzon, Reid 2001).
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
    std::string a = read_word(), b = read_word();
    size_t words = (b.size() + 63) / 64;
    std::vector<std::vector<uint64_t>> where(256, std::vector<uint64_t>());
    for (size_t j = 0; j < b.size(); j++) {
        auto &places = where[(unsigned char)b[j]];
        places.resize(words, 0);
        places[j / 64] |= UINT64_C(1) << (j % 64);
    }
    // A column's bit is 0 where the row grows.
    std::vector<uint64_t> flat(words, ~UINT64_C(0));
    for (char letter : a) {
        const auto &places = where[(unsigned char)letter];
        if (places.empty()) continue;
        uint64_t carry = 0;
        for (size_t w = 0; w < words; w++) {
            uint64_t met = flat[w] & places[w];
            uint64_t sum = flat[w] + met;
            uint64_t over = sum < met;
            sum += carry;
            over |= sum < carry;
            carry = over;
            flat[w] = sum | (flat[w] & ~places[w]);
        }
    }
    int64_t length = 0;
    for (size_t j = 0; j < b.size(); j++) length += !(flat[j / 64] >> (j % 64) & 1);
    printf("%lld\n", (long long)length);
}
