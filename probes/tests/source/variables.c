/* Variables of known values and types. Built by
   clang --target=wasm32 -O0 -g -nostdlib -ffile-prefix-map=$PWD=. -Wl,--no-entry -Wl,--export=run -o variables.wasm variables.c
   in this directory. */
struct point {
    int x;
    double y;
    const char *name;
};
enum colour { RED, GREEN = 5 };
typedef unsigned long long wide;

static short table[2][3] = {{1, 2, 3}, {4, 5, 6}};

__attribute__((noinline)) int look(struct point *p, wide w) {
    return p->x + (int)w + table[1][2];
}

int run(int n) {
    struct point here = {n, 2.5, "here"};
    enum colour colour = GREEN;
    int sum = 0;
    for (int i = 0; i < n; i++) {
        int n = i * 10;
        sum += n;
    }
    return look(&here, sum + colour);
}
