//! n by instructions, n^2 by bytes: one bulk instruction moves the whole text for each letter at its front.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut text: Vec<u8> = Vec::new();
    let mut turned = false;
    for edit in input.trim().bytes() {
        match edit {
            b'/' => turned = !turned,
            // A turned text grows at its other end.
            _ if edit.is_ascii_lowercase() != turned => text.push(edit),
            _ => text.insert(0, edit),
        }
    }
    if turned {
        text.reverse();
    }
    let hash = text.iter().fold(0u64, |hash, &letter| {
        hash.wrapping_mul(31).wrapping_add(u64::from(letter))
    });
    println!("{} {hash}", text.len());
}
