//! Text inside the markup of others' readers. Names and sources come from modules, and are not trusted.

/// Text as HTML has it, in attributes too.
pub(crate) fn html(text: &str) -> String {
    escape(text, |c| c.is_control() && !matches!(c, '\t' | '\n'))
}

/// Text as XML can hold it: what it cannot is replaced.
pub(crate) fn xml(text: &str) -> String {
    escape(text, |c| {
        c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')
    })
}

fn escape(text: &str, is_replaced: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if is_replaced(c) => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// JSON that may stand in a `script` element: nothing in it ends the element or begins a comment, and older
/// readers take it as JavaScript too. The value is the same.
pub(crate) fn json_in_script(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            // Only strings can have these.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                escaped.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        let hostile = "<b a='1' c=\"2\">&\u{1b}\u{ffff}\t\n";
        let start = "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;\u{fffd}";
        assert_eq!(html(hostile), format!("{start}\u{ffff}\t\n"));
        assert_eq!(xml(hostile), format!("{start}\u{fffd}\u{fffd}\u{fffd}"));
    }

    #[test]
    fn no_script_ends_inside_json() {
        let value = serde_json::json!({"</script>": "<!--\u{2028}&\\"});
        let escaped = json_in_script(&value.to_string());
        assert!(!escaped.contains(['<', '>', '&', '\u{2028}']), "{escaped}");
        let read: serde_json::Value = serde_json::from_str(&escaped).expect("JSON");
        assert_eq!(read, value);
    }
}
