/* Values of many types for the debugger. Built by
   python3 -m ziglang cc -target wasm32-freestanding -O0 -g -nostdlib -fno-sanitize=undefined -ffile-prefix-map=$PWD=. -Wl,--no-entry -Wl,--export=run -o grid.wasm grid.c
   in this directory, with PyPI's ziglang 0.17.1. */
#include <stdbool.h>

union bits {
    float real;
    unsigned whole;
};

struct world {
    int grid[2][3];
    char name[8];
    bool open;
    union bits bits;
    double *scale;
    struct world **back;
    unsigned char empty[100];
    long long large;
};

static double scale = 0.5;
static struct world world = {{{1, 2, 3}, {4, 5, 6}}, "earth", true, {1.5f}, &scale, 0, {0}, -5000000000};
static struct world *there = &world;

int run(int n) {
    world.back = &there;
    world.grid[1][n] += 10;
    return world.grid[1][n];
}
