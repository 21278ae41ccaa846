//! Source lines, as users name them.

/// Lines of a file: `FILE`, `FILE:N` or `FILE:A-B`. A file is named by the end of its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRange {
    file: String,
    first: u32,
    last: u32,
}

impl LineRange {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong.
    pub fn parse(text: &str) -> Result<LineRange, String> {
        let (file, lines) = match text.rsplit_once(':') {
            Some((file, lines)) if lines.starts_with(|c: char| c.is_ascii_digit()) => {
                (file, Some(lines))
            }
            _ => (text, None),
        };
        if file.is_empty() {
            return Err(format!("`{text}` names no file"));
        }
        let number = |text: &str| {
            let number = text.parse::<u32>().ok().filter(|&number| number > 0);
            number.ok_or_else(|| format!("`{text}` is no line number"))
        };
        let (first, last) = match lines.map(|lines| lines.split_once('-').unwrap_or((lines, lines)))
        {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (0, u32::MAX),
        };
        if first > last {
            return Err(format!("no line is in `{text}`"));
        }
        Ok(LineRange {
            file: file.to_owned(),
            first,
            last,
        })
    }

    /// Whether a line of a file is among them.
    pub fn contains(&self, path: &str, line: u32) -> bool {
        is_file(path, &self.file) && (self.first..=self.last).contains(&line)
    }
}

/// Whether a path is what a user calls a file: the same, or the end of it.
pub fn is_file(path: &str, file: &str) -> bool {
    let front = path.strip_suffix(file);
    front.is_some_and(|front| front.is_empty() || front.ends_with(['/', '\\']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_files() {
        for (text, path, line, is) in [
            ("main.c:3-5", "src/main.c", 3, true),
            ("main.c:3-5", "main.c", 5, true),
            ("main.c:3-5", "main.c", 6, false),
            ("main.c:3-5", "domain.c", 3, false),
            ("lib/x.c", "/lib/x.c", 900, true),
            ("lib/x.c", "x.c", 1, false),
            ("C:\\y.c:7", "C:\\y.c", 7, true),
            ("C:\\y.c:7", "C:\\y.c", 8, false),
        ] {
            let lines = LineRange::parse(text).expect("lines");
            assert_eq!(lines.contains(path, line), is, "{text}, {path}:{line}");
        }
    }

    #[test]
    fn what_is_wrong() {
        for (text, expected) in [
            ("a.c:0", "`0` is no line number"),
            ("a.c:9-3", "no line is in `a.c:9-3`"),
            (":3", "`:3` names no file"),
            ("a.c:3x", "`3x` is no line number"),
        ] {
            assert_eq!(LineRange::parse(text), Err(expected.to_owned()));
        }
    }
}
