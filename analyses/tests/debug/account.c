/* A program with known lines and variables for the debugger. Built by
   python3 -m ziglang cc -target wasm32-freestanding -O0 -g -nostdlib -fno-sanitize=undefined -ffile-prefix-map=$PWD=. -Wl,--no-entry -Wl,--export=run -o account.wasm account.c
   in this directory, with PyPI's ziglang 0.17.1. */
enum kind { CASH, CARD };

struct entry {
    int amount;
    enum kind kind;
    const char *note;
    struct entry *next;
};

static struct entry entries[4];
static int used;
int balance = 100;

static void book(int amount, enum kind kind, const char *note) {
    struct entry *entry = &entries[used];
    entry->amount = amount;
    entry->kind = kind;
    entry->note = note;
    entry->next = used ? &entries[used - 1] : 0;
    used++;
    balance += amount;
}

static int factorial(int n) {
    if (n <= 1)
        return 1;
    return n * factorial(n - 1);
}

static double mean(void) {
    double sum = 0;
    for (int i = 0; i < used; i++)
        sum += entries[i].amount;
    return sum / used;
}

int run(int n) {
    book(n, CASH, "first");
    book(factorial(n), CARD, "second");
    double average = mean();
    int rounded = (int)average;
    if (n > 5)
        __builtin_trap();
    return rounded + balance;
}
