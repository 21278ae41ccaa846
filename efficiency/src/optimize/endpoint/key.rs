//! The key: it goes into one header, and nowhere else.

use std::fmt;

use ureq::http::HeaderValue;

/// A secret that the server knows the user by. It is not printed, and taken out of whatever the server says.
#[derive(Clone)]
pub struct Key {
    text: String,
    header: HeaderValue,
}

impl Key {
    /// White space around it does not count. `None` if it is empty.
    ///
    /// # Errors
    /// If it has characters that cannot go into a header. The error does not quote it.
    pub fn new(text: &str) -> Result<Option<Key>, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let mut header = HeaderValue::from_str(&format!("Bearer {text}"))
            .map_err(|_| "the key has characters that no key has".to_owned())?;
        header.set_sensitive(true);
        Ok(Some(Key {
            text: text.to_owned(),
            header,
        }))
    }

    pub(super) fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// `text` without the key.
    pub(super) fn redact(&self, text: &str) -> String {
        text.replace(&self.text, "[key]")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn it_is_not_printed() {
        let key = Key::new(" sk-secret\n").expect("a fit key").expect("a key");
        assert_eq!(format!("{key:?} {:?}", key.header()), "Key Sensitive");
        assert_eq!(key.redact("wrong key sk-secret."), "wrong key [key].");
    }

    #[test]
    fn one_that_is_unfit_is_not_quoted() {
        let error = Key::new("sk-sec\nret").expect_err("a line break is in it");
        assert!(!error.contains("sec"), "{error}");
        assert!(Key::new(" ").expect("nothing").is_none());
    }
}
