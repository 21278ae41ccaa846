/* Lines of many kinds. Built by
   python3 -m ziglang cc -target wasm32-freestanding -O0 -g -nostdlib -fno-sanitize=undefined -ffile-prefix-map=$PWD=. -Wl,--no-entry -Wl,--export=run -Wl,--export=forever -o lines.wasm lines.c
   in this directory, with PyPI's ziglang 0.17.1. */
int run_steps;

static inline __attribute__((always_inline)) int square(int x) {
    int y = x * x;
    return y;
}

static int down(int n) { return n ? down(n - 1) + 1 : 0; }

int run(int n) {
    int sum = square(0);
    for (int i = 0; i < n; i++) sum += i;
    for (int i = 0; i < n; i++) {
        run_steps++;
        if (i == 2)
            break;
        sum += square(i) + square(i + 1);
    }
    if (n < 0) {
        sum = -1;
    }
    return sum + down(2);
}

void forever(void) {
    for (unsigned turns = 0;; turns++)
        run_steps++;
}
