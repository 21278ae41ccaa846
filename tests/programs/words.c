// String work: generate a text, split it into words, count each (sorted with qsort), reverse it, and search it by
// Knuth, Morris and Pratt against a naive search.
// Usage: words [WORDS]; prints the most frequent words and the number of matches.
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const lexicon[] = {"the",   "probe", "watches", "every", "frame",  "and",  "counts", "a",
                                      "loop",  "trap",  "The",     "stack", "memory", "site", "again",  "returns",
                                      "probes"};
enum { LEXICON = sizeof lexicon / sizeof *lexicon, DISTINCT_MAX = 64 };

typedef struct {
    char word[16];
    int count;
} Entry;
static Entry entries[DISTINCT_MAX];
static int distinct;

__attribute__((noinline)) static size_t generate(char *text, int words) {
    uint32_t x = 2024;
    size_t n = 0;
    for (int i = 0; i < words; i++) {
        x = x * 1664525u + 1013904223u;
        uint32_t r = x >> 24;
        const char *w = lexicon[r * r / 256 % LEXICON]; // squared: some words are more frequent
        size_t len = strlen(w);
        memcpy(text + n, w, len);
        n += len;
        if (i % 11 == 10) text[n++] = '.';
        text[n++] = i % 13 == 12 ? '\n' : ' ';
    }
    text[n] = 0;
    return n;
}

__attribute__((noinline)) static void count_word(const char *w) {
    for (int i = 0; i < distinct; i++)
        if (strcmp(entries[i].word, w) == 0) {
            entries[i].count++;
            return;
        }
    if (distinct < DISTINCT_MAX) {
        strncpy(entries[distinct].word, w, sizeof entries->word - 1);
        entries[distinct++].count = 1;
    }
}

__attribute__((noinline)) static int tokenise(const char *text) {
    char word[16];
    int words = 0;
    for (const char *p = text; *p;) {
        while (*p && !isalpha((unsigned char)*p)) p++;
        size_t n = 0;
        while (isalpha((unsigned char)*p)) {
            if (n < sizeof word - 1) word[n++] = (char)tolower((unsigned char)*p);
            p++;
        }
        if (n) {
            word[n] = 0;
            count_word(word);
            words++;
        }
    }
    return words;
}

static int by_count(const void *a, const void *b) {
    const Entry *x = a, *y = b;
    return x->count != y->count ? y->count - x->count : strcmp(x->word, y->word);
}

__attribute__((noinline)) static int kmp(const char *text, size_t n, const char *pat) {
    int fail[32], m = (int)strlen(pat), found = 0;
    fail[0] = 0;
    for (int i = 1, k = 0; i < m; i++) {
        while (k && pat[i] != pat[k]) k = fail[k - 1];
        fail[i] = k += pat[i] == pat[k];
    }
    for (size_t i = 0, k = 0; i < n; i++) {
        while (k && text[i] != pat[k]) k = (size_t)fail[k - 1];
        if (text[i] == pat[k]) k++;
        if (k == (size_t)m) {
            found++;
            k = (size_t)fail[k - 1];
        }
    }
    return found;
}

__attribute__((noinline)) static int naive(const char *text, const char *pat) {
    int found = 0;
    for (const char *p = text; *p; p++) {
        int k = 0;
        while (pat[k] && p[k] == pat[k]) k++;
        found += pat[k] == 0;
    }
    return found;
}

__attribute__((noinline)) static void reverse(char *text, size_t n) {
    for (size_t i = 0, j = n; i + 1 < j; i++) {
        char c = text[i];
        text[i] = text[--j];
        text[j] = c;
    }
}

int main(int argc, char **argv) {
    int words = argc > 1 ? atoi(argv[1]) : 1500;
    if (words < 1 || words > 10000000) {
        fprintf(stderr, "words: size must be 1..10000000\n");
        return 2;
    }
    char *text = malloc((size_t)words * 10 + 1);
    if (!text) return 1;
    size_t n = generate(text, words);
    printf("words %d: %d tokens in %u bytes\n", words, tokenise(text), (unsigned)n);
    qsort(entries, (size_t)distinct, sizeof *entries, by_count);
    for (int i = 0; i < distinct && i < 5; i++)
        printf("%7d %s\n", entries[i].count, entries[i].word);
    static const char *const pats[] = {"probe", "the probe", "frame frame", "s a", "nowhere"};
    for (size_t i = 0; i < sizeof pats / sizeof *pats; i++) {
        int a = kmp(text, n, pats[i]), b = naive(text, pats[i]);
        printf("'%s': %d %s\n", pats[i], a, a == b ? "agree" : "DISAGREE");
    }
    reverse(text, n);
    printf("reversed 'eborp': %d\n", kmp(text, n, "eborp"));
    free(text);
    return 0;
}
