// n lg n: merge sort, from runs of one upwards.
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
    int64_t n = read_number(), count = 0;
    std::vector<int64_t> a(n), b(n);
    for (auto &x : a) x = read_number();
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t from = 0; from < n; from += 2 * width) {
            int64_t middle = from + width < n ? from + width : n;
            int64_t end = from + 2 * width < n ? from + 2 * width : n;
            int64_t i = from, j = middle, k = from;
            while (i < middle && j < end) {
                if (a[j] < a[i]) {
                    count += middle - i;
                    b[k++] = a[j++];
                } else {
                    b[k++] = a[i++];
                }
            }
            while (i < middle) b[k++] = a[i++];
            while (j < end) b[k++] = a[j++];
        }
        a.swap(b);
    }
    printf("%lld\n", (long long)count);
}
