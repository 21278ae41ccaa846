//! Traces of programs worked by hand: the same bytes in every tier, as text and through the binary form.

mod common;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use common::{WAYS, config, pairs, run_session};
use probity_analyses::Session;
use probity_analyses::trace::{Lines, Reader};
use probity_engine::{Config, Engine, Linker, Module, Store, Tier, TierZeal};
use probity_probes::opcode::Opcode;

/// What was written, for everyone who has a clone.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn trace_with(
    config: Config,
    wat: &str,
    options: &str,
    prepare: impl FnOnce(&mut Store<()>),
) -> Vec<u8> {
    let kept = Kept::default();
    let sink = kept.clone();
    let add = |session: &mut Session| {
        session.add_trace(&pairs(options), sink).expect("a trace");
    };
    run_session(config, wat, add, prepare);
    std::mem::take(&mut *kept.0.lock().expect("no panic"))
}

/// A trace as text, which has to be the same in every tier, and when it is read from the binary form.
fn trace(wat: &str, options: &str) -> String {
    let mut first: Option<(Vec<u8>, Vec<u8>)> = None;
    for (way, tier, zeal) in WAYS {
        let get = |options: &str| trace_with(config(tier, zeal), wat, options, |_| {});
        let both = (get(options), get(&format!("{options},format=binary")));
        let (text, binary) = first.get_or_insert_with(|| both.clone());
        let (text, binary) = (&*text, &*binary);
        assert_eq!(
            String::from_utf8_lossy(&both.0),
            String::from_utf8_lossy(text),
            "{way}"
        );
        assert_eq!(&both.1, binary, "{way}");
    }
    let (text, binary) = first.expect("a way");
    let text = String::from_utf8(text).expect("UTF-8");
    assert_eq!(printed(&binary), text);
    text
}

/// The lines of a binary trace, which has to be whole.
fn printed(binary: &[u8]) -> String {
    let mut out = Vec::new();
    if !binary.is_empty() {
        let mut reader = Reader::new(binary).expect("a header");
        let mut lines = Lines::default();
        while let Some(item) = reader.next().expect("whole") {
            lines.write(&item, &mut out).expect("memory");
        }
    }
    String::from_utf8(out).expect("UTF-8")
}

/// With the offset of an operator for `{function opcode n}`, where n counts them from 1.
fn with_pcs(wat: &str, text: &str) -> String {
    let module = Module::new(&Engine::default(), wat).expect("a module");
    let pc = |what: &str| {
        let mut words = what.split(' ');
        let (name, opcode) = (words.next(), words.next().expect("an opcode"));
        let nth: usize = words.next().map_or(1, |n| n.parse().expect("a number"));
        let functions = (0..module.num_functions()).filter_map(|index| module.function(index));
        let mut functions = functions.filter(|function| function.name().as_deref() == name);
        let operators = functions
            .next()
            .expect("the function")
            .operators()
            .expect("valid");
        let mut same = operators
            .iter()
            .filter(|(_, op)| Opcode::of(op).mnemonic() == opcode);
        let (pc, _) = same.nth(nth - 1).unwrap_or_else(|| panic!("{what}"));
        format!("{:#x}", pc.0)
    };
    let mut pieces = text.split(['{', '}']);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    while let (Some(what), Some(rest)) = (pieces.next(), pieces.next()) {
        out += &pc(what);
        out += rest;
    }
    out
}

/// The whole of a trace by hand.
const CALLS: &str = r#"(module
    (import "host" "nop" (func $nop))
    (memory 1) (global $g (mut i64) (i64.const 5))
    (func $add (param i32 f64) (result i32 f64)
        (i32.store offset=4 (i32.const 8) (local.get 0))
        (i32.load offset=4 (i32.const 8))
        (f64.mul (local.get 1) (f64.const 2)))
    (func $last (param i64) (global.set $g (i64.add (global.get $g) (local.get 0))))
    (func $tail (return_call $last (i64.const -7)))
    (func (export "main")
        (drop (drop (call $add (i32.const -3) (f64.const 1.5))))
        (call $nop)
        (call $tail)
        (drop (memory.grow (i32.const 1)))))"#;

