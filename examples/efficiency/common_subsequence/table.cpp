// n^2, in n^2 memory: the whole table, as an array of rows.
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
    int64_t n = (int64_t)a.size(), m = (int64_t)b.size();
    std::vector<std::vector<int32_t>> best(n + 1, std::vector<int32_t>(m + 1, 0));
    for (int64_t i = 1; i <= n; i++) {
        for (int64_t j = 1; j <= m; j++) {
            if (a[i - 1] == b[j - 1]) {
                best[i][j] = best[i - 1][j - 1] + 1;
            } else if (best[i - 1][j] > best[i][j - 1]) {
                best[i][j] = best[i - 1][j];
            } else {
                best[i][j] = best[i][j - 1];
            }
        }
    }
    printf("%d\n", (int)best[n][m]);
}
