//! Chooses how handlers pass control on.
//!
//! The fast form relies on LLVM turning a call in tail position into a jump,
//! which it does when optimising and when no checks of debug builds stand
//! between the call and the return. Everything else gets the portable form,
//! so that an embedder's debug build runs too, only slower.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(threaded)");
    println!("cargo::rerun-if-changed=build.rs");
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    let optimised = matches!(var("OPT_LEVEL").as_str(), "1" | "2" | "3" | "s" | "z");
    let plain = std::env::var_os("CARGO_CFG_DEBUG_ASSERTIONS").is_none();
    let x86 = var("CARGO_CFG_TARGET_ARCH") == "x86_64";
    let portable = std::env::var_os("CARGO_FEATURE_PORTABLE").is_some();
    let miri = std::env::var_os("CARGO_CFG_MIRI").is_some();
    let sanitized = std::env::var_os("CARGO_CFG_SANITIZE").is_some();
    if optimised && plain && x86 && !portable && !miri && !sanitized {
        println!("cargo::rustc-cfg=threaded");
    }
}
