// A filter from stdin to stdout: numbers the lines, swaps upper and lower case, turns letters by 13 places, and ends
// with counts. Its arguments and one variable of its environment are printed first.
// Usage: filter [WORD]... < text
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) static int turn(int c) {
    if (c >= 'a' && c <= 'z') return toupper((c - 'a' + 13) % 26 + 'a');
    if (c >= 'A' && c <= 'Z') return tolower((c - 'A' + 13) % 26 + 'A');
    return c;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        printf("argument %d: [%s]\n", i, argv[i]);
    const char *v = getenv("FILTER_GREETING");
    if (v) printf("greeting: [%s]\n", v);
    int c, lines = 0, letters = 0, start = 1;
    while ((c = getchar()) != EOF) {
        if (start) printf("%3d ", ++lines);
        start = c == '\n';
        letters += isalpha(c) != 0;
        putchar(turn(c));
    }
    if (!start) putchar('\n');
    printf("%d lines, %d letters\n", lines, letters);
    return lines ? 0 : 3;
}
