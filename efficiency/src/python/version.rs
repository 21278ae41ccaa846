//! Which Python a module is.

use std::path::Path;

use probity_engine::{Config, Engine, Linker, Module, Store, Tier};
use probity_wasi::{Exit, OutputBuffer, WasiCtx, WasiCtxBuilder};

use super::guest::{add_to_linker, start};
use super::kind::Kind;

/// Units of fuel that `-V` may take: it does not start the interpreter.
const FUEL: u64 = 2_000_000_000;
/// Bytes that it may print.
const OUTPUT_BYTES: u64 = 1 << 16;

/// What the line `python 3.15.0` of a manifest says.
pub(super) fn of_manifest(text: &str) -> Option<String> {
    let mut lines = text.lines();
    let version = lines.find_map(|line| line.strip_prefix("python "))?;
    Some(version.trim().to_owned())
}

/// What the module prints for `-V`.
///
/// # Errors
/// If it does not run, or says something else.
pub(super) fn by_running(module: &Path) -> Result<String, String> {
    let mut config = Config::new();
    config.deterministic(true).tier(Tier::Auto);
    let engine = Engine::new(&config);
    let module = Module::from_file(&engine, module).map_err(|e| e.to_string())?;
    let kind = Kind::of(&module)?;
    let output = OutputBuffer::new();
    let wasi = WasiCtxBuilder::new()
        .args(["python", "-V"])
        .stdout(output.clone())
        .virtual_clock(0, 1000)
        .random_seed(0)
        .output_bytes_max(OUTPUT_BYTES)
        .build();
    let mut store = Store::new(&engine, wasi);
    store.set_fuel_limit(Some(FUEL));
    let mut linker: Linker<WasiCtx> = Linker::new(&engine);
    probity_wasi::add_to_linker(&mut linker, |wasi| wasi).map_err(|e| e.to_string())?;
    add_to_linker(&mut linker).map_err(|e| e.to_string())?;
    let ended = linker
        .instantiate(&mut store, &module)
        .and_then(|instance| start(&mut store, instance, kind));
    match ended {
        Ok(()) => {}
        Err(error) if error.downcast_ref::<Exit>() == Some(&Exit(0)) => {}
        Err(error) => return Err(format!("`python -V` failed: {error}")),
    }
    let said = String::from_utf8_lossy(&output.contents()).into_owned();
    match said.trim().strip_prefix("Python ") {
        Some(version) if version.starts_with(|c: char| c.is_ascii_digit()) => {
            Ok(version.to_owned())
        }
        _ => Err(format!(
            "`python -V` says `{}`, which is no version",
            said.trim().chars().take(80).collect::<String>()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_name_it() {
        let manifest = "python 3.15.0\npackage numpy 2.5.2\n";
        assert_eq!(of_manifest(manifest).as_deref(), Some("3.15.0"));
        assert_eq!(of_manifest("package python 1\n"), None);
    }
}
