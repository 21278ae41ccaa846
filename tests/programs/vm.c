// A small stack machine whose instructions are called through a table of function pointers (indirect calls),
// running three bytecode programs: gcd, a sieve and a sum of digits.
// Usage: vm [ROUNDS]; prints the results and the number of instructions executed.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const int32_t *code;
    int32_t pc, sp, running;
    int32_t stack[64], var[8];
    uint8_t mem[256];
    uint32_t executed;
} Vm;

typedef void (*Op)(Vm *);

static int32_t pop(Vm *v) { return v->stack[--v->sp]; }
static void push(Vm *v, int32_t x) { v->stack[v->sp++] = x; }

static void op_halt(Vm *v) { v->running = 0; }
static void op_push(Vm *v) { push(v, v->code[v->pc++]); }
static void op_get(Vm *v) { push(v, v->var[v->code[v->pc++]]); }
static void op_set(Vm *v) { v->var[v->code[v->pc++]] = pop(v); }
static void op_add(Vm *v) { int32_t b = pop(v); v->stack[v->sp - 1] += b; }
static void op_sub(Vm *v) { int32_t b = pop(v); v->stack[v->sp - 1] -= b; }
static void op_mul(Vm *v) { int32_t b = pop(v); v->stack[v->sp - 1] *= b; }
static void op_div(Vm *v) { int32_t b = pop(v); v->stack[v->sp - 1] /= b; }
static void op_mod(Vm *v) { int32_t b = pop(v); v->stack[v->sp - 1] %= b; }
static void op_less(Vm *v) { int32_t b = pop(v); v->stack[v->sp - 1] = v->stack[v->sp - 1] < b; }
static void op_jump(Vm *v) { v->pc = v->code[v->pc]; }
static void op_jump_zero(Vm *v) { int32_t to = v->code[v->pc++]; if (!pop(v)) v->pc = to; }
static void op_load(Vm *v) { v->stack[v->sp - 1] = v->mem[v->stack[v->sp - 1] & 255]; }
static void op_store(Vm *v) { int32_t x = pop(v), a = pop(v); v->mem[a & 255] = (uint8_t)x; }
static void op_never(Vm *v) { push(v, -1); }

enum { HALT, PUSH, GET, SET, ADD, SUB, MUL, DIV, MOD, LESS, JUMP, JZ, LOAD, STORE, NEVER };
static const Op table[] = {op_halt, op_push, op_get,       op_set,  op_add,   op_sub,  op_mul,  op_div,
                           op_mod,  op_less, op_jump,      op_jump_zero, op_load, op_store, op_never};

// ---- programs, assembled at start
static int32_t *out;
static int32_t at;
static void emit(int32_t op) { out[at++] = op; }
static void emit2(int32_t op, int32_t arg) { emit(op), emit(arg); }
// A forward jump: returns the place of its target, which `land` fills in.
static int32_t ahead(int32_t op) { emit2(op, -1); return at - 1; }
static void land(int32_t place) { out[place] = at; }

// var0 = gcd(var0, var1)
__attribute__((noinline)) static void assemble_gcd(int32_t *code) {
    out = code, at = 0;
    emit2(GET, 1);
    int32_t done = ahead(JZ);
    emit2(GET, 1), emit2(GET, 0), emit2(GET, 1), emit(MOD), emit2(SET, 1), emit2(SET, 0);
    emit2(JUMP, 0);
    land(done);
    emit(HALT);
}

// var1 = number of composites below var0, by marking multiples in mem
__attribute__((noinline)) static void assemble_sieve(int32_t *code) {
    out = code, at = 0;
    emit2(PUSH, 2), emit2(SET, 2);
    int32_t outer = at; // while i*i < n
    emit2(GET, 2), emit2(GET, 2), emit(MUL), emit2(GET, 0), emit(LESS);
    int32_t marked = ahead(JZ);
    emit2(GET, 2), emit2(GET, 2), emit(MUL), emit2(SET, 3);
    int32_t inner = at; // while j < n: mem[j] = 1, j += i
    emit2(GET, 3), emit2(GET, 0), emit(LESS);
    int32_t next = ahead(JZ);
    emit2(GET, 3), emit2(PUSH, 1), emit(STORE);
    emit2(GET, 3), emit2(GET, 2), emit(ADD), emit2(SET, 3), emit2(JUMP, inner);
    land(next); // i += 1
    emit2(GET, 2), emit2(PUSH, 1), emit(ADD), emit2(SET, 2), emit2(JUMP, outer);
    land(marked); // count what is marked
    emit2(PUSH, 0), emit2(SET, 1), emit2(GET, 0), emit2(SET, 2);
    int32_t counting = at;
    emit2(GET, 2);
    int32_t done = ahead(JZ);
    emit2(GET, 2), emit2(PUSH, 1), emit(SUB), emit2(SET, 2);
    emit2(GET, 1), emit2(GET, 2), emit(LOAD), emit(ADD), emit2(SET, 1), emit2(JUMP, counting);
    land(done);
    emit(HALT);
}

// var1 = sum of the decimal digits of var0
__attribute__((noinline)) static void assemble_digits(int32_t *code) {
    out = code, at = 0;
    emit2(PUSH, 0), emit2(SET, 1);
    int32_t again = at;
    emit2(GET, 0);
    int32_t done = ahead(JZ);
    emit2(GET, 1), emit2(GET, 0), emit2(PUSH, 10), emit(MOD), emit(ADD), emit2(SET, 1);
    emit2(GET, 0), emit2(PUSH, 10), emit(DIV), emit2(SET, 0), emit2(JUMP, again);
    land(done);
    emit(HALT);
}

__attribute__((noinline)) static void run(Vm *v, const int32_t *code) {
    v->code = code;
    v->pc = v->sp = 0;
    v->running = 1;
    while (v->running) {
        v->executed++;
        table[v->code[v->pc++]](v);
    }
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 40;
    static Vm v;
    static int32_t gcd[64], sieve[128], digits[64];
    uint32_t checksum = 0;
    assemble_gcd(gcd);
    assemble_sieve(sieve);
    assemble_digits(digits);
    for (int r = 1; r <= rounds; r++) {
        v.var[0] = 1071 * (r % 1000) + 462, v.var[1] = 462 * (r % 1000) + 21;
        run(&v, gcd);
        checksum = checksum * 31 + (uint32_t)v.var[0];
        memset(v.mem, 0, sizeof v.mem);
        v.var[0] = 100 + r % 100;
        run(&v, sieve);
        checksum = checksum * 31 + (uint32_t)v.var[1];
        v.var[0] = 479001600 - r;
        run(&v, digits);
        checksum = checksum * 31 + (uint32_t)v.var[1];
    }
    printf("vm %d rounds: %u instructions, checksum %08x\n", rounds, (unsigned)v.executed, (unsigned)checksum);
    return 0;
}
