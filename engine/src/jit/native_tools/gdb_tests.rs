//! The list as a debugger walks it, and the object files as others read them. `.ci/gdb` has GDB
//! do it.

use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

use super::super::{NativeTools, Published, ToolSettings};
use super::*;

/// Copies of the object files in the list, first to last; checks the links on the way.
fn files() -> Vec<Vec<u8>> {
    let _lock = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let mut files = Vec::new();
    // SAFETY: under the lock, everything in the list is alive.
    unsafe {
        let root = &*__jit_debug_descriptor.0.get();
        assert_eq!(root.version, 1);
        assert_eq!(root.action, NO_ACTION);
        let (mut prev, mut entry) = (null_mut(), root.first);
        while !entry.is_null() {
            let e = &*entry;
            assert_eq!(e.prev, prev);
            files.push(std::slice::from_raw_parts(e.file, e.file_bytes as usize).to_vec());
            (prev, entry) = (entry, e.next);
        }
    }
    files
}

/// The symbol's name, address and size, of a file with one symbol.
fn symbol(file: &[u8]) -> (String, u64, u64) {
    let file = object::File::parse(file).unwrap();
    let symbols: Vec<_> = file.symbols().collect();
    let [symbol] = &symbols[..] else {
        panic!("{symbols:?}")
    };
    let name = symbol.name().unwrap().to_owned();
    (name, symbol.address(), symbol.size())
}

/// The names in the list that begin so. Tests run in parallel and share it.
fn names(prefix: &str) -> Vec<String> {
    let mut names: Vec<_> = files().iter().map(|file| symbol(file).0).collect();
    names.retain(|name| name.starts_with(prefix));
    names
}

fn tools() -> NativeTools {
    NativeTools::new(&ToolSettings {
        gdb: true,
        ..ToolSettings::default()
    })
    .unwrap()
}

fn published<'a>(name: &'a str, lines: &'a [(u32, u32)]) -> Published<'a> {
    Published {
        name,
        base: std::ptr::without_provenance(0x7f12_3456_7000),
        code: &[0x90; 32],
        lines,
        module: "dir/app.wasm",
    }
}

/// Address and line of every row, and the end of the sequence as line 0.
fn rows(file: &[u8]) -> Vec<(u64, u64, String)> {
    let file = object::File::parse(file).unwrap();
    let load = |id: gimli::SectionId| {
        let data = file.section_by_name(id.name()).map(|s| s.data().unwrap());
        Ok::<_, gimli::Error>(gimli::EndianSlice::new(
            data.unwrap_or_default(),
            gimli::LittleEndian,
        ))
    };
    let dwarf = gimli::Dwarf::load(load).unwrap();
    let mut rows = Vec::new();
    let mut units = dwarf.units();
    while let Some(header) = units.next().unwrap() {
        let unit = dwarf.unit(header).unwrap();
        let mut program = unit.line_program.clone().unwrap().rows();
        while let Some((header, row)) = program.next_row().unwrap() {
            let file = row.file(header).unwrap().path_name();
            let file = dwarf.attr_string(&unit, file).unwrap();
            let line = match row.end_sequence() {
                true => 0,
                false => row.line().unwrap().get(),
            };
            rows.push((row.address(), line, file.to_string_lossy().into_owned()));
        }
    }
    rows
}

#[test]
fn the_list_has_what_is_registered() {
    let tools = tools();
    let a = tools.publish(&published("list::a", &[]));
    let b = tools.publish(&published("list::b", &[]));
    let c = tools.publish(&published("list::c", &[]));
    assert_eq!(names("list::"), ["list::c", "list::b", "list::a"]);
    drop(b);
    assert_eq!(names("list::"), ["list::c", "list::a"]);
    drop(c);
    assert_eq!(names("list::"), ["list::a"]);
    // It may live longer than the engine.
    drop(tools);
    assert_eq!(names("list::"), ["list::a"]);
    drop(a);
    assert!(names("list::").is_empty());
}

#[test]
fn threads_share_the_list() {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                let tools = tools();
                let name = format!("threads::{thread}");
                let mut kept = Vec::new();
                for i in 0..200 {
                    kept.push(tools.publish(&published(&name, &[])));
                    if i % 3 == 0 {
                        drop(kept.swap_remove(i % kept.len()));
                    }
                    if i % 50 == 0 {
                        assert_eq!(names(&name).len(), kept.len());
                    }
                }
            });
        }
    });
    assert!(names("threads::").is_empty());
}

#[test]
fn the_object_file_describes_the_code() {
    let base = 0x7f12_3456_7000;
    let bytes = super::super::object_file::write(&published(
        "wasm[3]::fib<T>",
        &[(4, 291), (9, 295), (9, 295), (12, 280), (31, 300)],
    ));
    assert_eq!(symbol(&bytes), ("wasm[3]::fib<T>".to_owned(), base, 32));

    let file = object::File::parse(&*bytes).unwrap();
    assert_eq!(file.architecture(), object::Architecture::X86_64);
    assert_eq!(file.kind(), object::ObjectKind::Executable);
    let text = file.section_by_name(".text").unwrap();
    assert_eq!((text.address(), text.size()), (base, 32));
    assert_eq!(text.data().unwrap(), b"", "the process has the bytes");
    assert_eq!(
        file.symbols().next().unwrap().section_index(),
        Some(text.index())
    );

    let at = |offset: u64, line: u64| (base + offset, line, "dir/app.wasm".to_owned());
    assert_eq!(
        rows(&bytes),
        [
            at(0, 291),
            at(4, 291),
            at(9, 295),
            at(12, 280),
            at(31, 300),
            at(32, 0)
        ]
    );
}

#[test]
fn without_lines_there_is_the_symbol_alone() {
    let bytes = super::super::object_file::write(&published("plain", &[]));
    let file = object::File::parse(&*bytes).unwrap();
    let names: Vec<_> = file
        .sections()
        .map(|s| s.name().unwrap().to_owned())
        .collect();
    assert_eq!(names, [".text", ".symtab", ".strtab", ".shstrtab"]);
}
