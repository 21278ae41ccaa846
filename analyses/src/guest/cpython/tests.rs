use std::sync::Arc;

use proptest::prelude::*;

use super::synthetic::{RUNTIME, Synthetic};
use super::*;

/// Two units of the first line, one of the next.
const TABLE: [u8; 6] = [0x80 | 10 << 3 | 1, 0, 0, 0x80 | 11 << 3, 0, 0];

/// `outer` at its second line has called `inner`, at its first; with a frame of the interpreter between.
fn two_frames(minor: u32) -> Synthetic {
    let mut memory = Synthetic::new(minor);
    let inner = memory.code("/a.py", "outer.<locals>.inner", 20, &TABLE, &[]);
    let outer = memory.code("/a.py", "outer", 10, &TABLE, &[inner]);
    memory.own_frame();
    memory.frame(outer, 2);
    memory.own_frame();
    memory.frame(inner, 1);
    memory
}

fn stack(memory: &Synthetic) -> GuestStack {
    match CPython::find(&memory.memory) {
        Ok(python) => python.stack(&memory.memory),
        Err(problem) => GuestStack {
            frames: Vec::new(),
            problem: Some(problem),
        },
    }
}

fn frame(function: &str, first_line: u32, line: u32) -> GuestFrame {
    GuestFrame {
        function: function.into(),
        file: "/a.py".into(),
        first_line,
        line: Some(line),
    }
}

#[test]
fn a_stack_is_read_in_every_version() {
    for minor in 13..=15 {
        let memory = two_frames(minor);
        let python = CPython::find(&memory.memory).expect("found");
        assert_eq!(python.title(), format!("CPython 3.{minor}.2"));
        let frames = vec![
            frame("outer.<locals>.inner", 20, 20),
            frame("outer", 10, 11),
        ];
        let problem = None;
        assert_eq!(stack(&memory), GuestStack { frames, problem });
    }
}

/// The beginnings of the tables of builds that others have made: Pyodide 0.28.3, which is CPython 3.13.2, and Pyodide 314.0.7, which is
/// CPython 3.14.2.
const BUILDS: [(u8, &[u64]); 2] = [
    (
        13,
        &[
            51184368, 0, 149520, 604, 620, 99816, 3648, 3644, 3704, 3732, 3880, 3872, 3876, 8,
            3960, 0, 3968, 3964, 184, 0, 4, 8, 52, 92, 96, 144, 16, 44, 4, 0, 28, 40, 38, 128, 80,
            84, 88, 92, 44, 28, 72, 76, 124, 8, 4, 208, 12, 44, 84, 16, 12, 8, 20, 12, 8, 32, 24,
            28, 16, 8, 16, 8, 12, 20, 8, 16, 32, 16, 8, 20, 140, 120,
        ],
    ),
    (
        14,
        &[
            51249904, 0, 166640, 780, 796, 115488, 3656, 3648, 3704, 3712, 3740, 3896, 3884, 3888,
            8, 3976, 0, 3984, 3980, 4136, 0, 704, 0, 4, 8, 52, 92, 96, 144, 16, 44, 4, 0, 28, 40,
            38, 32, 0, 132, 80, 84, 88, 92, 44, 28, 72, 76, 128, 0, 8, 4, 208, 12, 44, 84, 20, 16,
            8, 20, 12, 8, 100, 12, 20, 16, 32, 24, 28, 16, 8, 16, 8, 12, 20, 8, 16, 32, 16, 8, 20,
        ],
    ),
];

/// Where its headers have the fields (`Include/internal/pycore_debug_offsets.h`), on 32 bits.
#[test]
fn tables_of_other_builds_are_read() {
    for (minor, table) in BUILDS {
        let mut memory = vec![0; 64];
        memory.extend_from_slice(b"xdebugpy");
        memory.extend(table.iter().flat_map(|number| number.to_le_bytes()));
        memory.resize(1 << 12, 0);
        let python = CPython::find(&memory).expect("found");
        assert_eq!(python.title(), format!("CPython 3.{minor}.2"));
        let at = python.offsets();
        // Behind references and type: a length; then constants, names, a table of exceptions, flags, the number of arguments.
        assert_eq!((at.ob_type, at.tuple_size, at.consts), (4, 8, 12));
        let names = (at.filename, at.name, at.qualname, at.linetable);
        assert_eq!(names, (80, 84, 88, 92));
        assert_eq!((at.firstlineno, at.code_version), (44, 68));
        // From 3.14 on tuples keep their hash, and code objects have a word more.
        let (item, code) = if minor == 13 { (12, 124) } else { (16, 128) };
        assert_eq!((at.tuple_item, at.code_adaptive), (item, code));
        let frame = (at.executable, at.previous, at.instr_ptr, at.owner);
        assert_eq!(frame, (0, 4, 28, 38));
        assert_eq!((at.thread_next, at.current_frame), (4, 52));
        assert_eq!((at.bytes_size, at.bytes_val), (8, 16));
        let text = (
            at.unicode_length,
            at.unicode_state,
            at.ascii_size,
            at.compact_size,
        );
        assert_eq!(text, (8, 16, 20, 28));
    }
}

#[test]
fn strings_of_all_widths_are_read() {
    for name in ["", "plain", "naïve", "имя", "名前", "a😀b"] {
        let mut memory = Synthetic::new(15);
        let at = memory.string(name);
        let python = CPython::find(&memory.memory).expect("found");
        let read = unicode::read(View::new(&memory.memory), python.offsets(), at);
        assert_eq!(read.as_deref(), Ok(name));
    }
}

