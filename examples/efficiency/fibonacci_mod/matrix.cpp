// lg n: powers of the matrix (1 1; 1 0), all four elements.
#include <array>
#include <cstdint>
#include <cstdio>

static int64_t read_number() {
    int c = getchar();
    while (c != EOF && (c < 48 || c > 57)) c = getchar();
    int64_t value = 0;
    for (; c >= 48 && c <= 57; c = getchar()) value = value * 10 + (c - 48);
    return value;
}

using Matrix = std::array<std::array<int64_t, 2>, 2>;

static Matrix product(const Matrix &x, const Matrix &y) {
    Matrix z{};
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 2; j++) {
            for (int k = 0; k < 2; k++) z[i][j] = (z[i][j] + x[i][k] * y[k][j]) % 1000000007;
        }
    }
    return z;
}

int main() {
    int64_t questions = read_number(), total = 0;
    for (int64_t q = 0; q < questions; q++) {
        Matrix power{{{1, 1}, {1, 0}}}, result{{{1, 0}, {0, 1}}};
        for (int64_t n = read_number(); n > 0; n /= 2) {
            if (n % 2 == 1) result = product(result, power);
            power = product(power, power);
        }
        total += result[0][1];
    }
    printf("%012lld\n", (long long)total);
}
