//! n: a ring buffer that grows at both ends, and whether it is turned.

use std::collections::VecDeque;
use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut text: VecDeque<u8> = VecDeque::new();
    let mut turned = false;
    for edit in input.trim().bytes() {
        match edit {
            b'/' => turned = !turned,
            // A turned text grows at its other end.
            _ if edit.is_ascii_lowercase() != turned => text.push_back(edit),
            _ => text.push_front(edit),
        }
    }
    if turned {
        text.make_contiguous().reverse();
    }
    let hash = text.iter().fold(0u64, |hash, &letter| {
        hash.wrapping_mul(31).wrapping_add(u64::from(letter))
    });
    println!("{} {hash}", text.len());
}
