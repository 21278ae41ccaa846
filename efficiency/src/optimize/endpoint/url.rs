//! The base URL.

use std::net::IpAddr;

use ureq::http::Uri;

/// A base URL that is fit for requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Without a slash at its end.
    text: String,
    host: String,
    is_https: bool,
}

impl Base {
    /// # Errors
    /// If it is no `http` or `https` URL, or has a password, a query or a fragment in it.
    pub fn parse(text: &str) -> Result<Base, String> {
        let text = text.trim().trim_end_matches('/');
        // A URL with a password is not quoted.
        let uri: Uri = text
            .parse()
            .map_err(|e| format!("the endpoint is no URL: {e}"))?;
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("the endpoint is no http or https URL".to_owned()),
        };
        let Some(authority) = uri.authority().filter(|a| !a.host().is_empty()) else {
            return Err("the endpoint is a URL without a host".to_owned());
        };
        if authority.as_str().contains('@') {
            return Err(
                "the endpoint has a user name or a password in it; a key goes into OPENAI_API_KEY"
                    .to_owned(),
            );
        }
        if text.contains(['?', '#']) {
            return Err("the endpoint has a query or a fragment in it".to_owned());
        }
        Ok(Base {
            text: text.to_owned(),
            host: authority.host().to_owned(),
            is_https,
        })
    }

    /// Where completions are asked for.
    pub fn completions(&self) -> String {
        format!("{}/chat/completions", self.text)
    }

    /// The host's name or address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']');
        let address: Option<IpAddr> = address.parse().ok();
        self.host == "localhost" || address.is_some_and(|address| address.is_loopback())
    }

    /// Whether nobody on the way can read what is sent.
    pub fn is_private(&self) -> bool {
        self.is_https || self.is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::Base;

    #[test]
    fn a_path_is_kept() {
        let base = Base::parse(" https://example.org/api/v1/ ").expect("a URL");
        assert_eq!(
            base.completions(),
            "https://example.org/api/v1/chat/completions"
        );
        assert!(base.is_private() && !base.is_loopback());
    }

    #[test]
    fn this_machine_needs_no_encryption() {
        for url in [
            "http://127.0.0.1:8080/v1",
            "http://[::1]:80",
            "http://localhost",
        ] {
            assert!(Base::parse(url).expect(url).is_private(), "{url}");
        }
        for url in [
            "http://10.0.0.1",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
        ] {
            assert!(!Base::parse(url).expect(url).is_private(), "{url}");
        }
    }

    #[test]
    fn what_is_unfit_is_refused_and_no_password_quoted() {
        for url in [
            "",
            "example.org",
            "ftp://example.org",
            "http://",
            "http:///v1",
            "https://a b",
            "https://e.org/?q",
        ] {
            assert!(Base::parse(url).is_err(), "{url}");
        }
        let error = Base::parse("https://me:hunter2@example.org").expect_err("a password");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
