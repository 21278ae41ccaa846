//! Rust with its standard library: trait objects (dynamic calls), `BTreeMap` and `HashMap`, strings, sorting, closures,
//! 128-bit and checked arithmetic, and a caught error.
//! Usage: shapes [N]; prints one line per part.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

trait Shape {
    fn area(&self) -> f64;
    fn name(&self) -> &'static str;
}
struct Circle(f64);
struct Rect(f64, f64);
struct Triangle(f64, f64, f64);

impl Shape for Circle {
    fn area(&self) -> f64 {
        std::f64::consts::PI * self.0 * self.0
    }
    fn name(&self) -> &'static str {
        "circle"
    }
}
impl Shape for Rect {
    fn area(&self) -> f64 {
        self.0 * self.1
    }
    fn name(&self) -> &'static str {
        "rect"
    }
}
impl Shape for Triangle {
    fn area(&self) -> f64 {
        let s = (self.0 + self.1 + self.2) / 2.0;
        (s * (s - self.0) * (s - self.1) * (s - self.2)).max(0.0).sqrt()
    }
    fn name(&self) -> &'static str {
        "triangle"
    }
}

struct Rng(u64);
impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn shapes(n: usize, rng: &mut Rng) -> Vec<Box<dyn Shape>> {
    (0..n)
        .map(|_| -> Box<dyn Shape> {
            let (a, b) = (1.0 + rng.unit(), 1.0 + rng.unit());
            match rng.next() % 3 {
                0 => Box::new(Circle(a)),
                1 => Box::new(Rect(a, b)),
                _ => Box::new(Triangle(a, b, 1.5)),
            }
        })
        .collect()
}

#[derive(Debug)]
enum Refused {
    Empty,
    Digit(char),
}
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Empty => write!(f, "empty"),
            Refused::Digit(c) => write!(f, "'{c}' is no digit"),
        }
    }
}

fn parse(text: &str) -> Result<u128, Refused> {
    if text.is_empty() {
        return Err(Refused::Empty);
    }
    text.chars().try_fold(0u128, |n, c| {
        let d = c.to_digit(10).ok_or(Refused::Digit(c))?;
        Ok(n * 10 + u128::from(d))
    })
}

fn main() {
    let n: usize = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(1000);
    let mut rng = Rng(88172645463325252);

    let mut by_name: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for s in shapes(n, &mut rng) {
        let e = by_name.entry(s.name()).or_default();
        e.0 += 1;
        e.1 += s.area();
    }
    for (name, (count, area)) in &by_name {
        println!("{name}: {count}, area {area:.6}");
    }

    let mut counts: HashMap<String, u32> = HashMap::new();
    for _ in 0..n {
        *counts.entry(format!("{:x}", rng.next() % (n as u64 / 2 + 1))).or_insert(0) += 1;
    }
    let mut top: Vec<_> = counts.into_iter().collect();
    top.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let text: Vec<String> = top.iter().take(3).map(|(k, c)| format!("{k}={c}")).collect();
    println!("{} keys, top {}", top.len(), text.join(" "));

    let product = (1..=30u128).fold(1u128, |p, x| p.checked_mul(x).expect("30! fits"));
    println!("30! = {product}, overflow at 35: {}", product.checked_mul(31 * 32 * 33 * 34 * 35).is_none());
    for text in ["340282366920938463463374607431768211", "12x4", ""] {
        match parse(text) {
            Ok(n) => println!("parsed {n}"),
            Err(e) => println!("refused: {e}"),
        }
    }
}
