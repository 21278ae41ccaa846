//! Which WebAssembly a module may use: `--wasm 2.0,tail-call` or `--wasm=-gc`.

use probity_engine::{Config, Feature, WasmVersion};

/// A version to start from, and features that are added or taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wasm {
    version: Option<WasmVersion>,
    features: Vec<(Feature, bool)>,
}

impl Wasm {
    /// Sets an engine's configuration accordingly.
    pub fn apply(&self, config: &mut Config) {
        if let Some(version) = self.version {
            config.wasm(version);
        }
        for &(feature, on) in &self.features {
            config.feature(feature, on);
        }
    }
}

/// Reads the option's value.
pub fn parse(text: &str) -> Result<Wasm, String> {
    let mut wasm = Wasm::default();
    for (position, word) in text.split(',').enumerate() {
        let version = match word {
            "1.0" => Some(WasmVersion::V1),
            "2.0" => Some(WasmVersion::V2),
            "3.0" => Some(WasmVersion::V3),
            _ => None,
        };
        if version.is_some() {
            if position > 0 {
                return Err("a version must come first".to_owned());
            }
            wasm.version = version;
            continue;
        }
        let (name, on) = match word.strip_prefix('-') {
            Some(name) => (name, false),
            None => (word, true),
        };
        let feature = Feature::by_name(name).ok_or_else(|| unknown(name))?;
        wasm.features.push((feature, on));
    }
    Ok(wasm)
}

fn unknown(name: &str) -> String {
    let names: Vec<&str> = Feature::ALL.iter().map(|f| f.name()).collect();
    format!(
        "unknown feature `{}`; there are 1.0, 2.0, 3.0, {}",
        name.escape_debug(),
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_features() {
        let wasm = parse("2.0,tail-call,-simd").expect("valid");
        assert_eq!(wasm.version, Some(WasmVersion::V2));
        let expected = [(Feature::TailCalls, true), (Feature::Simd, false)];
        assert_eq!(wasm.features, expected);
        assert_eq!(
            parse("-gc").expect("valid").features,
            [(Feature::Gc, false)]
        );
        assert!(parse("gc,2.0").is_err());
        assert!(parse("").is_err());
        let error = parse("stack-switching").expect_err("not supported");
        assert!(error.contains("tail-call"), "{error}");
    }
}
