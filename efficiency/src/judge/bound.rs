//! How long the texts of a result may be. Names, messages and lines come from programs that nobody vouches for: one of 10 MB would
//! be in each of thousands of results.

use crate::result::SampleResult;

/// Bytes of what is said of a program: the beginning of a compiler's complaints has the first error in it.
const MESSAGE_BYTES: usize = 16 << 10;
/// Bytes of what is said of one test.
const TEST_MESSAGE_BYTES: usize = 4 << 10;
/// Bytes of a name, or of a line.
const NAME_BYTES: usize = 500;

/// Shortens what is too long.
pub(super) fn bound(result: &mut SampleResult) {
    if let Some(message) = &mut result.message {
        cut(message, MESSAGE_BYTES);
    }
    for message in result
        .tests
        .iter_mut()
        .filter_map(|test| test.message.as_mut())
    {
        cut(message, TEST_MESSAGE_BYTES);
    }
    let name = |text: &mut String| cut(text, NAME_BYTES);
    if let Some(hot) = &mut result.hot {
        hot.functions
            .iter_mut()
            .for_each(|item| name(&mut item.name));
        for line in &mut hot.lines {
            name(&mut line.file);
            name(&mut line.text);
        }
        for item in &mut hot.loops {
            name(&mut item.file);
            name(&mut item.function);
        }
        for branch in &mut hot.branches {
            name(&mut branch.file);
            name(&mut branch.function);
        }
    }
    if let Some(coverage) = &mut result.coverage {
        coverage.uncovered.iter_mut().for_each(name);
    }
}

/// Leaves the beginning of a text, and a sign that there was more.
fn cut(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
        text.push_str("...");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn texts_are_cut_between_characters() {
        let cut = |text: &str, bytes_max| {
            let mut text = text.to_owned();
            super::cut(&mut text, bytes_max);
            text
        };
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "abc...");
        // Two bytes each: the second ends behind the third.
        assert_eq!(cut("ääb", 3), "ä...");
    }
}
