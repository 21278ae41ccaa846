// The Mandelbrot set as text, in f64, and the same counts in f32.
// Usage: mandelbrot [WIDTH [ITERATIONS]]; pictures wider than 64 are only summed up.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) static int escape_f64(double cr, double ci, int limit) {
    double zr = 0, zi = 0;
    for (int i = 0; i < limit; i++) {
        double r2 = zr * zr, i2 = zi * zi;
        if (r2 + i2 > 4.0) return i;
        zi = 2.0 * zr * zi + ci;
        zr = r2 - i2 + cr;
    }
    return limit;
}

__attribute__((noinline)) static int escape_f32(float cr, float ci, int limit) {
    float zr = 0, zi = 0;
    for (int i = 0; i < limit; i++) {
        float r2 = zr * zr, i2 = zi * zi;
        if (r2 + i2 > 4.0f) return i;
        zi = 2.0f * zr * zi + ci;
        zr = r2 - i2 + cr;
    }
    return limit;
}

int main(int argc, char **argv) {
    int width = argc > 1 ? atoi(argv[1]) : 48, limit = argc > 2 ? atoi(argv[2]) : 60;
    if (width < 2 || width > 4096 || limit < 1) {
        fprintf(stderr, "mandelbrot: width must be 2..4096\n");
        return 2;
    }
    int height = width * 3 / 8;
    uint32_t sum64 = 0, sum32 = 0;
    for (int y = 0; y < height; y++) {
        char line[65];
        for (int x = 0; x < width; x++) {
            double cr = -2.2 + 3.2 * x / width, ci = -1.2 + 2.4 * y / height;
            int n = escape_f64(cr, ci, limit);
            sum64 = sum64 * 31 + (uint32_t)n;
            sum32 = sum32 * 31 + (uint32_t)escape_f32((float)cr, (float)ci, limit);
            if (width <= 64) line[x] = n == limit ? '#' : " .:-=+*"[n % 7];
        }
        if (width <= 64) printf("%.*s\n", width, line);
    }
    printf("mandelbrot %d x %d: f64 %08x f32 %08x\n", width, height, (unsigned)sum64, (unsigned)sum32);
    return 0;
}