/// Addresses are 8 + 4; 5 - 7 is -2; one page grows to two.
#[test]
fn calls_and_what_they_do() {
    assert_eq!(
        trace(CALLS, "events=calls+memory+globals+grow"),
        with_pcs(
            CALLS,
            "\
call main()
  call add(i32 -3, f64 1.5)
    store add {add i32.store}: i32.store [0xc] 4 (i32 -3)
    load add {add i32.load}: i32.load [0xc] 4 = i32 -3
  return add = i32 -3, f64 3.0
  host-call host.nop() in main at {main call 2}
  host-return host.nop in main at {main call 2}
  call tail()
  tail-call tail at {tail return_call}
  call last(i64 -7)
    global-get last {last global.get}: global.get 0 = i64 5
    global-set last {last global.set}: global.set 0 (i64 -2)
  return last
  grow main {main memory.grow}: memory.grow 0 (i32 1) = i32 1
return main
"
        )
    );
}

#[test]
fn instructions_with_operands() {
    assert_eq!(
        trace(CALLS, "events=instr,operands=on,func=add|last"),
        with_pcs(
            CALLS,
            "\
instr add {add i32.const}: i32.const 8
instr add {add local.get}: local.get 0
instr add {add i32.store}: i32.store offset=4 (i32 8, i32 -3)
instr add {add i32.const 2}: i32.const 8
instr add {add i32.load}: i32.load offset=4 (i32 8)
instr add {add local.get 2}: local.get 1
instr add {add f64.const}: f64.const 2.0
instr add {add f64.mul}: f64.mul (f64 1.5, f64 2.0)
instr add {add end}: end
instr last {last global.get}: global.get 0
instr last {last local.get}: local.get 0
instr last {last i64.add}: i64.add (i64 5, i64 -7)
instr last {last global.set}: global.set 0 (i64 -2)
instr last {last end}: end
"
        )
    );
}

/// Of the 15 events from the 2nd on each 3rd: 2, 5, 8, 11; three of them.
#[test]
fn events_are_chosen() {
    assert_eq!(
        trace(
            CALLS,
            "events=calls+memory+globals+grow,from=2,every=3,limit=3"
        ),
        "  call add(i32 -3, f64 1.5)
  return add = i32 -3, f64 3.0
  call tail()
"
    );
}

/// The first load and store are in the one page, the second ones are not. What other operators than stores
/// do at the time of the trap is no event.
#[test]
fn what_traps_did_not_complete() {
    let access = |body: &str| {
        format!(
            r#"(module (memory 1)
            (func $f (param i32) {body})
            (func (export "main") (call $f (i32.const 16)) (call $f (i32.const 0xfffffff0))))"#
        )
    };
    let load = access("(drop (i64.load offset=32 (local.get 0)))");
    assert_eq!(
        trace(&load, "func=f,events=calls+memory+traps"),
        with_pcs(
            &load,
            "\
call f(i32 16)
  load f {f i64.load}: i64.load [0x30] 8 = i64 0
return f
call f(i32 -16)
  load f {f i64.load}: i64.load [0x100000010] 8 (not completed)
  trap f {f i64.load}: out of bounds memory access
unwind-trap f at {f i64.load}
"
        )
    );
    let store = access("(i64.store8 offset=32 (local.get 0) (i64.const 7))");
    assert_eq!(
        trace(&store, "func=f,events=calls+memory+traps"),
        with_pcs(
            &store,
            "\
call f(i32 16)
  store f {f i64.store8}: i64.store8 [0x30] 1 (i64 7)
return f
call f(i32 -16)
  store f {f i64.store8}: i64.store8 [0x100000010] 1 (i64 7) (not completed)
  trap f {f i64.store8}: out of bounds memory access
unwind-trap f at {f i64.store8}
"
        )
    );
}