#[test]
fn code_objects_inside_are_found() {
    let memory = two_frames(14);
    let python = CPython::find(&memory.memory).expect("found");
    let (frames, _) = python.frames(&memory.memory);
    let view = View::new(&memory.memory);
    let outer = Code::read(view, python.offsets(), frames[1].code).expect("outer");
    let nested = outer.nested(view, python.offsets());
    assert_eq!(nested, Ok(vec![frames[0].code]));
    assert_eq!(outer.len(), 6);
}

#[test]
fn what_is_no_known_cpython_is_said() {
    let problem = |memory: &[u8]| CPython::find(memory).expect_err("found").to_string();
    let nothing = "no CPython >= 3.13 was found in the memory";
    assert_eq!(problem(&[]), nothing);
    assert_eq!(problem(&vec![7; 1 << 16]), nothing);
    // A wrong cookie; one that is at no place of the table.
    let mut memory = two_frames(15);
    memory.memory[RUNTIME as usize + 7] = b'!';
    assert_eq!(problem(&memory.memory), nothing);
    let mut moved = two_frames(15).memory;
    moved.rotate_right(4);
    assert_eq!(problem(&moved), nothing);
    // A cookie in front of nothing, before the true one, is not taken for it.
    let mut memory = two_frames(15);
    memory.memory[8..16].copy_from_slice(b"xdebugpy");
    assert_eq!(stack(&memory).frames.len(), 2);

    let mut memory = two_frames(15);
    memory.number(0, 0x0310_00f0);
    let unknown = "the structures of CPython 3.16 are not known";
    assert_eq!(problem(&memory.memory), unknown);
    let mut memory = two_frames(15);
    memory.number(1, 1);
    assert!(problem(&memory.memory).contains("global lock"));
    // The table ends with the memory; an offset is behind its structure.
    let cut = &two_frames(15).memory[..RUNTIME as usize + 96];
    assert!(
        problem(cut).contains("outside of the memory"),
        "{}",
        problem(cut)
    );
    let mut memory = two_frames(15);
    memory.number(41, 1 << 20);
    assert_eq!(problem(&memory.memory), "the table of offsets is malformed");
}

#[test]
fn a_damaged_stack_is_read_as_far_as_it_goes() {
    let problem = |memory: &Synthetic| {
        let stack = stack(memory);
        (stack.frames.len(), stack.problem)
    };
    let of = |memory: &Synthetic| {
        let python = CPython::find(&memory.memory).expect("found");
        python.frames(&memory.memory).0
    };
    // The outer frame's caller is the inner one.
    let mut memory = two_frames(15);
    let frames = of(&memory);
    memory.put(frames[1].address + 4, frames[0].address);
    assert!(matches!(
        problem(&memory),
        (2.., Some(GuestError::Cycle("frames")))
    ));
    // Of itself.
    let mut memory = two_frames(15);
    memory.put(frames[0].address + 4, frames[0].address);
    assert!(matches!(
        problem(&memory),
        (1.., Some(GuestError::Cycle(_)))
    ));
    // The caller is out of the memory.
    let mut memory = two_frames(15);
    memory.put(frames[0].address + 4, 0xffff_fff0);
    assert!(matches!(
        problem(&memory),
        (1, Some(GuestError::OutOfMemory { .. }))
    ));
    // The name is no string; it is far too long.
    let name = |memory: &Synthetic| {
        let at = frames[1].code as usize + 88;
        u32::from_le_bytes(memory.memory[at..at + 4].try_into().expect("4 bytes"))
    };
    let mut memory = two_frames(15);
    memory.put(name(&memory) + 16, 0);
    assert_eq!(
        problem(&memory),
        (1, Some(GuestError::Malformed("a string")))
    );
    let mut memory = two_frames(15);
    memory.put(name(&memory) + 8, u32::MAX);
    assert_eq!(problem(&memory), (1, Some(GuestError::TooLong("a string"))));
    // A table of lines that is cut off leaves a frame without its line.
    let mut memory = two_frames(15);
    let at = frames[0].code as usize + 92;
    let table = u32::from_le_bytes(memory.memory[at..at + 4].try_into().expect("4 bytes"));
    memory.put(table + 8, 5);
    let cut = stack(&memory);
    assert_eq!((cut.frames[0].line, cut.frames.len()), (None, 2));
    assert_eq!(cut.frames[0].function, Arc::from("outer.<locals>.inner"));
    // Threads in a circle.
    let mut memory = two_frames(15);
    let thread = memory.memory.len() as u32 - 1024;
    memory.put(thread + 4, thread);
    memory.put(0x1000 + 3696, thread);
    assert_eq!(problem(&memory), (0, Some(GuestError::Cycle("threads"))));
}

proptest! {
    /// Whatever is in the memory, nothing outside of it is read, and everything ends.
    #[test]
    fn damage_is_never_fatal(
        minor in 13u32..=15,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>()), 1..40),
        near in prop::collection::vec((0usize..0x3000, any::<u8>()), 0..40),
    ) {
        let mut memory = two_frames(minor).memory;
        for (at, value) in damage {
            let at = at.index(memory.len() - 4);
            memory[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        for (at, byte) in near {
            memory[at] = byte;
        }
        if let Ok(python) = CPython::find(&memory) {
            let stack = python.stack(&memory);
            for frame in python.frames(&memory).0 {
                if let Ok(code) = Code::read(View::new(&memory), python.offsets(), frame.code) {
                    let _ = code.nested(View::new(&memory), python.offsets());
                }
            }
            prop_assert!(stack.frames.len() <= frames::FRAMES_MAX);
        }
    }

    /// The same of the table of lines alone.
    #[test]
    fn any_table_of_lines_ends(table in prop::collection::vec(any::<u8>(), 0..200), first: u32) {
        if let Ok(lines) = lines::decode(&table, first) {
            prop_assert!(lines.windows(2).all(|two| two[0].end == two[1].start));
        }
    }
}
