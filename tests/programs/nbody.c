// Gravity among five bodies, integrated by leapfrog: f64 multiplication, division and square root.
// Usage: nbody [STEPS]; prints the energy before and after.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BODIES = 5 };
static double x[BODIES][3] = {{0, 0, 0}, {5, 0.5, -0.1}, {-8, 3, 0.3}, {2, -12, 0.2}, {14, 9, -0.4}};
static double v[BODIES][3] = {{0, 0, 0}, {0.1, 2.8, 0}, {-0.7, -2.0, 0.05}, {1.7, 0.3, -0.02}, {-0.8, 1.2, 0.01}};
static const double mass[BODIES] = {40, 0.04, 0.012, 0.0017, 0.002};

__attribute__((noinline)) static double energy(void) {
    double e = 0;
    for (int i = 0; i < BODIES; i++) {
        e += 0.5 * mass[i] * (v[i][0] * v[i][0] + v[i][1] * v[i][1] + v[i][2] * v[i][2]);
        for (int j = i + 1; j < BODIES; j++) {
            double d2 = 0;
            for (int k = 0; k < 3; k++) {
                double d = x[i][k] - x[j][k];
                d2 += d * d;
            }
            e -= mass[i] * mass[j] / sqrt(d2);
        }
    }
    return e;
}

__attribute__((noinline)) static void kick(double dt) {
    for (int i = 0; i < BODIES; i++)
        for (int j = i + 1; j < BODIES; j++) {
            double d0 = x[i][0] - x[j][0], d1 = x[i][1] - x[j][1], d2 = x[i][2] - x[j][2];
            double r2 = d0 * d0 + d1 * d1 + d2 * d2;
            double f = dt / (r2 * sqrt(r2));
            v[i][0] -= d0 * mass[j] * f, v[i][1] -= d1 * mass[j] * f, v[i][2] -= d2 * mass[j] * f;
            v[j][0] += d0 * mass[i] * f, v[j][1] += d1 * mass[i] * f, v[j][2] += d2 * mass[i] * f;
        }
}

__attribute__((noinline)) static void drift(double dt) {
    for (int i = 0; i < BODIES; i++)
        for (int k = 0; k < 3; k++)
            x[i][k] += dt * v[i][k];
}

int main(int argc, char **argv) {
    int steps = argc > 1 ? atoi(argv[1]) : 1000;
    printf("nbody %d: energy %.9f", steps, energy());
    for (int i = 0; i < steps; i++) {
        drift(0.0005);
        kick(0.001);
        drift(0.0005);
    }
    printf(" -> %.9f, first planet at %.9f %.9f\n", energy(), x[1][0], x[1][1]);
    return 0;
}
