//! The programs of `tests/programs` that are benchmarks, with arguments for 0.3 to 1 s in a fast interpreter.
//! `files` and `filter` are left out: they measure the host's files, not an interpreter.

use std::path::PathBuf;

/// One program and its arguments.
pub struct Kernel {
    /// File stem under `tests/programs`.
    pub name: &'static str,
    /// Arguments behind argv[0] for a measured run.
    pub args: &'static [&'static str],
}

const fn kernel(name: &'static str, args: &'static [&'static str]) -> Kernel {
    Kernel { name, args }
}

/// Every kernel, in the order of the report.
pub const KERNELS: &[Kernel] = &[
    kernel("gemm", &["330"]),
    kernel("jacobi2d", &["250", "110"]),
    kernel("cholesky", &["570"]),
    kernel("nussinov", &["590"]),
    kernel("floyd", &["340"]),
    kernel("matmul", &["260"]),
    kernel("nbody", &["350000"]),
    kernel("mandelbrot", &["950", "200"]),
    kernel("sieve", &["9000000"]),
    kernel("collatz", &["350000"]),
    kernel("sort", &["500000"]),
    kernel("sha256", &["3500"]),
    kernel("crc32", &["3500"]),
    kernel("words", &["200000"]),
    // Depth below wasmi's default limit of 1000 frames.
    kernel("recursive", &["35", "701"]),
    kernel("vm", &["1500"]),
    kernel("brainf", &["600"]),
    kernel("simd", &["3000000"]),
    kernel("alloc", &["180000"]),
    kernel("shapes", &["150000"]),
    kernel("life", &["250", "140"]),
];

/// What an engine runs: the module and its arguments.
pub struct Task {
    /// The kernel's name.
    pub name: &'static str,
    /// The module's file.
    pub path: PathBuf,
    /// Its bytes.
    pub wasm: Vec<u8>,
    /// Arguments with argv[0].
    pub argv: Vec<String>,
    /// Stdout of the run, where it is known beforehand (default sizes only).
    pub expected: Option<Vec<u8>>,
}

impl Kernel {
    /// Reads the module. `small`: the program's default size, whose output is on file.
    pub fn task(&self, small: bool) -> Result<Task, String> {
        let programs = crate::root().join("tests/programs");
        let read = |suffix: &str| {
            let path = programs.join(self.name).with_extension(suffix);
            std::fs::read(&path).map_err(|e| format!("failed to read {}: {e}", path.display()))
        };
        let wasm = read("wasm")?;
        let expected = if small { Some(read("expected")?) } else { None };
        let args = if small { &[] } else { self.args };
        let argv = std::iter::once(self.name).chain(args.iter().copied());
        Ok(Task {
            name: self.name,
            path: programs.join(self.name).with_extension("wasm"),
            wasm,
            argv: argv.map(str::to_owned).collect(),
            expected,
        })
    }
}

/// The kernels that `only` names, all if it is empty; an error names what is unknown.
pub fn select(only: &[String]) -> Result<Vec<&'static Kernel>, String> {
    if let Some(unknown) = only.iter().find(|n| !KERNELS.iter().any(|k| k.name == **n)) {
        let known: Vec<_> = KERNELS.iter().map(|k| k.name).collect();
        return Err(format!(
            "unknown kernel '{unknown}'; known: {}",
            known.join(" ")
        ));
    }
    let wanted = |k: &&Kernel| only.is_empty() || only.iter().any(|n| n == k.name);
    Ok(KERNELS.iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Programs that are no benchmark, as the module header says.
    const NOT_KERNELS: [&str; 2] = ["files", "filter"];

    #[test]
    fn every_program_is_a_kernel_or_left_out_by_name() {
        let entries = std::fs::read_dir(crate::root().join("tests/programs"))
            .expect("the programs are there");
        let mut found = BTreeSet::new();
        for entry in entries {
            let path = entry.expect("a directory entry").path();
            if path.extension().is_some_and(|e| e == "wasm") {
                found.insert(
                    path.file_stem()
                        .expect("a name")
                        .to_string_lossy()
                        .into_owned(),
                );
            }
        }
        let listed = KERNELS
            .iter()
            .map(|k| k.name)
            .chain(NOT_KERNELS)
            .map(str::to_owned)
            .collect();
        assert_eq!(found, listed);
    }

    #[test]
    fn an_unknown_kernel_is_named_with_the_known_ones() {
        assert_eq!(select(&["gemm".to_owned()]).expect("gemm exists").len(), 1);
        let Err(message) = select(&["gem".to_owned()]) else {
            panic!("'gem' was found")
        };
        assert!(
            message.contains("'gem'") && message.contains(" gemm "),
            "{message}"
        );
    }
}
