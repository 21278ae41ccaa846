//! Ways to run a guest under which nothing it can see may change.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use probity_engine::hook::Probe;
use probity_engine::{Config, ExternRef, Linker, Store, Val};

use super::guest::{Guest, i32_of};

/// How a guest is watched, and when garbage is collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Plain,
    /// An empty probe before every instruction.
    Global,
    /// A collection at every allocation.
    Zeal,
    /// Both.
    GlobalZeal,
    /// A probe before every instruction, which collects.
    EveryInstruction,
}

impl Way {
    pub const ALL: [Way; 5] = [
        Way::Plain,
        Way::Global,
        Way::Zeal,
        Way::GlobalZeal,
        Way::EveryInstruction,
    ];

    pub fn config(self) -> Config {
        let mut config = super::guest::config();
        config.gc_zeal(!matches!(self, Way::Plain | Way::Global));
        config
    }

    pub fn attach(self, store: &mut Store<()>) {
        let probe = match self {
            Way::Plain | Way::Zeal => return,
            Way::Global | Way::GlobalZeal => Probe::call(|_| Ok(())),
            // In zeal mode an allocation of the host collects as well.
            Way::EveryInstruction => Probe::call(|context| {
                ExternRef::new(context, ());
                Ok(())
            }),
        };
        store.probes().insert_global(probe);
    }
}

/// Runs `test` with a guest of this module in every way.
pub fn every_way(wat: &str, define: impl Fn(&mut Linker<()>), mut test: impl FnMut(Way, Guest)) {
    for way in Way::ALL {
        let mut guest = Guest::configured(&way.config(), wat, &define);
        way.attach(&mut guest.store);
        test(way, guest);
    }
}

/// Calls exports without parameters in every way; each gives an i32.
pub fn check(wat: &str, expect: &[(&str, i32)]) {
    every_way(
        wat,
        |_| {},
        |way, mut guest| {
            for (export, expect) in expect {
                let result = guest.call(export, &[]);
                let result = result.unwrap_or_else(|e| panic!("{export} ({way:?}): {e}"));
                assert_eq!(i32_of(&result[0]), *expect, "{export} ({way:?})");
            }
        },
    );
}

/// Counts how often values of the host were dropped.
#[derive(Clone, Default)]
pub struct Drops(Arc<AtomicUsize>);

impl Drops {
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// A value whose drop is counted.
    pub fn value(&self) -> impl Send + Sync + 'static {
        struct Counted(Drops);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        Counted(self.clone())
    }

    /// A reference to one, as an argument.
    pub fn reference(&self, store: &mut Store<()>) -> Val {
        Val::ExternRef(Some(ExternRef::new(store, self.value())))
    }
}
