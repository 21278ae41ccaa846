// Counts primes and lists twins; with -f N it factorises N instead (so a plain run never enters `factorise`).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((noinline)) static int is_prime(int n) {
    if (n < 2) return 0; // never taken below: counting starts at 2
    for (int d = 2; d * d <= n; d++)
        if (n % d == 0) return 0;
    return 1;
}

__attribute__((noinline)) static int count_primes(int limit) {
    int count = 0;
    for (int n = 2; n < limit; n++)
        count += is_prime(n);
    return count;
}

__attribute__((noinline)) static int count_twins(int limit) {
    int count = 0, last = 2;
    for (int n = 3; n < limit; n += 2) {
        if (!is_prime(n)) continue;
        if (n - last == 2) count++;
        last = n;
    }
    return count;
}

__attribute__((noinline)) static void factorise(int n) {
    printf("%d =", n);
    for (int d = 2; d <= n; d++)
        for (; n % d == 0; n /= d)
            printf(" %d", d);
    printf("\n");
}

int main(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[1], "-f") == 0) {
        factorise(atoi(argv[2]));
        return 0;
    }
    int limit = argc > 1 ? atoi(argv[1]) : 10000;
    if (limit < 2) {
        fprintf(stderr, "primes: the limit must be at least 2\n");
        return 2;
    }
    printf("%d primes and %d twins below %d\n", count_primes(limit), count_twins(limit), limit);
    return 0;
}
