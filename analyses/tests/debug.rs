//! The debugger, by scripts of commands: the same in every tier.

mod common;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use common::random::{Dialect, program};
use common::{WAYS, config};
use probity_analyses::debug::{Console, Debugger, Wish};
use probity_engine::{Caller, Engine, Error, Linker, Module, Store, Tier, TierZeal, Val};
use probity_probes::source::Origin;

/// From `account.c` beside it; its header has the command.
const ACCOUNT: &[u8] = include_bytes!("debug/account.wasm");

/// From `grid.c`, in the same way.
const GRID: &[u8] = include_bytes!("debug/grid.wasm");

/// Gives commands, and keeps what is shown with each command in front of what it led to.
struct Script {
    commands: VecDeque<String>,
    shown: Arc<Mutex<String>>,
}

impl Console for Script {
    fn read(&mut self, prompt: &str) -> io::Result<Option<String>> {
        let command = self.commands.pop_front();
        if let Some(command) = &command {
            let mut shown = self.shown.lock().expect("no panic");
            *shown += &format!("{prompt}{command}\n");
        }
        Ok(command)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.shown.lock().expect("no panic").push_str(text);
        Ok(())
    }

    fn is_interactive(&self) -> bool {
        true
    }
}

/// What a session shows, and how each run ended.
type Session = (String, Vec<Result<Vec<Val>, Error>>);

fn session(
    way: (&str, Tier, TierZeal),
    module: &[u8],
    export: &str,
    args: &[Val],
    script: &str,
) -> Session {
    session_of(way, module, export, args, script, None)
}

/// A session of a program that may use so much fuel.
fn session_of(
    (_, tier, zeal): (&str, Tier, TierZeal),
    module: &[u8],
    export: &str,
    args: &[Val],
    script: &str,
    fuel: Option<u64>,
) -> Session {
    let mut config = config(tier, zeal);
    config.keep_locals(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, module).expect("module");
    let shown = Arc::new(Mutex::new(String::new()));
    let commands = script.lines().map(str::trim).map(str::to_owned);
    let debugger = Debugger::new(Script {
        commands: commands.collect(),
        shown: shown.clone(),
    });
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/debug");
    debugger.source_dirs(vec![here]);
    debugger.entry(export);
    debugger.add_module(&module, Origin::default());
    let mut ends = Vec::new();
    while debugger.wish() == Wish::Run {
        let mut store = Store::new(&engine, ());
        store.set_fuel_limit(fuel);
        debugger.attach(&mut store);
        let mut linker = Linker::new(&engine);
        linker
            .func_wrap("host", "poke", |mut caller: Caller<'_, ()>, at: i32| {
                let memory = caller.get_export("memory");
                let memory = memory.and_then(|found| found.into_memory());
                match memory {
                    Some(memory) => memory.write(&mut caller, at as u64, &[7]),
                    None => Ok(()),
                }
            })
            .expect("defines");
        let end = (|| {
            let instance = linker.instantiate(&mut store, &module)?;
            let func = instance.get_func(&store, export).expect("an export");
            let count = func.ty(&store).results().len();
            let mut results = vec![Val::I32(0); count];
            func.call(&mut store, args, &mut results)?;
            Ok(results)
        })();
        let how = match &end {
            Ok(_) => "the program has returned".to_owned(),
            Err(error) => format!("the program has failed: {error}"),
        };
        debugger.ended(&mut store, how.lines().next().unwrap_or(""));
        ends.push(end);
    }
    let shown = shown.lock().expect("no panic").clone();
    (shown, ends)
}

/// Without any debug information: functions by name or index, operators instead of lines, Wasm's own variables.
const PLAIN: &str = r#"(module
  (import "host" "poke" (func $poke (param i32)))
  (tag $e (param i32))
  (memory (export "memory") 1)
  (global $calls (mut i32) (i32.const 0))
  (func $twice (param i32) (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.mul (local.get 0) (i32.const 2)))
  (func $thrower (param i32) (throw $e (local.get 0)))
  (func (export "main") (param i32) (result i32) (local i64)
    (local.set 0 (call $twice (local.get 0)))
    (i32.store8 (i32.const 100) (local.get 0))
    (call $poke (i32.const 100))
    (block $caught (result i32)
      (try_table (catch $e $caught) (call $thrower (local.get 0)))
      (i32.const 0))
    (i32.add (i32.load8_u (i32.const 100)))
    (return_call $twice)))"#;

