//! How many tokens a text is, at most.
//!
//! Tokenisers differ, and none is here; what is wanted is a number that none of the common ones exceeds for feedback. Byte-pair
//! encodings take words of English and code in pieces of four letters or more, digits one to three at a time, and a space
//! together with the word behind it. So: one per four letters begun, one per digit and other character, one per byte of what is
//! not ASCII, and one per run of spaces but for a single one in front of a word.

/// Letters of a word in a piece.
const LETTERS: u32 = 4;

/// The estimate.
pub fn estimate(text: &str) -> usize {
    let mut tokens = 0;
    let mut letters = 0;
    let mut spaces = 0;
    for c in text.chars() {
        if c.is_ascii_alphabetic() {
            // A single space goes with the word, of more all but the last are a piece.
            tokens += usize::from(spaces > 1);
            tokens += usize::from(letters % LETTERS == 0);
            letters += 1;
            spaces = 0;
            continue;
        }
        letters = 0;
        if c == ' ' {
            spaces += 1;
        } else {
            tokens += usize::from(spaces > 0) + c.len_utf8();
            spaces = 0;
        }
    }
    tokens + usize::from(spaces > 0)
}
