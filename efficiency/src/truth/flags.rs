//! Flags with which a compiler keeps every line and variable.

/// A compiler's flags, made such that every variable is where the source has it: no optimisation. Undefined behaviour
/// is not checked for in C and C++, which some compilers do where they do not optimise: the program is to do what it
/// does when it is measured.
///
/// ```
/// use probity_efficiency::truth::unoptimised;
/// let flags = ["-O2".to_owned(), "-std=c++20".to_owned()];
/// assert_eq!(unoptimised("cpp", &flags), ["-O0", "-std=c++20", "-fno-sanitize=undefined"]);
/// ```
pub fn unoptimised(language: &str, flags: &[String]) -> Vec<String> {
    let (own, also): (&str, &[&str]) = match language {
        "c" | "cpp" => ("-O0", &["-fno-sanitize=undefined"]),
        "rust" => ("-Copt-level=0", &[]),
        _ => ("-O0", &[]),
    };
    let is_level = |flag: &str| {
        let level = flag
            .strip_prefix("-O")
            .or_else(|| flag.strip_prefix("-Copt-level="));
        level.is_some()
    };
    let kept = flags.iter().filter(|flag| !is_level(flag)).cloned();
    let also = also.iter().map(|flag| (*flag).to_owned());
    [own.to_owned()]
        .into_iter()
        .chain(kept)
        .chain(also)
        .collect()
}
