// n^2, in n memory: one row, and what was left of and above it in local variables.
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
    int64_t m = (int64_t)b.size();
    std::vector<int32_t> best(m + 1, 0);
    for (char letter : a) {
        int32_t diagonal = 0, left = 0;
        for (int64_t j = 1; j <= m; j++) {
            int32_t above = best[j];
            int32_t here = above > left ? above : left;
            if (letter == b[j - 1]) here = diagonal + 1;
            diagonal = above;
            best[j] = left = here;
        }
    }
    printf("%d\n", (int)best[m]);
}
