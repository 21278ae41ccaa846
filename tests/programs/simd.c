// Vectors of 128 bits: f32x4 dot product, saturating and comparing i8x16 operations, a shuffled copy, and a checksum
// in i32x4 and i64x2. Without SIMD (a native build) the same lanes are computed one by one, which checks the results.
// Usage: simd [N [ROUNDS]], elements, rounded up to 16; prints one line per kernel.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

static float *a, *b;
static uint8_t *p, *q;

__attribute__((noinline)) static void init(int n) {
    uint32_t x = 17;
    for (int i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        a[i] = (float)(int32_t)(x >> 20) * 0.25f - 500.0f;
        b[i] = (float)(int32_t)(x >> 8 & 1023) * 0.125f - 60.0f;
        p[i] = x >> 24;
        q[i] = x >> 16;
    }
}

// Four running sums, added at the end: the same order of additions in both forms.
__attribute__((noinline)) static float dot(int n) {
    float s[4];
#ifdef __wasm_simd128__
    v128_t sum = wasm_f32x4_splat(0);
    for (int i = 0; i < n; i += 4)
        sum = wasm_f32x4_add(sum, wasm_f32x4_mul(wasm_v128_load(a + i), wasm_v128_load(b + i)));
    wasm_v128_store(s, sum);
#else
    s[0] = s[1] = s[2] = s[3] = 0;
    for (int i = 0; i < n; i++)
        s[i & 3] += a[i] * b[i];
#endif
    return (s[0] + s[1]) + (s[2] + s[3]);
}

// Sum of |p - q| over bytes, by saturating subtraction both ways.
__attribute__((noinline)) static uint64_t distance(int n) {
#ifdef __wasm_simd128__
    v128_t sum = wasm_i64x2_splat(0);
    for (int i = 0; i < n; i += 16) {
        v128_t x = wasm_v128_load(p + i), y = wasm_v128_load(q + i);
        v128_t d = wasm_v128_or(wasm_u8x16_sub_sat(x, y), wasm_u8x16_sub_sat(y, x));
        v128_t w = wasm_u32x4_extadd_pairwise_u16x8(wasm_u16x8_extadd_pairwise_u8x16(d));
        sum = wasm_i64x2_add(sum, wasm_i64x2_add(wasm_u64x2_extend_low_u32x4(w), wasm_u64x2_extend_high_u32x4(w)));
    }
    return (uint64_t)wasm_i64x2_extract_lane(sum, 0) + (uint64_t)wasm_i64x2_extract_lane(sum, 1);
#else
    uint64_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += p[i] > q[i] ? p[i] - q[i] : q[i] - p[i];
    return sum;
#endif
}

// Blend: max where the byte of p is odd, the saturated sum elsewhere; then each group of 16 reversed into q.
__attribute__((noinline)) static uint32_t blend(int n) {
    uint32_t odd = 0;
    for (int i = 0; i < n; i += 16) {
#ifdef __wasm_simd128__
        v128_t x = wasm_v128_load(p + i), y = wasm_v128_load(q + i), one = wasm_i8x16_splat(1);
        v128_t mask = wasm_i8x16_eq(wasm_v128_and(x, one), one);
        v128_t r = wasm_v128_bitselect(wasm_u8x16_max(x, y), wasm_u8x16_add_sat(x, y), mask);
        wasm_v128_store(q + i, wasm_i8x16_shuffle(r, r, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
        odd += (uint32_t)__builtin_popcount(wasm_i8x16_bitmask(mask));
#else
        uint8_t r[16];
        for (int k = 0; k < 16; k++) {
            unsigned x = p[i + k], y = q[i + k], s = x + y > 255 ? 255 : x + y;
            odd += x & 1;
            r[15 - k] = (uint8_t)(x & 1 ? (x > y ? x : y) : s);
        }
        for (int k = 0; k < 16; k++)
            q[i + k] = r[k];
#endif
    }
    return odd;
}

// Four interleaved multiplicative hashes of 32-bit words, folded at the end.
__attribute__((noinline)) static uint32_t checksum(const uint8_t *bytes, int n) {
    uint32_t h[4];
#ifdef __wasm_simd128__
    v128_t s = wasm_u32x4_make(1, 2, 3, 4), m = wasm_u32x4_splat(2654435761u);
    for (int i = 0; i < n; i += 16) {
        s = wasm_i32x4_mul(wasm_v128_xor(s, wasm_v128_load(bytes + i)), m);
        s = wasm_v128_xor(s, wasm_u32x4_shr(s, 15));
    }
    wasm_v128_store(h, s);
#else
    for (int k = 0; k < 4; k++) {
        h[k] = (uint32_t)k + 1;
        for (int i = 4 * k; i < n; i += 16) {
            uint32_t w = (uint32_t)bytes[i] | (uint32_t)bytes[i + 1] << 8 | (uint32_t)bytes[i + 2] << 16 |
                         (uint32_t)bytes[i + 3] << 24;
            h[k] = (h[k] ^ w) * 2654435761u;
            h[k] ^= h[k] >> 15;
        }
    }
#endif
    return ((h[0] * 31 + h[1]) * 31 + h[2]) * 31 + h[3];
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 8192, rounds = argc > 2 ? atoi(argv[2]) : 8;
    if (n < 16 || n > 16000000) {
        fprintf(stderr, "simd: size must be 16..16000000\n");
        return 2;
    }
    n = (n + 15) & ~15;
    a = malloc(sizeof *a * (size_t)n), b = malloc(sizeof *b * (size_t)n);
    p = malloc((size_t)n), q = malloc((size_t)n);
    if (!a || !b || !p || !q) return 1;
    init(n);
    float d = 0;
    uint64_t far = 0;
    uint32_t odd = 0;
    for (int round = 0; round < rounds; round++) {
        d += dot(n);
        far += distance(n);
        odd += blend(n);
    }
    printf("simd %d: dot %.3f\n", n, (double)d);
    printf("distance %llu\n", (unsigned long long)far);
    printf("blend: %u odd bytes, checksum %08x\n", (unsigned)odd, (unsigned)checksum(q, n));
    return 0;
}
