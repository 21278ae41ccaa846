// Quicksort (median of three, insertion sort for short runs) and heapsort of the same numbers.
// Usage: sort [N]; prints a checksum of the sorted numbers, and whether both sorts agree.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void swap(int32_t *a, int32_t *b) {
    int32_t t = *a;
    *a = *b;
    *b = t;
}

__attribute__((noinline)) static void insertion_sort(int32_t *v, int lo, int hi) {
    for (int i = lo + 1; i <= hi; i++) {
        int32_t x = v[i];
        int j = i - 1;
        for (; j >= lo && v[j] > x; j--)
            v[j + 1] = v[j];
        v[j + 1] = x;
    }
}

__attribute__((noinline)) static int partition(int32_t *v, int lo, int hi) {
    int mid = lo + (hi - lo) / 2;
    if (v[mid] < v[lo]) swap(&v[mid], &v[lo]);
    if (v[hi] < v[lo]) swap(&v[hi], &v[lo]);
    if (v[hi] < v[mid]) swap(&v[hi], &v[mid]);
    int32_t pivot = v[mid];
    int i = lo - 1, j = hi + 1;
    for (;;) {
        do i++; while (v[i] < pivot);
        do j--; while (v[j] > pivot);
        if (i >= j) return j;
        swap(&v[i], &v[j]);
    }
}

__attribute__((noinline)) static void quick_sort(int32_t *v, int lo, int hi) {
    while (hi - lo > 12) {
        int p = partition(v, lo, hi);
        if (p - lo < hi - p) {
            quick_sort(v, lo, p);
            lo = p + 1;
        } else {
            quick_sort(v, p + 1, hi);
            hi = p;
        }
    }
    insertion_sort(v, lo, hi);
}

__attribute__((noinline)) static void sift_down(int32_t *v, int root, int n) {
    int32_t x = v[root];
    for (int child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && v[child + 1] > v[child]) child++;
        if (v[child] <= x) break;
        v[root] = v[child];
    }
    v[root] = x;
}

__attribute__((noinline)) static void heap_sort(int32_t *v, int n) {
    for (int i = n / 2 - 1; i >= 0; i--)
        sift_down(v, i, n);
    for (int end = n - 1; end > 0; end--) {
        swap(&v[0], &v[end]);
        sift_down(v, 0, end);
    }
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 4000;
    if (n < 1 || n > 20000000) {
        fprintf(stderr, "sort: size must be 1..20000000\n");
        return 2;
    }
    int32_t *a = malloc(sizeof *a * (size_t)n), *b = malloc(sizeof *b * (size_t)n);
    if (!a || !b) return 1;
    uint32_t x = 2463534242u;
    for (int i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        a[i] = b[i] = (int32_t)(x % 1000003u) - 500000;
    }
    quick_sort(a, 0, n - 1);
    heap_sort(b, n);
    int ordered = 1;
    uint32_t sum = 0;
    for (int i = 0; i < n; i++) {
        if (i && a[i - 1] > a[i]) ordered = 0;
        sum = sum * 16777619u ^ (uint32_t)a[i];
    }
    int agree = memcmp(a, b, sizeof *a * (size_t)n) == 0;
    printf("sort %d: min %d max %d checksum %08x %s %s\n", n, (int)a[0], (int)a[n - 1], (unsigned)sum,
           ordered ? "ordered" : "UNORDERED", agree ? "agree" : "DISAGREE");
    free(a);
    free(b);
    return 0;
}
