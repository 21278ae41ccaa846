//! Conway's Game of Life on a torus, in Rust: slices, iterators and bounds checks.
//! Usage: life [GENERATIONS [SIZE]]; prints the last board when it is small, and its population and hash.

struct Board {
    size: usize,
    cells: Vec<u8>,
}

impl Board {
    fn random(size: usize) -> Board {
        let mut x = 0x2545_f491u32;
        let cells = (0..size * size)
            .map(|_| {
                x ^= x << 13;
                x ^= x >> 17;
                x ^= x << 5;
                u8::from(x % 10 < 3)
            })
            .collect();
        Board { size, cells }
    }

    #[inline(never)]
    fn neighbours(&self, x: usize, y: usize) -> u8 {
        let n = self.size;
        let (l, r, u, d) = ((x + n - 1) % n, (x + 1) % n, (y + n - 1) % n, (y + 1) % n);
        [(l, u), (x, u), (r, u), (l, y), (r, y), (l, d), (x, d), (r, d)]
            .iter()
            .map(|&(x, y)| self.cells[y * n + x])
            .sum()
    }

    #[inline(never)]
    fn step(&self) -> Board {
        let mut next = vec![0; self.cells.len()];
        for y in 0..self.size {
            for x in 0..self.size {
                let at = y * self.size + x;
                next[at] = match (self.cells[at], self.neighbours(x, y)) {
                    (1, 2) | (_, 3) => 1,
                    _ => 0,
                };
            }
        }
        Board { size: self.size, cells: next }
    }

    fn hash(&self) -> u64 {
        self.cells.iter().fold(0xcbf2_9ce4_8422_2325, |h, &c| (h ^ u64::from(c)).wrapping_mul(0x0100_0000_01b3))
    }
}

fn main() {
    let mut args = std::env::args().skip(1).map(|a| a.parse::<usize>().expect("a number"));
    let generations = args.next().unwrap_or(20);
    let size = args.next().unwrap_or(24);
    let mut board = Board::random(size);
    for _ in 0..generations {
        board = board.step();
    }
    if size <= 40 {
        for row in board.cells.chunks(size) {
            println!("{}", row.iter().map(|&c| if c == 1 { '#' } else { '.' }).collect::<String>());
        }
    }
    let alive: u32 = board.cells.iter().map(|&c| u32::from(c)).sum();
    println!("life {generations} x {size}: {alive} alive, hash {:016x}", board.hash());
}