/// `b` throws 7, which `a` catches; then the host throws 8, which nobody does.
#[test]
fn exceptions() {
    let wat = r#"(module
        (import "host" "throw" (func $throw (param i32)))
        (import "host" "tag" (tag $t (param i32)))
        (func $b (throw $t (i32.const 7)))
        (func $a (drop (block $caught (result i32)
            (try_table (catch $t $caught) (call $b)) (i32.const 1))))
        (func (export "main") (call $a) (call $throw (i32.const 8))))"#;
    assert_eq!(
        trace(wat, "events=calls+exceptions+traps"),
        with_pcs(
            wat,
            "\
call main()
  call a()
    call b()
      throw b {b throw}: throw 0 (i32 7)
    unwind-exception b at {b throw}
    catch a {a call}: goes on at {a end 2}
  return a
  host-call host.throw(i32 8) in main at {main call 2}
  host-fail host.throw: exception in main at {main call 2}
unwind-exception main at {main call 2}
"
        )
    );
}

/// A guest that leaves by the host: all frames are unwound, and nothing returns.
#[test]
fn an_exit() {
    let wat = r#"(module (import "host" "exit" (func $exit (param i32)))
        (func $f (call $exit (i32.const 3)))
        (func (export "main") (call $f)))"#;
    assert_eq!(
        trace(wat, ""),
        with_pcs(
            wat,
            "\
call main()
  call f()
    host-call host.exit(i32 3) in f at {f call}
    host-fail host.exit: exit 3 in f at {f call}
    trap f {f call}: exit 3
  unwind-trap f at {f call}
unwind-trap main at {main call}
"
        )
    );
}

/// A tail call that finds no function has left its caller already.
#[test]
fn a_tail_call_that_traps() {
    let wat = r#"(module (table 1 funcref) (type $t (func))
        (func $f (return_call_indirect (type $t) (i32.const 0)))
        (func (export "main") (call $f)))"#;
    let text = trace(wat, "events=calls");
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert_eq!(lines[..2], ["call main()", "call f()"]);
    assert!(lines[2].starts_with("tail-call f at "), "{text}");
    assert!(lines[3].starts_with("unwind-trap main at "), "{text}");
}

/// More values than a record holds, vectors, references; `select` and `drop` of any type.
#[test]
fn values_of_all_types() {
    let wat = r#"(module (memory 1)
        (func $f (param i32 i64 f32 f64 i32 v128 funcref externref anyref) (result v128 anyref)
            (v128.store (i32.const 0) (local.get 5))
            (v128.load (i32.const 0))
            (select (result anyref) (local.get 8) (ref.null any) (i32.const 1)))
        (elem declare func $f)
        (func (export "main")
            (drop (drop (call $f (i32.const 1) (i64.const -1) (f32.const -0) (f64.const nan) (i32.const 5)
                (v128.const i32x4 1 0 0 2) (ref.func $f) (ref.null extern) (ref.i31 (i32.const -9)))))))"#;
    let text = trace(wat, "events=calls+memory+instr,operands=on");
    let call = "call f(i32 1, i64 -1, f32 -0.0, f64 nan:0x7ff8000000000000, i32 5, \
        v128 0x00000002000000000000000000000001, funcref f, externref null, anyref i31 -9)\n";
    assert!(text.contains(call), "{text}");
    let vector = "v128 0x00000002000000000000000000000001";
    assert!(
        text.contains(&format!("return f = {vector}, anyref i31 -9\n")),
        "{text}"
    );
    assert!(
        text.contains(&format!("v128.store [0x0] 16 ({vector})\n")),
        "{text}"
    );
    assert!(
        text.contains(&format!("v128.load [0x0] 16 = {vector}\n")),
        "{text}"
    );
    assert!(
        text.contains("(anyref i31 -9, anyref null, i32 1)\n"),
        "{text}"
    );
    assert!(text.contains(&format!("drop ({vector})\n")), "{text}");
}

