// CRC-32 (IEEE 802.3, reflected) by bit, by one table, and by four tables ("slicing").
// Usage: crc32 [KIB]; prints the check value of "123456789" and the three results, which must agree.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t T[4][256];

__attribute__((noinline)) static void make_tables(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
        T[0][i] = c;
    }
    for (int t = 1; t < 4; t++)
        for (uint32_t i = 0; i < 256; i++)
            T[t][i] = T[t - 1][i] >> 8 ^ T[0][T[t - 1][i] & 255];
}

__attribute__((noinline)) static uint32_t crc_bits(uint32_t c, const uint8_t *p, size_t n) {
    c = ~c;
    while (n--) {
        c ^= *p++;
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (0xedb88320u & -(c & 1));
    }
    return ~c;
}

__attribute__((noinline)) static uint32_t crc_table(uint32_t c, const uint8_t *p, size_t n) {
    c = ~c;
    while (n--)
        c = c >> 8 ^ T[0][(c ^ *p++) & 255];
    return ~c;
}

__attribute__((noinline)) static uint32_t crc_slices(uint32_t c, const uint8_t *p, size_t n) {
    c = ~c;
    for (; n >= 4; n -= 4, p += 4) {
        c ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        c = T[3][c & 255] ^ T[2][c >> 8 & 255] ^ T[1][c >> 16 & 255] ^ T[0][c >> 24];
    }
    return crc_table(~c, p, n);
}

int main(int argc, char **argv) {
    int kib = argc > 1 ? atoi(argv[1]) : 8;
    static uint8_t buf[1024];
    make_tables();
    printf("crc32 check: %08x\n", (unsigned)crc_table(0, (const uint8_t *)"123456789", 9));
    uint32_t x = 7, a = 0, b = 0, c = 0;
    for (int i = 0; i < kib; i++) {
        for (size_t j = 0; j < sizeof buf; j++) {
            x = x * 22695477u + 1u;
            buf[j] = x >> 16;
        }
        a = crc_bits(a, buf, sizeof buf);
        b = crc_table(b, buf, sizeof buf);
        c = crc_slices(c, buf, sizeof buf);
    }
    printf("crc32 %d KiB: bits %08x table %08x slices %08x\n", kib, (unsigned)a, (unsigned)b, (unsigned)c);
    return a == b && b == c ? 0 : 1;
}
