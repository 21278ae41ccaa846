//! Which functions allocate and free, by name and type.

use probity_engine::{FuncType, FunctionInfo, ValType};
use probity_probes::matcher::FunctionSelector;

use crate::options::{FUNCTIONS, OptionInfo, Options};

/// What an allocator's function does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Its parameter of this index is the size, its result the block.
    Malloc { size: u32 },
    /// The first two parameters are multiplied.
    Calloc,
    /// The first parameter is the block, that of this index the new size; the result is the new block.
    Realloc { size: u32 },
    /// The first parameter is where the block's address goes, the third is the size; the result is 0 if it did.
    PosixMemalign,
    /// The first parameter is the block.
    Free,
}

const fn option(name: &'static str, help: &'static str) -> OptionInfo {
    OptionInfo {
        name,
        default: "auto",
        help,
        values: &["auto", FUNCTIONS],
    }
}

/// Functions like `malloc`.
pub(crate) const MALLOC: OptionInfo = option(
    "malloc",
    "functions that allocate as many bytes as their first parameter says, instead of those with known names",
);
/// Functions like `calloc`.
pub(crate) const CALLOC: OptionInfo = option(
    "calloc",
    "functions that allocate so many elements of such a size, instead of those with known names",
);
/// Functions like `realloc`.
pub(crate) const REALLOC: OptionInfo = option(
    "realloc",
    "functions that make a block as large as the second parameter says, instead of those with known names",
);
/// Functions like `aligned_alloc`.
pub(crate) const MEMALIGN: OptionInfo = option(
    "memalign",
    "functions that allocate as many bytes as their second parameter says, instead of those with known names",
);
/// Functions like `free`.
pub(crate) const FREE: OptionInfo = option(
    "free",
    "functions that free what their first parameter points to, instead of those with known names",
);

/// Known functions: of C libraries, of Rust's `__rust_alloc` and what it is implemented by, of C++.
const KNOWN: &[(&str, &[&str], Role)] = &[
    (
        MALLOC.name,
        &[
            "malloc",
            "dlmalloc",
            "__libc_malloc",
            "emscripten_builtin_malloc",
            "valloc",
            "__rust_alloc",
            "__rust_alloc_zeroed",
            "__rdl_alloc",
            "__rdl_alloc_zeroed",
            "__rg_alloc",
            "__rg_alloc_zeroed",
            // operator new, and new[], of 32 and 64 bits.
            "_Znwj",
            "_Znwm",
            "_Znaj",
            "_Znam",
            "_ZnwjSt11align_val_t",
            "_ZnwmSt11align_val_t",
            "_ZnajSt11align_val_t",
            "_ZnamSt11align_val_t",
            "_ZnwjRKSt9nothrow_t",
            "_ZnwmRKSt9nothrow_t",
            "_ZnajRKSt9nothrow_t",
            "_ZnamRKSt9nothrow_t",
        ],
        Role::Malloc { size: 0 },
    ),
    (
        CALLOC.name,
        &[
            "calloc",
            "dlcalloc",
            "__libc_calloc",
            "emscripten_builtin_calloc",
        ],
        Role::Calloc,
    ),
    (
        REALLOC.name,
        &[
            "realloc",
            "dlrealloc",
            "__libc_realloc",
            "emscripten_builtin_realloc",
        ],
        Role::Realloc { size: 1 },
    ),
    (
        REALLOC.name,
        &["__rust_realloc", "__rdl_realloc", "__rg_realloc"],
        Role::Realloc { size: 3 },
    ),
    (
        MEMALIGN.name,
        &[
            "aligned_alloc",
            "memalign",
            "dlmemalign",
            "emscripten_builtin_memalign",
        ],
        Role::Malloc { size: 1 },
    ),
    (
        MEMALIGN.name,
        &["posix_memalign", "dlposix_memalign"],
        Role::PosixMemalign,
    ),
    (
        FREE.name,
        &[
            "free",
            "dlfree",
            "__libc_free",
            "emscripten_builtin_free",
            "free_sized",
            "free_aligned_sized",
            "__rust_dealloc",
            "__rdl_dealloc",
            "__rg_dealloc",
            "_ZdlPv",
            "_ZdaPv",
            "_ZdlPvj",
            "_ZdlPvm",
            "_ZdaPvj",
            "_ZdaPvm",
            "_ZdlPvSt11align_val_t",
            "_ZdaPvSt11align_val_t",
            "_ZdlPvjSt11align_val_t",
            "_ZdlPvmSt11align_val_t",
            "_ZdaPvjSt11align_val_t",
            "_ZdaPvmSt11align_val_t",
        ],
        Role::Free,
    ),
];