/// Addresses of 64 bits, also where their sum has more; several memories; updates, bulk operations, growth that fails.
#[test]
fn memories_of_all_kinds() {
    let wat = r#"(module (memory $a i64 1) (memory $b 1 1)
        (func (export "main")
            (i64.store $b offset=8 (i32.const 16) (i64.const -1))
            (drop (i32.atomic.rmw.add $a (i64.const 8) (i32.const 5)))
            (drop (i32.atomic.rmw.cmpxchg $a (i64.const 8) (i32.const 5) (i32.const 6)))
            (memory.copy $a $b (i64.const 0) (i32.const 24) (i32.const 4))
            (memory.fill $b (i32.const 1) (i32.const 255) (i32.const 2))
            (drop (memory.grow $b (i32.const 1)))
            (drop (i32.load8_u $a offset=0xffffffffffffffff (i64.const 2)))))"#;
    let text = trace(wat, "events=memory+grow");
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.split_once(": ").expect("an operator").1)
        .collect();
    assert_eq!(
        lines,
        [
            "i64.store [1:0x18] 8 (i64 -1)",
            "i32.atomic.rmw.add [0x8] 4 (i32 5) = i32 0",
            "i32.atomic.rmw.cmpxchg [0x8] 4 (i32 5, i32 6) = i32 5",
            "memory.copy (i64 0, i32 24, i32 4)",
            "memory.fill (i32 1, i32 255, i32 2)",
            "memory.grow 1 (i32 1) = i32 -1",
            "i32.load8_u [0xffffffffffffffff] 1 (not completed)",
        ]
    );
}

/// Deep recursion ends; each call has its way out, in whatever way.
#[test]
fn endless_recursion() {
    let wat = r#"(module (func $f (param i32) (call $f (i32.add (local.get 0) (i32.const 1))))
        (func (export "main") (call $f (i32.const 0))))"#;
    let text = trace(wat, "events=calls");
    let count = |word: &str| text.lines().filter(|line| line.contains(word)).count();
    assert!(count("call f(") > 1000);
    assert_eq!(count("call "), count("unwind-trap "));
    assert_eq!(
        text.lines()
            .last()
            .map(|line| line.starts_with("unwind-trap main")),
        Some(true)
    );
    // Indented no further than this.
    assert!(text.lines().all(|line| line.len() < 140));
    assert!(text.contains("[1000] call f(i32 999)\n"));
}

/// The last five events of a program that traps; the depth is that of the whole trace.
#[test]
fn flight_recorder() {
    let wat = r#"(module (memory 1)
        (func $store (param i32) (i32.store (local.get 0) (local.get 0)))
        (func (export "main") (local $i i32)
            (loop $l
                (call $store (local.get $i))
                (local.set $i (i32.add (local.get $i) (i32.const 4)))
                (br $l))))"#;
    let whole = trace(wat, "events=calls+memory+traps");
    let lines: Vec<&str> = whole.lines().collect();
    // 65536 / 4 rounds with three events, the call of main, and five of the round that traps.
    assert_eq!(lines.len(), 3 * 16384 + 1 + 5);
    for last in [1, 5, 1000, 49157, 49158, 100_000] {
        let kept = trace(wat, &format!("events=calls+memory+traps,last={last}"));
        let lost = lines.len().saturating_sub(last);
        let mut expected = match lost {
            0 => String::new(),
            lost => format!("... {lost} events before are not kept\n"),
        };
        for line in &lines[lost..] {
            expected += &format!("{line}\n");
        }
        assert_eq!(kept, expected, "{last}");
    }
}

/// Nothing is written where nothing traps, unless that is asked for.
#[test]
fn flight_recorder_without_a_trap() {
    assert_eq!(trace(CALLS, "last=2"), "");
    assert_eq!(
        trace(CALLS, "last=2,dump=always"),
        "... 8 events before are not kept\n  return last\nreturn main\n"
    );
}

/// Every place at which a limit of fuel may end the run: all calls are left, and what is written is the beginning of the whole
/// trace but for that.
#[test]
fn a_limit_anywhere() {
    let options = "events=calls+memory+globals+grow+instr";
    let get = |limit: Option<u64>, (_, tier, zeal): (&str, Tier, TierZeal)| {
        let bytes = trace_with(config(tier, zeal), CALLS, options, |store| {
            store.set_fuel_limit(limit)
        });
        String::from_utf8(bytes).expect("UTF-8")
    };
    let whole = get(None, WAYS[0]);
    let whole: Vec<&str> = whole.lines().collect();
    for limit in 0..30 {
        let text = get(Some(limit), WAYS[0]);
        for way in WAYS {
            assert_eq!(get(Some(limit), way), text, "{limit} {}", way.0);
        }
        let lines: Vec<&str> = text.lines().collect();
        let same = lines.iter().zip(&whole).take_while(|(a, b)| a == b).count();
        let rest = &lines[same..];
        assert!(
            rest.iter().all(|line| line.contains("unwind-trap")),
            "{limit}: {text}"
        );
        let count = |words: &[&str]| {
            let is = |line: &&&str| words.iter().any(|word| line.trim_start().starts_with(word));
            lines.iter().filter(is).count()
        };
        assert_eq!(
            count(&["call "]),
            count(&["return ", "tail-call ", "unwind-trap "]),
            "{limit}: {text}"
        );
    }
}

