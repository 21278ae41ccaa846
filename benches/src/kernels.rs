//! The programs of `tests/programs` that are benchmarks, with arguments for tens of milliseconds, for 0.3 to 1 s in a fast
//! interpreter, and for 0.2 to 1 s compiled. `files` and `filter` are left out: they measure the host's files, not an engine.

use std::path::PathBuf;

/// One program and its arguments.
pub struct Kernel {
    /// File stem under `tests/programs`.
    pub name: &'static str,
    /// Arguments behind argv[0] for a run of tens of milliseconds.
    short_args: &'static [&'static str],
    /// The same for a measured run of interpreters.
    interp_args: &'static [&'static str],
    /// The same for compiled code.
    jit_args: &'static [&'static str],
}

/// How much a kernel has to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// The program's default, whose output is on file.
    Small,
    /// For short runs.
    Short,
    /// For measuring interpreters.
    Interp,
    /// For measuring compiled code.
    Jit,
}

const fn kernel(
    name: &'static str,
    short_args: &'static [&'static str],
    interp_args: &'static [&'static str],
    jit_args: &'static [&'static str],
) -> Kernel {
    Kernel {
        name,
        short_args,
        interp_args,
        jit_args,
    }
}

/// Every kernel, in the order of the report.
pub const KERNELS: &[Kernel] = &[
    kernel("gemm", &["140"], &["330"], &["330", "18"]),
    kernel(
        "jacobi2d",
        &["250", "10"],
        &["250", "110"],
        &["250", "2500"],
    ),
    kernel("cholesky", &["230"], &["570"], &["570", "14"]),
    kernel("nussinov", &["240"], &["590"], &["590", "16"]),
    kernel("floyd", &["150"], &["340"], &["340", "14"]),
    kernel("matmul", &["110"], &["260"], &["650"]),
    kernel("nbody", &["30000"], &["350000"], &["5000000"]),
    kernel(
        "mandelbrot",
        &["270", "200"],
        &["950", "200"],
        &["2000", "200"],
    ),
    kernel("sieve", &["800000"], &["9000000"], &["40000000"]),
    kernel("collatz", &["30000"], &["350000"], &["2000000"]),
    kernel("sort", &["45000"], &["500000"], &["900000"]),
    kernel("sha256", &["300"], &["3500"], &["60000"]),
    kernel("crc32", &["300"], &["3500"], &["40000"]),
    kernel("words", &["18000"], &["200000"], &["2000000"]),
    // Depth below wasmi's default limit of 1000 frames.
    kernel("recursive", &["29", "701"], &["35", "701"], &["40", "701"]),
    kernel("vm", &["130"], &["1500"], &["6000"]),
    kernel("brainf", &["50"], &["600"], &["6000"]),
    kernel("simd", &["250000"], &["3000000"], &["65536", "12000"]),
    kernel("alloc", &["15000"], &["180000"], &["300000"]),
    kernel("shapes", &["12000"], &["150000"], &["500000"]),
    kernel("life", &["20", "140"], &["250", "140"], &["700", "200"]),
    kernel("lu", &["230"], &["400", "3"], &["400", "15"]),
    kernel("heat3d", &["40", "10"], &["80", "50"], &["80", "160"]),
    kernel("seidel2d", &["250", "16"], &["250", "400"], &["250", "700"]),
    kernel("correlation", &["190"], &["400", "2"], &["400", "6"]),
    kernel("parse", &["1000"], &["20000"], &["60000"]),
    kernel("connect4", &["8", "14"], &["10", "14"], &["11", "14"]),
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
    /// Reads the module.
    pub fn task(&self, size: Size) -> Result<Task, String> {
        let programs = crate::root().join("tests/programs");
        let read = |suffix: &str| {
            let path = programs.join(self.name).with_extension(suffix);
            std::fs::read(&path).map_err(|e| format!("failed to read {}: {e}", path.display()))
        };
        let wasm = read("wasm")?;
        let (args, expected): (&[&str], _) = match size {
            Size::Small => (&[], Some(read("expected")?)),
            Size::Short => (self.short_args, None),
            Size::Interp => (self.interp_args, None),
            Size::Jit => (self.jit_args, None),
        };
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
