// Allocation: a linked list that is built, reversed and freed in part; a chained hash map that grows; a binary tree.
// Usage: alloc [N]; prints checksums of each.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t seed = 42;
static uint32_t next_random(void) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    return seed ^= seed << 5;
}

// ---- linked list
typedef struct Node {
    struct Node *next;
    uint32_t value;
} Node;

__attribute__((noinline)) static Node *list_build(int n) {
    Node *head = NULL;
    for (int i = 0; i < n; i++) {
        Node *x = malloc(sizeof *x);
        if (!x) abort();
        x->value = next_random();
        x->next = head;
        head = x;
    }
    return head;
}

__attribute__((noinline)) static Node *list_reverse(Node *head) {
    Node *done = NULL;
    while (head) {
        Node *next = head->next;
        head->next = done;
        done = head;
        head = next;
    }
    return done;
}

__attribute__((noinline)) static int list_drop_odd(Node **head) {
    int dropped = 0;
    while (*head) {
        Node *x = *head;
        if (x->value & 1) {
            *head = x->next;
            free(x);
            dropped++;
        } else
            head = &x->next;
    }
    return dropped;
}

// ---- hash map from strings to counts
typedef struct Entry {
    struct Entry *next;
    uint32_t hash, count;
    char key[];
} Entry;
typedef struct {
    Entry **buckets;
    uint32_t size, used;
} Map;

__attribute__((noinline)) static uint32_t fnv1a(const char *s) {
    uint32_t h = 2166136261u;
    while (*s) h = (h ^ (uint8_t)*s++) * 16777619u;
    return h;
}

__attribute__((noinline)) static void map_grow(Map *m) {
    uint32_t size = m->size ? m->size * 2 : 8;
    Entry **buckets = calloc(size, sizeof *buckets);
    if (!buckets) abort();
    for (uint32_t i = 0; i < m->size; i++)
        for (Entry *e = m->buckets[i], *next; e; e = next) {
            next = e->next;
            e->next = buckets[e->hash & (size - 1)];
            buckets[e->hash & (size - 1)] = e;
        }
    free(m->buckets);
    m->buckets = buckets;
    m->size = size;
}

__attribute__((noinline)) static uint32_t map_count(Map *m, const char *key) {
    if (m->used >= m->size) map_grow(m);
    uint32_t h = fnv1a(key);
    for (Entry *e = m->buckets[h & (m->size - 1)]; e; e = e->next)
        if (e->hash == h && strcmp(e->key, key) == 0) return ++e->count;
    size_t len = strlen(key) + 1;
    Entry *e = malloc(sizeof *e + len);
    if (!e) abort();
    memcpy(e->key, key, len);
    e->hash = h;
    e->count = 1;
    e->next = m->buckets[h & (m->size - 1)];
    m->buckets[h & (m->size - 1)] = e;
    m->used++;
    return 1;
}

__attribute__((noinline)) static uint32_t map_free(Map *m) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < m->size; i++)
        for (Entry *e = m->buckets[i], *next; e; e = next) {
            next = e->next;
            sum += e->hash * e->count; // order of the chains does not matter
            free(e);
        }
    free(m->buckets);
    return sum;
}

// ---- binary search tree
typedef struct Tree {
    struct Tree *left, *right;
    uint32_t key;
} Tree;

__attribute__((noinline)) static int tree_insert(Tree **t, uint32_t key) {
    while (*t) {
        if (key == (*t)->key) return 0;
        t = key < (*t)->key ? &(*t)->left : &(*t)->right;
    }
    if (!(*t = calloc(1, sizeof **t))) abort();
    (*t)->key = key;
    return 1;
}

__attribute__((noinline)) static int tree_free(Tree *t) {
    if (!t) return 0;
    int l = tree_free(t->left), r = tree_free(t->right);
    free(t);
    return 1 + (l > r ? l : r);
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 1500;
    if (n < 1 || n > 2000000) {
        fprintf(stderr, "alloc: size must be 1..2000000\n");
        return 2;
    }
    Node *list = list_reverse(list_build(n));
    int dropped = list_drop_odd(&list);
    uint32_t sum = 0;
    while (list) {
        Node *next = list->next;
        sum = sum * 31 + list->value;
        free(list);
        list = next;
    }
    printf("list %d: dropped %d checksum %08x\n", n, dropped, (unsigned)sum);

    Map map = {0};
    uint32_t most = 0;
    for (int i = 0; i < n; i++) {
        char key[16] = "key";
        uint32_t r = next_random() % (uint32_t)(n / 2 + 1);
        int at = 3;
        do key[at++] = (char)('a' + r % 26); while (r /= 26);
        uint32_t c = map_count(&map, key);
        if (c > most) most = c;
    }
    printf("map: %u keys in %u buckets, most frequent %u times, ", (unsigned)map.used, (unsigned)map.size, (unsigned)most);
    printf("checksum %08x\n", (unsigned)map_free(&map));

    Tree *tree = NULL;
    int inserted = 0;
    for (int i = 0; i < n; i++)
        inserted += tree_insert(&tree, next_random() % (uint32_t)(4 * n));
    printf("tree: %d nodes, height %d\n", inserted, tree_free(tree));
    return 0;
}
