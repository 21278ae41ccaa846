//! The program in a reply.
//!
//! The rule: what a model thinks aloud (`<think>` to `</think>` at the start) does not count. Of the fenced code blocks that name
//! the language, the last one is the program, for models quote before they answer. If none names it, it is the largest
//! of those that name no language, else the largest of all. A reply without any block is the program itself.

/// The program in `reply`, which is in `lang`. `None` if it is blank.
pub fn extract(reply: &str, lang: &str) -> Option<String> {
    let reply = behind_thoughts(reply);
    let blocks = blocks(reply);
    let named = blocks.iter().rfind(|block| block.names(lang));
    let largest = |only_unnamed: bool| {
        let considered = blocks.iter().filter(|b| !only_unnamed || b.info.is_empty());
        considered.max_by_key(|block| block.text.len())
    };
    let chosen = named.or_else(|| largest(true)).or_else(|| largest(false));
    let program = chosen.map_or(reply, |block| &block.text);
    (!program.trim().is_empty()).then(|| program.to_owned())
}

fn behind_thoughts(reply: &str) -> &str {
    match reply.trim_start().strip_prefix("<think>") {
        Some(rest) => rest.rsplit_once("</think>").map_or(reply, |(_, said)| said),
        None => reply,
    }
}

struct Block {
    info: String,
    text: String,
}

impl Block {
    fn names(&self, lang: &str) -> bool {
        names(lang).contains(&self.info.as_str()) || self.info == lang
    }
}

/// What models call a language of the toolchain table.
fn names(lang: &str) -> &'static [&'static str] {
    match lang {
        "cpp" => &["cpp", "c++", "cc", "cxx"],
        "rust" => &["rust", "rs"],
        "python" => &["python", "py", "python3"],
        "assemblyscript" => &["assemblyscript", "typescript", "ts"],
        "wat" => &["wat", "wast", "webassembly", "wasm"],
        _ => &[],
    }
}

/// Fenced code blocks, as CommonMark has them, but indented as far as one likes, for models put them in lists. One that is not closed
/// goes on to the end.
fn blocks(reply: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = reply.split_inclusive('\n');
    while let Some(line) = lines.next() {
        let Some((fence, info)) = opening(line) else {
            continue;
        };
        let indent = line.len() - line.trim_start().len();
        let mut text = String::new();
        for line in lines.by_ref() {
            if closes(line, fence) {
                break;
            }
            let white = line.len() - line.trim_start_matches([' ', '\t']).len();
            text.push_str(&line[white.min(indent)..]);
        }
        blocks.push(Block { info, text });
    }
    blocks
}

/// The fence and the language of a line that opens a block.
fn opening(line: &str) -> Option<(&str, String)> {
    let line = line.trim();
    let rest = line.trim_start_matches(['`', '~']);
    let fence = &line[..line.len() - rest.len()];
    let mark = fence.chars().next()?;
    if fence.len() < 3 || fence.chars().any(|c| c != mark) || (mark == '`' && rest.contains('`')) {
        return None;
    }
    let word = rest.trim_start_matches([' ', '{', '.']);
    let end = word.find(|c: char| c.is_whitespace() || matches!(c, ',' | '}' | ':'));
    let word = &word[..end.unwrap_or(word.len())];
    Some((fence, word.to_ascii_lowercase()))
}

fn closes(line: &str, fence: &str) -> bool {
    let line = line.trim();
    line.len() >= fence.len() && line.chars().all(|c| fence.starts_with(c))
}

#[cfg(test)]
mod tests {
    use super::extract;

    fn check(reply: &str, program: Option<&str>) {
        assert_eq!(extract(reply, "cpp").as_deref(), program, "{reply:?}");
    }

    #[test]
    fn the_last_block_of_the_language_is_the_program() {
        check(
            "```cpp\nint a;\n```\nbetter:\n```c++\nb\n```\nrun it:\n```sh\nmake it all fast\n```\n",
            Some("b\n"),
        );
        check("```CPP title=\"x\"\na\n```", Some("a\n"));
        check("``` {.cpp .numbers}\na\n```", Some("a\n"));
    }

    #[test]
    fn without_a_name_it_is_the_largest() {
        check(
            "```\nshort\n```\n```\nlonger one\n```\n```sh\nthe longest of all\n```",
            Some("longer one\n"),
        );
        check("```c\nint main;\n```\n```sh\nls\n```", Some("int main;\n"));
    }

    #[test]
    fn fences_are_those_of_commonmark() {
        check("~~~cpp\n```\n~~~", Some("```\n"));
        check("````cpp\n```\na\n```\n````\n", Some("```\na\n```\n"));
        check(
            "1. so:\n   ```cpp\n   a {\n     b\n   }\n   ```\n",
            Some("a {\n  b\n}\n"),
        );
        // Cut off by a limit of tokens.
        check("```cpp\na\nb", Some("a\nb"));
        // Code within a line is none.
        check("```a``` is\nnothing", Some("```a``` is\nnothing"));
    }

    #[test]
    fn thoughts_do_not_count() {
        check(
            "<think>\n```cpp\nwrong\n```\n</think>\n```\nright\n```",
            Some("right\n"),
        );
        check("<think>a</think>b", Some("b"));
        check("int think; // </think>", Some("int think; // </think>"));
    }

    #[test]
    fn no_block_is_a_program_and_blank_is_none() {
        check("int main() {}\n", Some("int main() {}\n"));
        check(" \n", None);
        check("```cpp\n\n```", None);
        check("", None);
        check("```", None);
        check("ä```cpp\u{2028}\nö\n", Some("ä```cpp\u{2028}\nö\n"));
    }
}