/// From `inlined.c` beside it, by clang -O1; its header has the command.
const INLINED: &[u8] = include_bytes!("../../probes/tests/source/inlined.wasm");

/// What `run(3)` of a module does, as a trace; the others are modules that it imports from, by name.
fn called(modules: &[(&str, &[u8])], options: &str) -> String {
    let engine = Engine::new(&Config::new());
    let kept = Kept::default();
    let mut store = Store::new(&engine, ());
    let mut session = Session::new();
    let handle = session
        .add_trace(&pairs(options), kept.clone())
        .expect("a trace");
    let mut linker = Linker::new(&engine);
    let mut last = None;
    for (name, bytes) in modules {
        let module = Module::new(&engine, bytes).expect("a module");
        session.attach(&mut store, &module).expect("attaches");
        let instance = linker
            .instantiate(&mut store, &module)
            .expect("an instance");
        linker
            .instance(&mut store, name, instance)
            .expect("new names");
        last = Some(instance);
    }
    let run = last
        .expect("a module")
        .get_typed_func::<i32, i32>(&store, "run");
    run.expect("run").call(&mut store, 3).expect("it returns");
    session.finish(&mut store);
    let notes = handle.notes().into_iter().map(|note| note + "\n");
    let text = std::mem::take(&mut *kept.0.lock().expect("no panic"));
    notes.collect::<String>() + &String::from_utf8(text).expect("UTF-8")
}

/// Line 22 is `if (x > 100)`, 24 is `return weigh(x)`, which is 45: 1 * 3 * 5 + 2 * 3 * 5 for 1 and 2.
#[test]
fn source_lines() {
    let modules = [("inlined", INLINED)];
    let calls = called(&modules, "events=calls,line=inlined.c:24");
    assert_eq!(calls, "call run(i32 3)\nreturn run = i32 45\n");
    let whole = called(&modules, "events=instr");
    let lines = called(
        &modules,
        "events=instr,line=inlined.c:22|source/inlined.c:22|inlined.c:24-25",
    );
    // What comes before the comparison is of line 21.
    let expected = ["i32.lt_s", "br_if 0", "local.get 0", "call 0", "end"];
    let operators = lines
        .lines()
        .map(|line| line.split_once(": ").expect("an operator").1);
    assert_eq!(operators.collect::<Vec<_>>(), expected);
    assert!(
        lines.lines().all(|line| line.starts_with("instr run ")),
        "{lines}"
    );
    let both = called(&modules, "events=instr,line=inlined.c");
    assert!(lines.lines().all(|line| both.contains(line)));
    assert!(both.lines().all(|line| whole.contains(line)));
    assert_eq!(called(&modules, "events=instr,line=other.c"), "");

    let plain = br#"(module (func (export "run") (param i32) (result i32) (local.get 0)))"#;
    let note = called(&[("plain", plain)], "line=a.c");
    assert_eq!(
        note,
        "the module has no debug information: `line` of the trace chooses nothing\n"
    );
}

/// Functions of the second module have its name in front; two functions of a name are told apart by that.
#[test]
fn several_modules() {
    let helps: &[u8] = br#"(module $helper (func $f (export "f") (param i32) (result i32)
        (i32.mul (local.get 0) (i32.const 2))))"#;
    let main: &[u8] = br#"(module $main (import "helps" "f" (func $g (param i32) (result i32)))
        (func $f (export "run") (param i32) (result i32) (call $g (local.get 0))))"#;
    assert_eq!(
        called(&[("helps", helps), ("main", main)], ""),
        "call main:f(i32 3)\n  call f(i32 3)\n  return f = i32 6\nreturn main:f = i32 6\n"
    );
}
