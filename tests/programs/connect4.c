// Recursion over a game tree: Connect Four against itself by negamax with alpha-beta pruning, on boards of 64 bits.
// Usage: connect4 [DEPTH [MOVES]], DEPTH 1..12; prints the columns that were played and how many positions were seen.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 7, HEIGHT = 6, WON = 1000 };

typedef struct {
    uint64_t mine, theirs; // column c has bits 7c..7c+5; bit 7c+6 stays empty
} Board;

static uint64_t looked_at;

__attribute__((noinline)) static int has_four(uint64_t stones) {
    static const int directions[] = {1, HEIGHT, HEIGHT + 1, HEIGHT + 2};
    for (int d = 0; d < 4; d++) {
        uint64_t pairs = stones & (stones >> directions[d]);
        if (pairs & (pairs >> (2 * directions[d])))
            return 1;
    }
    return 0;
}

__attribute__((noinline)) static int count(uint64_t stones) {
    int n = 0;
    for (; stones; stones &= stones - 1)
        n++;
    return n;
}

// Stones near the middle are worth more.
__attribute__((noinline)) static int worth(uint64_t stones) {
    static const int weights[WIDTH] = {1, 2, 3, 5, 3, 2, 1};
    int sum = 0;
    for (int c = 0; c < WIDTH; c++)
        sum += weights[c] * count(stones >> (7 * c) & 0x3f);
    return sum;
}

// The lowest free place of a column; 0 if it is full.
__attribute__((noinline)) static uint64_t place(const Board *board, int column) {
    uint64_t all = board->mine | board->theirs;
    uint64_t bottom = UINT64_C(1) << (7 * column);
    uint64_t free = ((all & bottom * 0x3f) + bottom) & bottom * 0x3f;
    return free;
}

__attribute__((noinline)) static int search(Board board, int depth, int alpha, int beta) {
    looked_at++;
    if (has_four(board.theirs))
        return -WON - depth;
    if (depth == 0)
        return worth(board.mine) - worth(board.theirs);
    static const int order[WIDTH] = {3, 2, 4, 1, 5, 0, 6};
    int moved = 0;
    for (int i = 0; i < WIDTH; i++) {
        uint64_t stone = place(&board, order[i]);
        if (!stone)
            continue;
        moved = 1;
        Board next = {board.theirs, board.mine | stone};
        int score = -search(next, depth - 1, -beta, -alpha);
        if (score >= beta)
            return score;
        if (score > alpha)
            alpha = score;
    }
    return moved ? alpha : 0;
}

static int best_column(Board board, int depth) {
    int best = -1, best_score = -WON * 2;
    for (int c = 0; c < WIDTH; c++) {
        uint64_t stone = place(&board, c);
        if (!stone)
            continue;
        Board next = {board.theirs, board.mine | stone};
        int score = -search(next, depth - 1, -WON * 2, -best_score);
        if (best < 0 || score > best_score)
            best = c, best_score = score;
    }
    return best;
}

int main(int argc, char **argv) {
    int depth = argc > 1 ? atoi(argv[1]) : 4, moves = argc > 2 ? atoi(argv[2]) : 14;
    if (depth < 1 || depth > 12) {
        fprintf(stderr, "connect4: depth must be 1..12\n");
        return 2;
    }
    Board board = {0, 0};
    printf("connect4 %d: ", depth);
    int column = 0, played = 0;
    while (played < moves && !has_four(board.theirs) && (column = best_column(board, depth)) >= 0) {
        printf("%d", column + 1);
        Board next = {board.theirs, board.mine | place(&board, column)};
        board = next;
        played++;
    }
    printf("%s, %d moves, %llu positions\n", has_four(board.theirs) ? " wins" : "", played,
           (unsigned long long)looked_at);
    return 0;
}
