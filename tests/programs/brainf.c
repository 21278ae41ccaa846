// An interpreter written as one switch (a `br_table` in a loop): an eight-instruction tape machine that multiplies
// and says hello.
// Usage: brainf [ROUNDS]; prints the guest's output of the last round and a count of its instructions.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char hello[] =
    "++++++++[>++++[>++>+++>+++>+<<<<-]>+>+>->>+[<]<-]>>.>---.+++++++..+++.>>.<-.<.+++.------.--------.>>+.>++.";
// 12 * 12 * 12 in a byte.
static const char multiply[] = "++++++++++++[>++++++++++++[>++++++++++++[>+>+<<-]>>[<<+>>-]<<[-]<-]<-]>>>.";

enum { TAPE = 1024, CODE = 256 };
static uint8_t tape[TAPE], out[64];
static uint16_t jump[CODE];

__attribute__((noinline)) static void link_brackets(const char *code) {
    uint16_t open[CODE], depth = 0;
    for (uint16_t i = 0; code[i]; i++) {
        if (code[i] == '[')
            open[depth++] = i;
        else if (code[i] == ']') {
            jump[i] = open[--depth];
            jump[open[depth]] = i;
        }
    }
}

__attribute__((noinline)) static uint32_t execute(const char *code, int *out_len) {
    uint32_t steps = 0, ip = 0, at = 0;
    memset(tape, 0, sizeof tape);
    *out_len = 0;
    for (;; ip++, steps++) {
        switch (code[ip]) {
        case '+': tape[at]++; break;
        case ',': tape[at] = 0; break;
        case '-': tape[at]--; break;
        case '.': out[(*out_len)++ & 63] = tape[at]; break;
        case '<': at = (at - 1) & (TAPE - 1); break;
        case '>': at = (at + 1) & (TAPE - 1); break;
        case '[': if (!tape[at]) ip = jump[ip]; break;
        case ']': if (tape[at]) ip = jump[ip]; break;
        case 0: return steps;
        default: break;
        }
    }
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 8, n = 0;
    uint32_t steps = 0, sum = 0;
    for (int r = 0; r < rounds; r++) {
        link_brackets(multiply);
        steps += execute(multiply, &n);
        sum = sum * 31 + out[0];
        link_brackets(hello);
        steps += execute(hello, &n);
    }
    printf("brainf %d rounds: %u steps, product %u, said '%.*s'\n", rounds, (unsigned)steps, (unsigned)sum, (n - 1) & 63,
           (const char *)out);
    return 0;
}
