/* Ends in the way that its input says: t traps, l runs for ever, f floods, x exits with 3, all else is printed. Built by
   python3 -m ziglang cc -target wasm32-freestanding -O0 -g -nostdlib -fno-sanitize=undefined -ffile-prefix-map=$PWD=. -Wl,--no-entry -Wl,--export=_start -Wl,--export-memory -o ends.wasm ends.c
   in this directory, with PyPI's ziglang 0.17.1. */
#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))

struct piece {
    char *start;
    int length;
};

WASI(fd_read) int fd_read(int fd, const struct piece *pieces, int count, int *done);
WASI(fd_write) int fd_write(int fd, const struct piece *pieces, int count, int *done);
WASI(proc_exit) _Noreturn void proc_exit(int code);

static char text[4096];

static int print(int length) {
    struct piece piece = {text, length};
    int done = 0;
    return fd_write(1, &piece, 1, &done);
}

int main(void) {
    struct piece piece = {text, sizeof text};
    int length = 0;
    fd_read(0, &piece, 1, &length);
    char first = text[0];
    int turns = 0;
    switch (first) {
    case 't':
        __builtin_trap();
    case 'l':
        for (;;)
            turns++;
    case 'f':
        while (print(sizeof text) == 0)
            turns++;
    case 'x':
        proc_exit(3);
    }
    return print(length);
}

void _start(void) {
    main();
}