/// What is looked for.
pub(crate) struct Allocators {
    /// Functions that the user names, by option and what they do.
    given: Vec<(&'static str, FunctionSelector, Role)>,
}

impl Allocators {
    /// Those with known names.
    pub fn known() -> Allocators {
        Allocators { given: Vec::new() }
    }

    pub fn new(options: &Options) -> Allocators {
        let roles = [
            (MALLOC, Role::Malloc { size: 0 }),
            (CALLOC, Role::Calloc),
            (REALLOC, Role::Realloc { size: 1 }),
            (MEMALIGN, Role::Malloc { size: 1 }),
            (FREE, Role::Free),
        ];
        let given = roles.into_iter().filter_map(|(option, role)| {
            let text = options.get(option.name);
            let selector = FunctionSelector::parse(text).ok()?;
            (text != option.default).then_some((option.name, selector, role))
        });
        Allocators {
            given: given.collect(),
        }
    }

    /// What a function does, if it is one of an allocator. One whose type does not fit is none.
    pub fn role(&self, function: &FunctionInfo<'_>) -> Option<Role> {
        let given = self.given.iter();
        let given = given
            .clone()
            .find(|(_, selector, _)| selector.matches(function));
        let role = match given {
            Some((.., role)) => *role,
            None => {
                let name = function.name()?;
                let name = plain(&name);
                let known = KNOWN.iter().find(|(_, names, _)| names.contains(&name));
                let (option, _, role) = known?;
                if self.given.iter().any(|(given, ..)| given == option) {
                    return None;
                }
                *role
            }
        };
        role.fits(function.ty()).then_some(role)
    }
}

impl Role {
    /// Number of parameters that it looks at.
    fn params(self) -> usize {
        match self {
            Role::Malloc { size } | Role::Realloc { size } => size as usize + 1,
            Role::Calloc => 2,
            Role::PosixMemalign => 3,
            Role::Free => 1,
        }
    }

    fn fits(self, ty: &FuncType) -> bool {
        let is_number = |ty: &ValType| matches!(ty, ValType::I32 | ValType::I64);
        let params = ty.params().iter().take(self.params());
        let results = ty.results().len();
        params.clone().count() == self.params()
            && { params }.all(is_number)
            && (self == Role::Free || results == 1 && ty.results().iter().all(is_number))
    }
}

/// Without what compilers put around it: `_RNvCs..._7___rustc12___rust_alloc` is Rust's `__rust_alloc`, and Zig's C library has
/// `c.malloc.free`.
fn plain(name: &str) -> &str {
    if let Some(name) = name.strip_prefix("c.malloc.") {
        return name;
    }
    // An identifier that begins with `_` has another one before it, behind its length.
    if name.starts_with("_R")
        && let Some((_, tail)) = name.split_once("7___rustc")
    {
        let tail = tail.trim_start_matches(|c: char| c.is_ascii_digit());
        return tail.strip_prefix('_').unwrap_or(tail);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_engine::{Engine, Module};

    #[test]
    fn names_are_plain() {
        for (name, expected) in [
            ("malloc", "malloc"),
            ("c.malloc.free", "free"),
            ("_RNvCs8Jx2RyUNzSK_7___rustc12___rust_alloc", "__rust_alloc"),
            (
                "_RNvCs8Jx2RyUNzSK_7___rustc14___rust_dealloc",
                "__rust_dealloc",
            ),
            ("_RNvC3abc6malloc", "_RNvC3abc6malloc"),
        ] {
            assert_eq!(plain(name), expected);
        }
    }

    /// Types decide too, and names that are given stand for the known ones of their kind alone.
    #[test]
    fn roles() {
        let module = r#"(module
            (func $malloc (param i32) (result i32) (local.get 0))
            (func $free)
            (func $dlfree (param i32))
            (func $get (param i32) (result i32) (local.get 0))
            (func $__rust_realloc (param i32 i32 i32 i32) (result i32) (local.get 0)))"#;
        let module = Module::new(&Engine::default(), module).expect("loads");
        let roles = |given: &[(&str, &str)]| {
            let given: Vec<_> = given
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect();
            let options = Options::parse("heap", super::super::OPTIONS, &given);
            let allocators = Allocators::new(&options.expect("options"));
            let role = |index| allocators.role(&module.function(index).expect("a function"));
            (0..5).map(role).collect::<Vec<_>>()
        };
        let (malloc, free) = (Some(Role::Malloc { size: 0 }), Some(Role::Free));
        let realloc = Some(Role::Realloc { size: 3 });
        assert_eq!(roles(&[]), [malloc, None, free, None, realloc]);
        let given = roles(&[("malloc", "get"), ("free", "none")]);
        assert_eq!(given, [None, None, None, malloc, realloc]);
    }
}
