//! Requests of a guest that waits for another thread: they are carried out, and it waits on.

use std::thread;
use std::time::{Duration, Instant};

use probity_engine::hook::{Remote, Site};
use probity_engine::{
    Config, Engine, Instance, Linker, Memory, MemoryType, Module, SharedMemory, Store, TrapCode,
    Val, WasmPc,
};

use crate::guest::{Count, call, i32_of, operators, trap_code_of};
use crate::ways;

const WAT: &str = r#"(module
  (import "m" "m" (memory 1 1 shared))
  ;; What the wait gives, plus what surrounds it.
  (func (export "wait") (param i64) (result i32) (local i32)
    (local.set 1 (i32.const 30))
    (i32.add (local.get 1)
      (i32.add (memory.atomic.wait32 (i32.const 8) (i32.const 0) (local.get 0)) (i32.const 100))))
  (func (export "notify") (param i32) (result i32)
    (memory.atomic.notify (i32.const 8) (local.get 0))))"#;

struct Team {
    engine: Engine,
    module: Module,
    memory: SharedMemory,
}

impl Team {
    fn new(config: &Config) -> Team {
        let engine = Engine::new(config);
        let module = Module::new(&engine, WAT).expect("the module loads");
        let ty = MemoryType {
            shared: true,
            ..MemoryType::new(1, Some(1))
        };
        let memory = SharedMemory::new(&engine, ty).expect("address space");
        Team {
            engine,
            module,
            memory,
        }
    }

    fn join(&self) -> (Store<()>, Instance) {
        let mut store = Store::new(&self.engine, ());
        let memory = Memory::from_shared(&mut store, &self.memory).expect("the same engine");
        let mut linker = Linker::new(&self.engine);
        linker.define("m", "m", memory).expect("a new name");
        let instance = linker.instantiate(&mut store, &self.module);
        (store, instance.expect("the module instantiates"))
    }

    fn pc(&self, operator: &str, nth: usize) -> WasmPc {
        let all = operators(&self.module, 0).into_iter();
        let mut found = all.filter(|(_, name)| name == operator);
        found.nth(nth).expect("the function has it").0
    }

    /// Until a store's guest waits.
    fn until_it_waits(&self, remote: &Remote) {
        let wait = self.pc("MemoryAtomicWait32", 0);
        loop {
            let at = remote.run(|context| Ok(context.backtrace().first().map(|f| f.pc())));
            if at.wait().expect("the store lives") == Some(wait) {
                return;
            }
            thread::yield_now();
        }
    }

    fn notify(&self, count: i32) -> i32 {
        let (mut store, instance) = self.join();
        let notify = instance.get_func(&store, "notify").expect("an export");
        i32_of(&call(&mut store, notify, &[Val::I32(count)]).expect("no trap")[0])
    }
}

fn wait(store: &mut Store<()>, instance: Instance, ns: i64) -> probity_engine::Result<i32> {
    let func = instance.get_func(&*store, "wait").expect("an export");
    Ok(i32_of(&call(store, func, &[Val::I64(ns)])?[0]))
}

/// Probes that come while the guest waits fire as it goes on, and those that have gone do not; what
/// it sees of the wait is that it was notified.
#[test]
fn probes_change_while_the_guest_waits() {
    for (name, config) in ways() {
        let team = Team::new(&config);
        for before in [false, true] {
            let (mut store, instance) = team.join();
            let (remote, func) = (store.remote(), instance.get_func(&store, "wait"));
            let func = func.expect("an export");
            let (own, behind, gone) = (Count::default(), Count::default(), Count::default());
            if before {
                // The function has code of its own when it begins to wait.
                let site = Site::Before(team.pc("I32Add", 0));
                let id = store.probes().insert(func, site, gone.probe());
                let id = id.expect("a site");
                thread::scope(|scope| {
                    scope.spawn(|| {
                        team.until_it_waits(&remote);
                        assert!(remote.remove(id).wait().expect("no error"));
                        assert_eq!(team.notify(1), 1, "{name}");
                    });
                    assert_eq!(wait(&mut store, instance, -1).expect("no trap"), 130);
                });
                assert_eq!(gone.get(), 0, "{name}");
            }
            thread::scope(|scope| {
                scope.spawn(|| {
                    team.until_it_waits(&remote);
                    let wait = Site::Before(team.pc("MemoryAtomicWait32", 0));
                    let add = Site::Before(team.pc("I32Add", 1));
                    for _ in 0..3 {
                        let id = remote.insert(func, add, gone.probe()).wait();
                        assert!(remote.remove(id.expect("a site")).wait().expect("no error"));
                    }
                    for (site, count) in [(wait, &own), (add, &behind), (Site::Exit, &behind)] {
                        let inserted = remote.insert(func, site, count.probe()).wait();
                        inserted.expect("a site");
                    }
                    assert_eq!(team.notify(1), 1, "{name}");
                });
                assert_eq!(
                    wait(&mut store, instance, -1).expect("no trap"),
                    130,
                    "{name}"
                );
            });
            // The wait had begun before its probe was there.
            assert_eq!((own.get(), behind.get(), gone.get()), (0, 2, 0), "{name}");
            assert_eq!(
                wait(&mut store, instance, 1).expect("no trap"),
                132,
                "{name}"
            );
            assert_eq!((own.get(), behind.get()), (1, 4), "{name}");
        }
    }
}

