//! Decides whether the JIT is part of the engine (`cfg(jit)`): on x86-64 Linux, and not under
//! Miri, which cannot run machine code, nor under a sanitizer, which cannot see it.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(jit)");
    println!("cargo::rerun-if-changed=build.rs");
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    let native = var("CARGO_CFG_TARGET_ARCH") == "x86_64" && var("CARGO_CFG_TARGET_OS") == "linux";
    let miri = std::env::var_os("CARGO_CFG_MIRI").is_some();
    let sanitized = std::env::var_os("CARGO_CFG_SANITIZE").is_some();
    if native && !miri && !sanitized {
        println!("cargo::rustc-cfg=jit");
    }
}
