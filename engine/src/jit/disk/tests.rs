//! Code that comes from the disk, and what becomes of files that nobody can use.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::translate;
use super::dir::Dir;
use super::facts::Facts;
use crate::cache::CacheStats;
use crate::runtime::{Instance, Store};
use crate::tier::code::Variant;
use crate::{Config, Engine, Error, Feature, Module, Tier, Val};

/// Calls of every kind, a loop, a cast, traps, a function that is too large to be compiled, and one
/// that nobody calls.
const TEXT: &str = r#"(module
  (type $unary (func (param i32) (result i32)))
  (type $open (sub (struct (field i32)))) (type $closed (sub final $open (struct (field i32 i64))))
  (table funcref (elem $double $sum $deep)) (memory 1)
  (func $double (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func $sum (export "sum") (param $n i32) (result i32) (local $sum i32)
    (loop $l
      (local.set $sum (i32.add (local.get $sum) (call $double (local.get $n))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (func (export "call") (param i32 i32) (result i32)
    (call_indirect (type $unary) (local.get 0) (local.get 1)))
  (func (export "cast") (param i32) (result i32) (local $r (ref null $open))
    (local.set $r (if (result (ref $open)) (local.get 0)
      (then (struct.new $closed (i32.const 1) (i64.const 2)))
      (else (struct.new $open (i32.const 3)))))
    (struct.get $closed 0 (ref.cast (ref $closed) (local.get $r))))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func $deep (param i64))
  (func (export "unused") (param f64) (result f64) (f64.sqrt (local.get 0))))"#;

fn config(dir: &Path) -> Config {
    let mut config = Config::new();
    config.tier(Tier::Jit).cache(dir);
    config
}

fn show(outcome: Result<i32, Error>) -> String {
    match outcome {
        Ok(value) => value.to_string(),
        Err(error) => {
            let frames = error.backtrace().iter();
            let frames: Vec<_> = frames.map(|f| (f.func_index(), f.pc().0)).collect();
            format!("{:?} {frames:?}", error.trap().map(|trap| trap.code()))
        }
    }
}

/// Runs the module in an engine of its own.
fn run(config: &Config) -> (Vec<String>, Engine) {
    let engine = Engine::new(config);
    let module = Module::new(&engine, TEXT).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let mut call = |name: &str, args: &[i32]| {
        let func = instance.get_func(&store, name).unwrap();
        let args: Vec<Val> = args.iter().copied().map(Val::I32).collect();
        let mut results = [Val::I32(0)];
        let outcome = func.call(&mut store, &args, &mut results);
        show(outcome.map(|()| match results[0] {
            Val::I32(value) => value,
            ref other => panic!("{other:?}"),
        }))
    };
    let seen = vec![
        call("sum", &[10]),
        call("call", &[7, 0]),
        call("call", &[7, 2]),
        call("call", &[7, 3]),
        call("cast", &[1]),
        call("cast", &[0]),
        call("load", &[65_532]),
        call("load", &[65_533]),
    ];
    (seen, engine)
}

/// What the interpreter makes of it.
fn expected() -> Vec<String> {
    run(Config::new().tier(Tier::Interp)).0
}

/// Runs the module with the cache; all is as it should be.
fn stats(config: &Config) -> CacheStats {
    let (seen, engine) = run(config);
    assert_eq!(seen, expected());
    assert_eq!(engine.cache_error(), None);
    engine.cache_stats()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

/// The only file.
fn file(dir: &Path) -> PathBuf {
    let mut files = files(dir);
    assert_eq!(files.len(), 1);
    files.remove(0)
}

fn temporary() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Code says nothing of the engine that it was made in, and nothing that differs by accident.
#[test]
fn code_is_the_same_in_every_engine() {
    let bytes = |text: &str, others: &[&str]| {
        let engine = Engine::new(Config::new().tier(Tier::Jit));
        let _others: Vec<Module> = others
            .iter()
            .map(|text| Module::new(&engine, text).unwrap())
            .collect();
        let module = Module::new(&engine, text).unwrap();
        let compiler = engine.compiler().unwrap();
        let mut all = Vec::new();
        for func in 0..module.num_functions() {
            let code = module.inner.code(&module, func, crate::code::Mode::Plain);
            let loops = code
                .unwrap()
                .loops
                .iter()
                .map(|l| Some(l.1))
                .collect::<Vec<_>>();
            for osr in [None].into_iter().chain(loops) {
                for counted in [false, true] {
                    let variant = Variant {
                        osr,
                        counted,
                        watch: None,
                    };
                    let code = compiler.function(&module, func, &variant).unwrap();
                    // SAFETY: the code's own memory.
                    let bytes = unsafe { std::slice::from_raw_parts(code.base, code.len) };
                    let facts = postcard::to_stdvec(&Facts::of(&code).unwrap()).unwrap();
                    all.push((func, osr, counted, bytes.to_vec(), facts));
                }
            }
        }
        all
    };
    let (operators, _) = translate::tests::of_operators();
    let others = [
        "(module (type (func (param i64 i64 f32))) (type (struct (field i8))))",
        "(module (rec (type (sub (struct (field i32)))) (type (sub (func (result i32)))))
           (type (array i64)) (type (sub 0 (struct (field i32) (field f32)))))",
        TEXT,
    ];
    for text in [TEXT, &operators] {
        let alone = bytes(text, &[]);
        for others in [&others[..1], &others[1..2], &others[..]] {
            assert!(bytes(text, others) == alone);
        }
    }
}

#[test]
fn the_second_process_compiles_nothing() {
    let dir = temporary();
    let first = stats(&config(dir.path()));
    assert!(first.compiled > 5 && first.loaded == 0, "{first:?}");
    assert_eq!((first.files_read, first.files_refused), (0, 0));
    let before = fs::read(file(dir.path())).unwrap();
    let second = stats(&config(dir.path()));
    assert_eq!((second.compiled, second.files_written), (0, 0));
    assert_eq!(second.loaded, first.compiled);
    assert_eq!(fs::read(file(dir.path())).unwrap(), before);
    let mode = fs::metadata(file(dir.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Files are written when something was compiled: by the engine, at the end of compiling as a whole,
/// and when the module is dropped.
#[test]
fn when_files_are_written() {
    let dir = temporary();
    let engine = Engine::new(&config(dir.path()));
    let module = Module::new(&engine, TEXT).unwrap();
    super::super::function(&module, 0, false).unwrap();
    assert_eq!(engine.cache_stats().files_written, 0);
    engine.save_cache();
    assert_eq!(engine.cache_stats().files_written, 1);
    engine.save_cache();
    assert_eq!(engine.cache_stats().files_written, 1);
    module.compile();
    let compiled = engine.cache_stats();
    assert_eq!((compiled.files_written, compiled.compiled), (2, 7));
    super::super::function(&module, 0, true).unwrap();
    drop(module);
    assert_eq!(engine.cache_stats().files_written, 3);

    let engine = Engine::new(&config(dir.path()));
    let module = Module::new(&engine, TEXT).unwrap();
    let all = module.compile();
    assert_eq!((all.functions, all.refused), (7, 0));
    assert!(super::super::function(&module, 0, true).is_some());
    let stats = engine.cache_stats();
    assert_eq!(
        (stats.loaded, stats.compiled, stats.files_written),
        (8, 0, 0)
    );
}

/// Whatever code depends on is in the key.
#[test]
fn each_setting_has_a_file_of_its_own() {
    let dir = temporary();
    let settings: [fn(&mut Config); 5] = [
        |_| {},
        |config| {
            config.deterministic(true);
        },
        |config| {
            config.keep_locals(true);
        },
        |config| {
            config.feature(Feature::Threads, false);
        },
        |config| {
            config.feature(Feature::TailCalls, false);
        },
    ];
    for (n, set) in settings.into_iter().enumerate() {
        let mut config = config(dir.path());
        set(&mut config);
        let first = stats(&config);
        assert_eq!((first.loaded, files(dir.path()).len()), (0, n + 1));
        assert_eq!(stats(&config).compiled, 0);
    }
    // These do not matter.
    let mut same = config(dir.path());
    same.lazy(false).max_stack_bytes(1 << 16).gc_zeal(true);
    assert_eq!(stats(&same).compiled, 0);
    // Counting code is other code of the same file.
    let mut counted = config(dir.path());
    counted.count_fuel(true);
    assert!(stats(&counted).compiled > 0);
    assert_eq!(stats(&counted).compiled, 0);
    assert_eq!(stats(&config(dir.path())).compiled, 0);
    assert_eq!(files(dir.path()).len(), 5);
}

#[test]
fn each_module_has_a_file_of_its_own() {
    let dir = temporary();
    let engine = Engine::new(&config(dir.path()));
    for (n, text) in ["(module (func))", "(module (func) (func))"]
        .iter()
        .enumerate()
    {
        Module::new(&engine, text).unwrap().compile();
        assert_eq!(files(dir.path()).len(), n + 1);
    }
    // Of the same bytes in one engine, the second has the first one's file.
    let before = engine.cache_stats();
    Module::new(&engine, "(module (func))").unwrap().compile();
    assert_eq!(engine.cache_stats().loaded, before.loaded + 1);
}

/// A damaged file is as good as none, and replaced. (`file` looks at each bit.)
#[test]
fn damaged_files_are_replaced() {
    let dir = temporary();
    let all = stats(&config(dir.path())).compiled;
    let path = file(dir.path());
    let good = fs::read(&path).unwrap();
    let len = good.len();
    let mut bad: Vec<Vec<u8>> = [0, 1, 50, 100, len / 2, len - 1]
        .map(|n| good[..n].to_vec())
        .into();
    for at in (0..len).step_by(len / 40) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x40;
        bad.push(bytes);
    }
    bad.push([&good[..], &good].concat());
    bad.push(vec![0; len]);
    for bytes in bad {
        fs::write(&path, bytes).unwrap();
        let found = stats(&config(dir.path()));
        assert_eq!((found.loaded, found.compiled), (0, all));
        // Reading it once more before it is written makes two.
        assert_eq!((found.files_refused, found.files_written), (2, 1));
        assert!(fs::read(&path).unwrap() == good);
    }
    // Under another name it is for something else.
    let other = path.with_file_name(format!("{}.code", "0".repeat(64)));
    fs::rename(&path, &other).unwrap();
    fs::copy(&other, &path).unwrap();
    assert_eq!(stats(&config(dir.path())).compiled, 0);
    Module::new(&Engine::new(&config(dir.path())), "(module (func))")
        .unwrap()
        .compile();
    let names = files(dir.path());
    let third = names.iter().find(|name| **name != path && **name != other);
    fs::copy(third.unwrap(), &path).unwrap();
    assert_eq!(stats(&config(dir.path())).loaded, 0);
}

/// What is no file of ours is not even opened for long.
#[test]
fn things_that_are_no_files() {
    let dir = temporary();
    stats(&config(dir.path()));
    let path = file(dir.path());
    let moved = dir.path().join("moved");
    fs::rename(&path, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &path).unwrap();
    let (seen, engine) = run(&config(dir.path()));
    assert_eq!(seen, expected());
    assert_eq!(engine.cache_stats().loaded, 0);
    // The link was not followed, which counts as trouble.
    assert!(
        engine
            .cache_error()
            .unwrap()
            .starts_with("read from the cache")
    );
    drop(engine);
    fs::remove_file(&path).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert_eq!(stats(&config(dir.path())).loaded, 0);
    // It has been replaced.
    assert_eq!(stats(&config(dir.path())).compiled, 0);
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_mode(0o622);
    fs::set_permissions(&path, permissions).unwrap();
    assert_eq!(stats(&config(dir.path())).loaded, 0);
}

#[test]
fn directories_that_others_can_write_to_are_refused() {
    let dir = temporary();
    for mode in [0o720, 0o702, 0o777, 0o1777] {
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        let (seen, engine) = run(&config(dir.path()));
        assert_eq!(seen, expected());
        let error = engine.cache_error().unwrap();
        assert!(error.contains("others can write"), "{error}");
        assert_eq!(engine.cache_stats(), CacheStats::default());
        assert!(files(dir.path()).is_empty());
        assert!(crate::cache::usage(dir.path()).is_err());
        assert!(crate::cache::clear(dir.path()).is_err());
    }
    for mode in [0o700, 0o755, 0o750] {
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        stats(&config(dir.path()));
    }
    // One of another user: only root can make one, and has to, for there is none he may not use.
    if rustix::process::geteuid().is_root() {
        let nobody = rustix::fs::Uid::from_raw(65_534);
        rustix::fs::chown(dir.path(), Some(nobody), None).unwrap();
        let (_, engine) = run(&config(dir.path()));
        let error = engine.cache_error().unwrap();
        assert!(error.contains("another user"), "{error}");
    }
}

#[test]
fn a_directory_is_made_for_its_owner_alone() {
    let dir = temporary();
    let path = dir.path().join("a/b");
    stats(&config(&path));
    for path in [&path, &dir.path().join("a")] {
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let (seen, engine) = run(&config(&path));
        assert_eq!(seen, expected());
        assert!(engine.cache_error().is_some());
    }
}

/// Nothing but the cache is lost where nothing can be written.
#[test]
fn a_directory_that_goes_away() {
    let dir = temporary();
    let path = dir.path().join("cache");
    let engine = Engine::new(&config(&path));
    let module = Module::new(&engine, TEXT).unwrap();
    super::super::function(&module, 0, false).unwrap();
    fs::remove_dir(&path).unwrap();
    assert_eq!(module.compile().functions, 7);
    let error = engine.cache_error().unwrap();
    assert!(error.starts_with("write to the cache in '"), "{error}");
    // The interpreter has no cache.
    let engine = Engine::new(config(&path).tier(Tier::Interp));
    Module::new(&engine, TEXT).unwrap().compile();
    assert!(!path.exists());
}

/// What several engines add at once is all there in the end, and each file is whole at all times.
#[test]
fn engines_at_once() {
    let dir = temporary();
    let one = Engine::new(&config(dir.path()));
    let two = Engine::new(&config(dir.path()));
    let modules = [&one, &two].map(|engine| Module::new(engine, TEXT).unwrap());
    for (module, func) in modules.iter().zip(0..) {
        super::super::function(module, func, false).unwrap();
    }
    drop(modules);
    let third = Engine::new(&config(dir.path()));
    let module = Module::new(&third, TEXT).unwrap();
    for func in 0..2 {
        super::super::function(&module, func, false).unwrap();
    }
    assert_eq!(third.cache_stats().loaded, 2);

    std::thread::scope(|scope| {
        for thread in 0..4 {
            let dir = dir.path();
            scope.spawn(move || {
                for round in 0..10 {
                    let stats = stats(&config(dir));
                    assert_eq!(stats.files_refused, 0);
                    if thread == 0 && round % 3 == 0 {
                        crate::cache::clear(dir).unwrap();
                    }
                }
            });
        }
    });
    assert!(
        files(dir.path())
            .iter()
            .all(|path| path.extension().unwrap() == "code")
    );
}

/// It would be in vain each time.
#[test]
fn what_cannot_be_compiled_is_remembered() {
    let locals = "(local i32 i64 f64 i32)".repeat(12_000);
    let calls = "(call 0)".repeat(50_000);
    let text = format!("(module (func) (func {locals} {calls}))");
    let dir = temporary();
    for (loaded, compiled) in [(0, 1), (1, 0)] {
        let engine = Engine::new(&config(dir.path()));
        let module = Module::new(&engine, &text).unwrap();
        let all = module.compile();
        assert_eq!((all.functions, all.refused), (1, 1));
        let stats = engine.cache_stats();
        assert_eq!((stats.loaded, stats.compiled), (loaded, compiled));
        assert_eq!(stats.files_written, compiled);
    }
}

/// What is hot is compiled at its first call if it was hot before.
#[test]
fn a_hot_function_starts_compiled() {
    let dir = temporary();
    let mut config = config(dir.path());
    config.tier(Tier::Auto);
    let run = |n: i32, most: usize| {
        let engine = Engine::new(&config);
        let module = Module::new(&engine, TEXT).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let sum = instance.get_typed_func::<i32, i32>(&store, "sum").unwrap();
        for _ in 0..most {
            sum.call(&mut store, n).unwrap();
            if store.tier_stats().compiled_entries != 0 {
                // The thread that compiles may have the module still.
                engine.save_cache();
                return true;
            }
        }
        false
    };
    assert!(!run(1, 1));
    assert!(run(2_000_000, 1000));
    assert!(run(1, 1));
}

/// The longest unused go first, and nothing goes that is not ours.
#[test]
fn the_directory_is_kept_small() {
    let tmp = temporary();
    let dir = Dir::open(tmp.path()).unwrap();
    let name = |n: u8| format!("{n:064x}");
    for n in 0..5 {
        dir.write(&name(n), &[n; 1000]).unwrap();
        let path = tmp.path().join(name(n) + ".code");
        let used =
            std::time::SystemTime::now() - std::time::Duration::from_secs(100 - u64::from(n));
        fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(used)
            .unwrap();
    }
    fs::write(tmp.path().join("notes.code"), [0; 5000]).unwrap();
    let left = tmp.path().join(name(9) + ".0123456789abcdef.tmp");
    fs::write(&left, "").unwrap();
    assert_eq!(dir.usage().unwrap(), (5, 5000));
    // Now it was used last.
    assert_eq!(dir.read(&name(0), 1000).unwrap().unwrap(), [0; 1000]);
    assert_eq!(dir.read(&name(1), 999).unwrap(), None);
    dir.shrink(2500).unwrap();
    assert_eq!(dir.usage().unwrap(), (2, 2000));
    assert!(dir.read(&name(0), 1000).unwrap().is_some());
    assert!(dir.read(&name(4), 1000).unwrap().is_some());
    assert!(left.exists());
    let hours = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    fs::File::options()
        .write(true)
        .open(&left)
        .unwrap()
        .set_modified(hours)
        .unwrap();
    dir.shrink(2500).unwrap();
    assert!(!left.exists());
    dir.shrink(0).unwrap();
    assert_eq!(files(tmp.path()), [tmp.path().join("notes.code")]);
}

/// Debuggers and profilers know code that was not compiled here.
#[test]
fn native_tools_are_told() {
    let dir = temporary();
    stats(&config(dir.path()));
    let mut config = config(dir.path());
    config.native_debug(true);
    let found = stats(&config);
    assert!(found.loaded > 0 && found.compiled == 0);
}