/// Requests do not shorten the time that a guest waits, and do not make it longer.
#[test]
fn requests_leave_a_wait_its_time() {
    const TIME: Duration = Duration::from_millis(200);
    for (name, config) in ways() {
        let team = Team::new(&config);
        let (mut store, instance) = team.join();
        let timer = store.remote().every(Duration::from_millis(1), |_| Ok(()));
        let timer = timer.expect("a thread");
        let begin = Instant::now();
        let result = wait(&mut store, instance, TIME.as_nanos() as i64);
        assert_eq!(result.expect("no trap"), 132, "{name}: it timed out");
        assert!(begin.elapsed() >= TIME, "{name}");
        assert!(timer.ticks() > 10, "{name}: {} in all", timer.ticks());
    }
}

/// A guest that requests have woken is still the first to be notified.
#[test]
fn woken_guests_keep_their_place() {
    for (name, config) in ways() {
        let team = Team::new(&config);
        let (mut first, first_instance) = team.join();
        let (mut second, second_instance) = team.join();
        let remotes = [first.remote(), second.remote()];
        thread::scope(|scope| {
            let first = scope.spawn(move || wait(&mut first, first_instance, -1));
            team.until_it_waits(&remotes[0]);
            let second = scope.spawn(move || wait(&mut second, second_instance, -1));
            team.until_it_waits(&remotes[1]);
            for _ in 0..10 {
                let ticket = remotes[0].run(|context| Ok(context.depth()));
                assert_eq!(ticket.wait().expect("it waits"), 1, "{name}");
            }
            assert_eq!(team.notify(1), 1);
            assert_eq!(
                first.join().expect("no panic").expect("no trap"),
                130,
                "{name}"
            );
            team.until_it_waits(&remotes[1]);
            assert_eq!(team.notify(1), 1);
            assert_eq!(
                second.join().expect("no panic").expect("no trap"),
                130,
                "{name}"
            );
        });
    }
}

/// An interrupt ends a wait, also when requests have changed the code before.
#[test]
fn waits_are_interrupted_behind_requests() {
    for (name, config) in ways() {
        let team = Team::new(&config);
        let (mut store, instance) = team.join();
        let (remote, func) = (store.remote(), instance.get_func(&store, "wait"));
        let func = func.expect("an export");
        let exits = Count::default();
        let error = thread::scope(|scope| {
            scope.spawn(|| {
                team.until_it_waits(&remote);
                let inserted = remote.insert(func, Site::Exit, exits.probe()).wait();
                inserted.expect("a site");
                remote.interrupt(TrapCode::Timeout);
            });
            wait(&mut store, instance, -1).expect_err("nobody notifies")
        });
        assert_eq!(trap_code_of(&error), TrapCode::Timeout, "{name}");
        let pcs: Vec<WasmPc> = error.backtrace().iter().map(|frame| frame.pc()).collect();
        assert_eq!(pcs, [team.pc("MemoryAtomicWait32", 0)], "{name}");
        assert_eq!(exits.get(), 1, "{name}");
    }
}

/// Ticks of fuel that come while the guest waits are told behind the wait, and do no harm.
#[test]
fn ticks_come_while_the_guest_waits() {
    for (name, config) in ways() {
        let team = Team::new(&config);
        let (mut store, instance) = team.join();
        let remote = store.remote();
        let (ticks, entries) = (Count::default(), Count::default());
        thread::scope(|scope| {
            scope.spawn(|| {
                team.until_it_waits(&remote);
                let ticks = ticks.clone();
                let inserted = remote.run(move |context| {
                    Ok(context.probes().on_fuel(1, move |_| {
                        ticks.up();
                        Ok(())
                    }))
                });
                inserted.wait().expect("the store lives");
                assert_eq!(team.notify(1), 1, "{name}");
            });
            let result = wait(&mut store, instance, -1);
            assert_eq!(result.expect("no trap"), 130, "{name}");
        });
        // Too few operators are left to it.
        assert_eq!(ticks.get(), 0, "{name}");
        let func = instance.get_func(&store, "wait").expect("an export");
        let inserted = store.probes().insert(func, Site::Entry, entries.probe());
        inserted.expect("a site");
        // Each call has 11 units.
        for _ in 0..1_000 {
            let result = wait(&mut store, instance, 0);
            assert_eq!(result.expect("no trap"), 132, "{name}");
        }
        assert_eq!(entries.get(), 1_000, "{name}");
        assert!(ticks.get() > 5_000, "{name}: {}", ticks.get());
    }
}
