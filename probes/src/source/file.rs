//! Files that a module names. It is not trusted: no file is read for it but those in its own
//! directory.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine as _;

use super::sections::Sections;

/// Larger files are none of these.
const BYTES_MAX: u64 = 512 << 20;

/// The contents of the section `sourceMappingURL` or `external_debug_info`: a string with its length in
/// front.
pub(super) fn url(sections: &Sections<'_>, section: &str) -> Option<String> {
    let mut rest = sections.custom(section)?.iter();
    let (mut length, mut shift) = (0u64, 0u32);
    loop {
        let byte = *rest.next().filter(|_| shift <= 28)?;
        length |= u64::from(byte & 127) << shift;
        shift += 7;
        if byte < 128 {
            break;
        }
    }
    let url = rest.as_slice().get(..usize::try_from(length).ok()?)?;
    Some(std::str::from_utf8(url).ok()?.to_owned())
}

/// The file of a URL, taken to be beside the module: where it is on the web is of no use here.
///
/// # Errors
/// If there can be no such file; the message says what the user can do.
pub(super) fn beside(url: &str, module: Option<&Path>) -> Result<PathBuf, String> {
    let cannot = |why: &str| Err(format!("find debug information: {why}"));
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    if name.is_empty() || name == ".." || name.contains(['\\', '\0']) {
        return cannot(&format!("`{}` names no file", url.escape_debug()));
    }
    match module.map(Path::parent) {
        Some(dir) => Ok(dir.unwrap_or(Path::new("")).join(name)),
        None => cannot(&format!(
            "`{name}` would be beside the module, which has no file"
        )),
    }
}

/// What a URL has in itself (`data:`, RFC 2397); `None` if it is that of a file.
///
/// # Errors
/// If its base64 is none.
pub(super) fn inline(url: &str) -> Option<Result<Vec<u8>, String>> {
    let (kind, data) = url.strip_prefix("data:")?.split_once(',')?;
    if !kind.ends_with(";base64") {
        let bytes = percent_encoding::percent_decode_str(data);
        return Some(Ok(bytes.collect()));
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(data);
    Some(decoded.map_err(|e| format!("read the source map in the module: {e}")))
}

/// The contents of a regular file.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let metadata = std::fs::metadata(path).map_err(|e| e.to_string())?;
    if !metadata.is_file() {
        return Err("no regular file".to_owned());
    }
    if metadata.len() > BYTES_MAX {
        return Err(format!("{} bytes are too many", metadata.len()));
    }
    let file = File::open(path).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    let read = file.take(BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(|e| e.to_string())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_beside_the_module() {
        let module = Some(Path::new("build/a.wasm"));
        for (url, expected) in [
            ("a.wasm.map", Some("build/a.wasm.map")),
            (
                "http://localhost:8000/maps/a.wasm.map?v=1",
                Some("build/a.wasm.map"),
            ),
            ("../../etc/passwd", Some("build/passwd")),
            ("..", None),
            ("", None),
            ("x/", None),
        ] {
            let found = beside(url, module).ok();
            assert_eq!(found.as_deref(), expected.map(Path::new), "{url}");
        }
        assert_eq!(
            beside("a.map", Some(Path::new("a.wasm"))),
            Ok("a.map".into())
        );
        assert!(beside("a.map", None).is_err());
    }

    #[test]
    fn urls_with_data() {
        let text = |url: &str| {
            inline(url).map(|data| data.map(|data| String::from_utf8_lossy(&data).into_owned()))
        };
        assert_eq!(
            text("data:application/json;base64,e30="),
            Some(Ok("{}".to_owned()))
        );
        assert_eq!(
            text("data:application/json,%7B%7d"),
            Some(Ok("{}".to_owned()))
        );
        assert!(text("data:;base64,*").is_some_and(|data| data.is_err()));
        assert_eq!(text("a.wasm.map"), None);
    }

    #[test]
    fn urls_of_sections() {
        let url = |bytes: &[u8]| {
            let mut module = b"\0asm\x01\0\0\0\x0a\x01\0".to_vec();
            let name = b"\x10sourceMappingURL";
            module.extend([0, (name.len() + bytes.len()) as u8]);
            module.extend(name);
            module.extend(bytes);
            super::url(
                &Sections::new(&module).expect("sections"),
                "sourceMappingURL",
            )
        };
        assert_eq!(url(b"\x05a.map").as_deref(), Some("a.map"));
        assert_eq!(url(b"\x85\0a.map").as_deref(), Some("a.map"));
        for bad in [
            &b""[..],
            b"\x06a.map",
            b"\x02\xff\xff",
            b"\xff\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(url(bad), None, "{bad:?}");
        }
    }
}
