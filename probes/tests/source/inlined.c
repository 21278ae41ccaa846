/* Inlined copies, out-of-line code and branches, with known lines. Built by
   clang --target=wasm32 -O1 -g -nostdlib -ffile-prefix-map=$PWD=. -Wl,--no-entry -Wl,--export=run -o inlined.wasm inlined.c
   in this directory. */
static inline int clamp(int x, int low) {
    if (x < low)
        return low;
    return x;
}

static inline int both(int x) {
    return clamp(x, 3) * clamp(x + 1, 5);
}

__attribute__((noinline)) int weigh(int x) {
    int sum = 0;
    for (int i = 0; i < x; i++)
        sum += i * both(i);
    return sum;
}

int run(int x) {
    if (x > 100)
        return both(x);
    return weigh(x);
}
