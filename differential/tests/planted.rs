//! The comparison notices each kind of difference: a peer that lies about one thing.
#![forbid(unsafe_code)]

use std::borrow::Cow;

use probity_differential::case::Case;
use probity_differential::end::{End, TrapClass};
use probity_differential::fuzz::{Peer, Report, Verdict, check};
use probity_differential::host::HostLog;
use probity_differential::probity::{Engines, ProbitySide};
use probity_differential::shape::Shape;
use probity_differential::side::{Item, Side};
use probity_differential::value::Value;
use probity_differential::watch::Watch;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Lie {
    Nothing,
    Result,
    NoTrap,
    OtherTrap,
    Byte,
    Size,
    Global,
    Element,
    HostCall,
    Start,
}

struct Liar {
    lie: Lie,
    engines: Engines,
}

struct LyingSide {
    lie: Lie,
    inner: ProbitySide,
    start: End,
}

impl Peer for Liar {
    fn name(&self) -> &str {
        "liar"
    }

    fn instantiate(&self, case: &Case) -> Result<Box<dyn Side>, String> {
        let inner = ProbitySide::new(&self.engines, case, true, Watch::PLAIN)
            .map_err(|error| error.to_string())?;
        let start = match self.lie {
            Lie::Start => End::Trap(TrapClass::Unreachable),
            _ => inner.start().clone(),
        };
        let lie = self.lie;
        Ok(Box::new(LyingSide { lie, inner, start }))
    }
}

impl Side for LyingSide {
    fn start(&self) -> &End {
        &self.start
    }

    fn call(&mut self, export: &str, arguments: &[Value]) -> End {
        match (self.lie, self.inner.call(export, arguments)) {
            (Lie::Result, End::Results(values)) => End::Results(
                values
                    .into_iter()
                    .map(|value| match value {
                        Value::I32(v) => Value::I32(v ^ 1),
                        other => other,
                    })
                    .collect(),
            ),
            (Lie::NoTrap, End::Trap(_)) => End::Results(vec![]),
            (Lie::OtherTrap, End::Trap(_)) => End::Trap(TrapClass::Table),
            (_, end) => end,
        }
    }

    fn items(&mut self) -> Vec<Item<'_>> {
        let lie = self.lie;
        let change = |item| match (lie, item) {
            (Lie::Byte, Item::Memory(bytes)) => {
                let mut bytes = bytes.into_owned();
                bytes[70_000] ^= 0x80;
                Item::Memory(Cow::Owned(bytes))
            }
            (Lie::Size, Item::Memory(bytes)) => {
                Item::Memory(Cow::Owned(bytes[..bytes.len() - 1].to_vec()))
            }
            (Lie::Global, Item::Global(_)) => Item::Global(Value::I64(6)),
            (Lie::Element, Item::Table(mut elements)) => {
                elements[1] = Value::Null;
                Item::Table(elements)
            }
            (_, item) => item,
        };
        self.inner.items().into_iter().map(change).collect()
    }

    fn host_log(&self) -> HostLog {
        let mut log = self.inner.host_log();
        log.hash ^= u64::from(self.lie == Lie::HostCall);
        log
    }
}

const MODULE: &str = r#"(module
    (import "" "host" (func $host (param i32)))
    (memory (export "memory") 2)
    (global (export "global") (mut i64) (i64.const 5))
    (table (export "table") 3 funcref)
    (elem (i32.const 1) func $host)
    (func (export "result") (result i32) i32.const 3 call $host i32.const 4)
    (func (export "trap") unreachable))"#;

fn report(lie: Lie) -> Report {
    let wasm = wat::parse_str(MODULE).expect("text");
    let shape = Shape::of(&wasm).expect("valid");
    let engines = Engines::default();
    let liar = Liar {
        lie,
        engines: Engines::default(),
    };
    check(&engines, &liar, &Case::of_module(5, wasm, shape), true)
}

#[test]
fn an_honest_peer_agrees() {
    let report = report(Lie::Nothing);
    assert!(matches!(report.verdict, Verdict::Agreed), "{report:?}");
    assert!(report.calls >= 2 && report.traps >= 1, "{report:?}");
}

#[test]
fn planted_differences_are_found() {
    for (lie, part) in [
        (Lie::Result, "i32:4, i32:5"),
        (Lie::NoTrap, "trap unreachable, returned"),
        (Lie::OtherTrap, "trap unreachable, trap table"),
        (Lie::Byte, "memory at 0x11170: [00, "),
        (Lie::Size, "memory of 131072 bytes, memory of 131071 bytes"),
        (Lie::Global, "global i64:5, global i64:6"),
        (Lie::Element, "element 1: func, null"),
        (Lie::HostCall, "host calls with other arguments"),
        (Lie::Start, "instantiation: returned, trap unreachable"),
    ] {
        let report = report(lie);
        let Verdict::Mismatch(what) = &report.verdict else {
            panic!("{lie:?}: {report:?}");
        };
        assert!(what.contains(part), "{lie:?}: {what}");
    }
}