/// Each file has the program, its export and the argument in its first line, and then a session as a user sees it. It has to
/// be the same in every way of executing; `BLESS=1` rewrites what the interpreter shows.
#[test]
fn sessions() {
    let plain = wat::parse_str(PLAIN).expect("text");
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/debug");
    let mut count = 0;
    for file in std::fs::read_dir(&dir).expect("a directory") {
        let path = file.expect("a file").path();
        if path
            .extension()
            .is_none_or(|extension| extension != "session")
        {
            continue;
        }
        count += 1;
        let text = std::fs::read_to_string(&path).expect("a session");
        let (head, expected) = text.split_once('\n').expect("a first line");
        let words: Vec<&str> = head.split(' ').collect();
        let [program, export, argument] = words[..] else {
            panic!("{head}");
        };
        let module = match program {
            "plain" => &plain,
            "account" => ACCOUNT,
            "grid" => GRID,
            other => panic!("no program {other}"),
        };
        let args = [Val::I32(argument.parse().expect("a number"))];
        let commands = expected
            .lines()
            .filter_map(|line| line.strip_prefix("(probity) "));
        let script: Vec<&str> = commands.collect();
        for way in WAYS {
            let (shown, _) = session(way, module, export, &args, &script.join("\n"));
            if std::env::var_os("BLESS").is_some() && way.0 == "interp" {
                std::fs::write(&path, format!("{head}\n{shown}")).expect("written");
                continue;
            }
            let expected = std::fs::read_to_string(&path).expect("a session");
            let expected = expected.split_once('\n').expect("a first line").1;
            let name = path.display();
            assert!(shown == *expected, "{name} in {}:\n{shown}", way.0);
        }
    }
    assert_eq!(count, 6);
}

/// What the program computes is what it computes without a debugger, unless the user changes something.
#[test]
fn the_program_does_not_notice() {
    let plain = wat::parse_str(PLAIN).expect("text");
    let argument = [Val::I32(3)];
    for (module, export) in [(ACCOUNT, "run"), (&plain, "main")] {
        let (_, undisturbed) = session(WAYS[0], module, export, &argument, "run");
        let undisturbed = format!("{undisturbed:?}");
        let steps = "starti\n".to_owned() + &"stepi\n".repeat(400);
        let lines = "start\n".to_owned() + &"step\n".repeat(60);
        let watch =
            "start\nwatch local1\nwatch u8[100]\nbreak 1\n".to_owned() + &"continue\n".repeat(20);
        for script in [&steps, &lines, &watch] {
            for way in WAYS {
                let (shown, ends) = session(way, module, export, &argument, script);
                assert_eq!(format!("{ends:?}"), undisturbed, "{}: {shown}", way.0);
            }
        }
    }
}

/// Who quits where an exception is caught, or a trap unwinds, does not wait for the program.
#[test]
fn quitting_is_quitting() {
    let wat = r#"(module (tag $e)
        (func $thrower (throw $e))
        (func (export "main")
            (block $caught (try_table (catch_all $caught) (call $thrower)))
            (loop (br 0))))"#;
    let wasm = wat::parse_str(wat).expect("text");
    for way in WAYS {
        for script in [
            "catch exception\nrun\nquit\nhelp",
            "catch exception\nrun\nkill\nquit\nhelp",
        ] {
            let (shown, ends) = session(way, &wasm, "main", &[], script);
            assert!(!shown.contains("help"), "{}: asked once more", way.0);
            assert_eq!(ends.len(), 1, "{}: {shown}", way.0);
            assert!(
                ends[0].as_ref().is_err_and(Debugger::has_killed),
                "{}",
                way.0
            );
        }
    }
}

/// Commands by chance, in programs by chance: what is shown is the same in every way of executing, and what the program does
/// is what it does alone.
#[test]
fn random_sessions() {
    const COMMANDS: [&str; 24] = [
        "stepi",
        "stepi 7",
        "nexti",
        "next 3",
        "step 5",
        "finish",
        "continue",
        "continue",
        "continue 3",
        "backtrace 5",
        "info wasm",
        "info globals",
        "print stack0",
        "print local0 * 2 + i32[16]",
        "up",
        "down",
        "watch local0",
        "watch local1 if local1 > 3",
        "watch u8[8]",
        "watch global0",
        "catch exception",
        "catch host",
        "delete",
        "disable",
    ];
    let mut stops = 0;
    for seed in 0..60u64 {
        let dialect = if seed % 2 == 0 {
            Dialect::Wasm1
        } else {
            Dialect::Wasm3
        };
        let wasm = wat::parse_str(program(seed, dialect)).expect("text");
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut draw = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below as u64) as usize
        };
        let mut script = String::new();
        for _ in 0..3 {
            script += &format!("break func[{}]\n", draw(4));
        }
        script += if draw(2) == 0 { "run\n" } else { "starti\n" };
        for _ in 0..40 {
            script += COMMANDS[draw(COMMANDS.len())];
            script.push('\n');
        }
        script += "delete\ncontinue\nquit\n";
        let run = |way| session_of(way, &wasm, "main", &[], &script, Some(20_000));
        let alone = session_of(WAYS[0], &wasm, "main", &[], "run\n", Some(20_000)).1;
        let (shown, ends) = run(WAYS[0]);
        stops += shown.matches("Breakpoint ").count() + shown.matches("Watchpoint ").count();
        for way in WAYS {
            let (other, ends) = run(way);
            assert!(
                other == shown,
                "seed {seed}, {}:\n{other}\n---\n{shown}",
                way.0
            );
            // The last run went on to its end, unless the user was told that there is none.
            let first = format!("{:?}", ends.first());
            assert_eq!(
                first,
                format!("{:?}", alone.first()),
                "seed {seed}, {}:\n{shown}",
                way.0
            );
        }
        drop(ends);
    }
    assert!(stops > 300, "{stops}");
}
