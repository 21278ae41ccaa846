// Calls of small functions: arithmetic expressions are made at random, written as text, and read again by recursive
// descent, one function for each level of the grammar; what is read must be worth what was written.
// Usage: parse [EXPRESSIONS]; prints how much was read and a checksum of the values.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX 65536
static char text[TEXT_MAX];
static int length;
static uint32_t seed;

__attribute__((noinline)) static uint32_t pick(uint32_t n) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

__attribute__((noinline)) static void put(char c) { text[length++] = c; }

static void put_number(uint32_t n) {
    if (n >= 10)
        put_number(n / 10);
    put((char)('0' + n % 10));
}

static uint32_t apply(char op, uint32_t a, uint32_t b) {
    switch (op) {
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    case '/': return b ? a / b : a;
    case '&': return a & b;
    default: return a ^ b;
    }
}

// Writes an expression with parentheses everywhere and gives its value. At depth 7 that is far less than the text has
// room for.
__attribute__((noinline)) static uint32_t write_expression(int depth) {
    if (depth == 0 || pick(9) == 0) {
        uint32_t n = pick(2000);
        put_number(n);
        return n;
    }
    if (pick(8) == 0) {
        put('~');
        return ~write_expression(depth - 1);
    }
    char op = "+-*/&^"[pick(6)];
    put('(');
    uint32_t a = write_expression(depth - 1);
    put(' ');
    put(op);
    put(' ');
    uint32_t b = write_expression(depth - 1);
    put(')');
    return apply(op, a, b);
}

// Writes terms without parentheses: the order of evaluation is left to the grammar.
static uint32_t write_line(int depth) {
    uint32_t sum = write_expression(depth);
    for (uint32_t n = pick(4); n > 0; n--) {
        put('+');
        uint32_t a = write_expression(depth - 1);
        put('*');
        sum += a * write_expression(depth - 1);
    }
    put(0);
    return sum;
}

typedef struct {
    const char *at;
    uint32_t nodes;
    int bad;
} Parser;

__attribute__((noinline)) static char peek(Parser *p) {
    while (*p->at == ' ')
        p->at++;
    return *p->at;
}

__attribute__((noinline)) static int accept(Parser *p, char c) {
    if (peek(p) != c)
        return 0;
    p->at++;
    return 1;
}

static uint32_t bits(Parser *p);

__attribute__((noinline)) static uint32_t number(Parser *p) {
    uint32_t n = 0;
    char c = peek(p);
    if (c < '0' || c > '9')
        p->bad = 1;
    for (; *p->at >= '0' && *p->at <= '9'; p->at++)
        n = n * 10 + (uint32_t)(*p->at - '0');
    p->nodes++;
    return n;
}

__attribute__((noinline)) static uint32_t factor(Parser *p) {
    if (accept(p, '~')) {
        p->nodes++;
        return ~factor(p);
    }
    if (!accept(p, '('))
        return number(p);
    uint32_t n = bits(p);
    if (!accept(p, ')'))
        p->bad = 1;
    return n;
}

__attribute__((noinline)) static uint32_t product(Parser *p) {
    uint32_t n = factor(p);
    for (;;) {
        char op = accept(p, '*') ? '*' : accept(p, '/') ? '/' : 0;
        if (!op)
            return n;
        n = apply(op, n, factor(p));
        p->nodes++;
    }
}

__attribute__((noinline)) static uint32_t sum(Parser *p) {
    uint32_t n = product(p);
    for (;;) {
        char op = accept(p, '+') ? '+' : accept(p, '-') ? '-' : 0;
        if (!op)
            return n;
        n = apply(op, n, product(p));
        p->nodes++;
    }
}

// Bit operations bind least.
__attribute__((noinline)) static uint32_t bits(Parser *p) {
    uint32_t n = sum(p);
    for (;;) {
        char op = accept(p, '&') ? '&' : accept(p, '^') ? '^' : 0;
        if (!op)
            return n;
        n = apply(op, n, sum(p));
        p->nodes++;
    }
}

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 40, wrong = 0;
    uint32_t nodes = 0, checksum = 0;
    uint64_t bytes = 0;
    seed = 2024;
    for (int i = 0; i < count; i++) {
        length = 0;
        uint32_t expected = write_line(1 + i % 7);
        Parser p = {text, 0, 0};
        uint32_t value = bits(&p);
        if (p.bad || peek(&p) || value != expected)
            wrong++;
        nodes += p.nodes;
        bytes += (uint64_t)length;
        checksum = checksum * 31 + value;
    }
    printf("parse %d: %llu bytes, %u nodes, ", count, (unsigned long long)bytes, (unsigned)nodes);
    printf("%d wrong, checksum %08x\n", wrong, (unsigned)checksum);
    return wrong != 0;
}
