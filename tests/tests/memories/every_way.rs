//! Runs calls in every way that must make no difference.

use probity_engine::hook::Probe;
use probity_engine::{Linker, Module, Store, TrapCode, Val, WasmPc};

use super::guest::{Guest, Shared, bits, operators, trap_code};

/// Table elements, or 16 bytes of memory, that one call of a case touches at most.
const ELEMENTS: u64 = 5;

/// What a call gives.
pub type Outcome = Result<Vec<Val>, TrapCode>;

/// A call of an export, and what it must give.
pub struct Case {
    export: &'static str,
    args: Vec<Val>,
    expected: Outcome,
}

/// The call gives one value.
pub fn gives(export: &'static str, args: impl Into<Vec<Val>>, value: Val) -> Case {
    Case {
        export,
        args: args.into(),
        expected: Ok(vec![value]),
    }
}

/// The call gives these values.
pub fn gives_all(export: &'static str, args: impl Into<Vec<Val>>, values: Vec<Val>) -> Case {
    Case {
        export,
        args: args.into(),
        expected: Ok(values),
    }
}

/// The call gives nothing.
pub fn runs(export: &'static str, args: impl Into<Vec<Val>>) -> Case {
    gives_all(export, args, Vec::new())
}

/// The call traps.
pub fn traps(export: &'static str, args: impl Into<Vec<Val>>, code: TrapCode) -> Case {
    Case {
        export,
        args: args.into(),
        expected: Err(code),
    }
}

impl Case {
    /// Makes the call; its fuel.
    fn run(&self, guest: &mut Guest, how: &str) -> u64 {
        let before = guest.store.fuel_consumed();
        let outcome = guest.call(self.export, &self.args);
        self.check(outcome, how);
        guest.store.fuel_consumed() - before
    }

    fn check(&self, outcome: probity_engine::Result<Vec<Val>>, how: &str) {
        let call = format!("{} {:?}, {how}", self.export, self.args);
        match &self.expected {
            Ok(values) => {
                let found = outcome.unwrap_or_else(|e| panic!("{call}: {e}"));
                let found: Vec<_> = found.iter().map(bits).collect();
                let values: Vec<_> = values.iter().map(bits).collect();
                assert_eq!(found, values, "{call}");
            }
            Err(code) => assert_eq!(trap_code(outcome), *code, "{call}"),
        }
    }
}

/// Makes the calls, in order, on one instance; then again on instances whose calls are watched,
/// counted by hand, and made under each fuel limit. The functions must not begin with a loop.
pub fn check(wat: &str, cases: &[Case]) {
    check_as(&|| Guest::new(wat), cases);
}

/// As [`check`], on guests that `make` makes.
pub fn check_as(make: &dyn Fn() -> Guest, cases: &[Case]) {
    let mut plain = make();
    let fuel: Vec<u64> = cases.iter().map(|c| c.run(&mut plain, "plain")).collect();

    let mut watched = make();
    let probe = Probe::call(|_| Ok(()));
    watched.store.probes().insert_global(probe);
    let watched: Vec<u64> = cases
        .iter()
        .map(|c| c.run(&mut watched, "watched"))
        .collect();
    if !super::guest::counts_fuel() {
        return;
    }
    assert_eq!(watched, fuel, "fuel of watched calls");

    let mut traced = make();
    let counted: Vec<u64> = cases.iter().map(|c| count(c, &mut traced)).collect();
    assert_eq!(fuel, counted, "fuel, and what a naive count gives");

    for (i, case) in cases.iter().enumerate() {
        for limit in 0..fuel[i].min(40) {
            let mut guest = make();
            for before in &cases[..i] {
                before.run(&mut guest, "before a limit");
            }
            let start = guest.store.fuel_consumed();
            guest.store.set_fuel_limit(Some(limit));
            let code = trap_code(guest.call(case.export, &case.args));
            assert_eq!(code, TrapCode::OutOfFuel, "{} {limit}", case.export);
            assert_eq!(
                guest.store.fuel_consumed() - start,
                limit,
                "{}",
                case.export
            );
        }
    }
    let mut guest = make();
    for (case, &fuel) in cases.iter().zip(&fuel) {
        // Elements that an instruction works on as a whole are charged against the limit too.
        guest.store.set_fuel_limit(Some(fuel + ELEMENTS));
        case.run(&mut guest, "with just enough fuel");
    }
}

/// An instance of `user`, which imports from an instance of `library` under the name `lib`.
pub fn with_library(library: &str, user: &str) -> Guest {
    let engine = super::guest::engine();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let library = Module::new(&engine, library).expect("the library loads");
    let library = linker.instantiate(&mut store, &library);
    let library = library.expect("the library instantiates");
    linker
        .instance(&mut store, "lib", library)
        .expect("new names");
    let module = Module::new(&engine, user).expect("the module loads");
    let instance = linker
        .instantiate(&mut store, &module)
        .expect("the module instantiates");
    Guest {
        store,
        module,
        instance,
    }
}

/// Rule `fuel.v1` applied to the instructions that a global probe sees.
fn count(case: &Case, guest: &mut Guest) -> u64 {
    let seen = Shared::<u64>::default();
    let sink = seen.clone();
    let id = guest.store.probes().insert_global(Probe::call(move |ctx| {
        let (module, index) = ctx.func().module(ctx).expect("a Wasm function");
        sink.push(cost(module, index, ctx.pc()));
        Ok(())
    }));
    let outcome = guest.call(case.export, &case.args);
    assert!(guest.store.probes().remove(id));
    case.check(outcome, "traced");
    seen.take().into_iter().sum()
}

/// What an operator costs; the first of a function also pays for the entry.
fn cost(module: &Module, func: u32, pc: WasmPc) -> u64 {
    let operators = operators(module, func);
    let entry = u64::from(operators[0].0 == pc);
    let operator = operators.iter().find(|(at, _)| *at == pc);
    let (_, name) = operator.expect("an operator's pc");
    let free = [
        "Nop",
        "Drop",
        "Block",
        "Loop",
        "Unreachable",
        "Return",
        "Else",
        "End",
    ];
    entry + u64::from(!free.contains(&name.as_str()))
}
