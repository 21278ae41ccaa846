// Files under a preopened directory: read input.txt and print statistics, write and reread a temporary file (seek,
// append, rename, stat, unlink), list the directory, and fail in the expected way on what is not there.
// Usage: files [DIR [ROUNDS]], DIR defaults to "/" (run with `--dir files.d::/`, or natively with files.d).
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *dir = "/";
static char path_buf[2][256];

static const char *in_dir(int slot, const char *name) {
    size_t n = strlen(dir);
    snprintf(path_buf[slot], sizeof *path_buf, "%s%s%s", dir, n && dir[n - 1] == '/' ? "" : "/", name);
    return path_buf[slot];
}

static void fail(const char *what) {
    printf("failed to %s: %s\n", what, strerror(errno));
    exit(1);
}

__attribute__((noinline)) static void statistics(int print) {
    FILE *f = fopen(in_dir(0, "input.txt"), "r");
    if (!f) fail("open input.txt");
    char line[256];
    int lines = 0, words = 0, longest = 0, numbers = 0;
    long bytes = 0, sum = 0;
    while (fgets(line, sizeof line, f)) {
        int n = (int)strlen(line), in_word = 0;
        lines++;
        bytes += n;
        if (n - 1 > longest) longest = n - 1;
        for (int i = 0; i < n; i++) {
            int space = isspace((unsigned char)line[i]);
            words += !space && !in_word;
            if (!space && !in_word && isdigit((unsigned char)line[i])) {
                sum += strtol(line + i, NULL, 10);
                numbers++;
            }
            in_word = !space;
        }
    }
    if (ferror(f)) fail("read input.txt");
    fclose(f);
    if (print)
        printf("input.txt: %d lines, %d words, %ld bytes, longest line %d, %d numbers, sum %ld\n", lines, words, bytes,
               longest, numbers, sum);
}

__attribute__((noinline)) static void write_and_reread(int print) {
    FILE *f = fopen(in_dir(0, "temp.txt"), "w+");
    if (!f) fail("create temp.txt");
    for (int i = 0; i < 100; i++)
        fprintf(f, "record %03d\n", i);
    if (fseek(f, 11 * 42, SEEK_SET)) fail("seek");
    char line[32];
    if (!fgets(line, sizeof line, f)) fail("reread");
    line[strcspn(line, "\n")] = 0;
    if (print) printf("record at 462: '%s'\n", line);
    fclose(f);
    if (!(f = fopen(in_dir(0, "temp.txt"), "a"))) fail("append");
    fputs("the end\n", f);
    fclose(f);
    if (rename(in_dir(0, "temp.txt"), in_dir(1, "renamed.txt"))) fail("rename");
    struct stat st;
    if (stat(in_dir(0, "renamed.txt"), &st)) fail("stat");
    if (print) printf("renamed.txt: %ld bytes, %s\n", (long)st.st_size, S_ISREG(st.st_mode) ? "regular" : "not regular");
}

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

__attribute__((noinline)) static void list(int print) {
    DIR *d = opendir(dir);
    if (!d) fail("list the directory");
    char names[8][64];
    int n = 0;
    for (struct dirent *e; (e = readdir(d)) && n < 8;)
        if (e->d_name[0] != '.') snprintf(names[n++], sizeof *names, "%.63s", e->d_name);
    closedir(d);
    qsort(names, (size_t)n, sizeof *names, by_name);
    if (print)
        for (int i = 0; i < n; i++)
            printf("entry %s\n", names[i]);
}

int main(int argc, char **argv) {
    if (argc > 1) dir = argv[1];
    int rounds = argc > 2 ? atoi(argv[2]) : 1;
    for (int i = 0; i < rounds; i++) {
        statistics(i == 0);
        write_and_reread(i == 0);
        list(i == 0);
        if (mkdir(in_dir(0, "sub"), 0777)) fail("make a directory");
        if (mkdir(in_dir(0, "sub"), 0777) == 0 || errno != EEXIST) fail("refuse a second directory");
        if (rmdir(in_dir(0, "sub"))) fail("remove the directory");
        if (unlink(in_dir(0, "renamed.txt"))) fail("remove renamed.txt");
    }
    errno = 0;
    if (fopen(in_dir(0, "renamed.txt"), "r") || errno != ENOENT) fail("miss a removed file");
    puts("removed");
    return 0;
}
