//! What a case gives to a module: the values that its imported functions return, the values of
//! imported globals, and a log of what it was called with. Each engine's adapter asks here, so
//! that all of them answer alike.

use crate::rng::{Rng, mix};
use crate::value::{Type, Value};

/// Bytes that a memory may grow to, in every engine.
pub const MEMORY_BYTES_MAX: u64 = 20 << 16;
/// Elements that a table may grow to, in every engine.
pub const TABLE_ELEMENTS_MAX: u64 = 2000;

/// Bytes that the heap of objects may take. Engines measure them differently, so that a case
/// which comes near is inconclusive.
pub const HEAP_BYTES_MAX: u64 = 64 << 20;

/// One in this many calls of an imported function fails.
const CALLS_PER_FAILURE: u64 = 40;

/// The host of one store.
#[derive(Clone, Debug)]
pub struct Host {
    seed: u64,
    log: HostLog,
}

/// What a store's host functions were called with, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostLog {
    /// Number of calls.
    pub calls: u64,
    /// Hash of the imports called and their arguments, in order.
    pub hash: u64,
}

/// The planned failure of a host function.
#[derive(Debug, Clone, Copy)]
pub struct HostFailure;

impl std::fmt::Display for HostFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("planned failure of a host function")
    }
}

impl std::error::Error for HostFailure {}

impl Host {
    /// The host of a case.
    pub fn new(seed: u64) -> Host {
        Host {
            seed,
            log: HostLog::default(),
        }
    }

    /// What happened so far.
    pub fn log(&self) -> HostLog {
        self.log
    }

    /// A call of the imported function with this index: logs it, and gives its results.
    ///
    /// # Errors
    /// The call is planned to fail, or has a result of a type that a host cannot make.
    pub fn call(
        &mut self,
        import: usize,
        arguments: impl IntoIterator<Item = Value>,
        results: impl IntoIterator<Item = Type>,
    ) -> Result<Vec<Value>, HostFailure> {
        let mut hash = mix(self.log.hash ^ import as u64);
        for argument in arguments {
            hash = mix(hash ^ argument.word());
        }
        self.log.hash = hash;
        self.log.calls += 1;
        let mut rng = Rng::for_purpose(self.seed, mix(import as u64) ^ self.log.calls);
        if rng.one_in(CALLS_PER_FAILURE) {
            return Err(HostFailure);
        }
        results
            .into_iter()
            .map(|ty| Value::any_of(ty, &mut rng).ok_or(HostFailure))
            .collect()
    }

    /// Value of the imported global with this index.
    pub fn global(&self, import: usize, ty: Type) -> Option<Value> {
        Value::any_of(ty, &mut Rng::for_purpose(!self.seed, import as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_calls_are_answered_alike() {
        let (mut a, mut b) = (Host::new(3), Host::new(3));
        let mut failures = 0;
        for i in 0..400 {
            let call = |host: &mut Host| host.call(i % 3, [Value::I32(4)], [Type::I64]).ok();
            let (x, y) = (call(&mut a), call(&mut b));
            failures += u32::from(x.is_none());
            assert_eq!(x, y);
        }
        assert_eq!(a.log(), b.log());
        assert!((1..100).contains(&failures), "{failures}");
    }

    #[test]
    fn the_log_sees_imports_arguments_and_order() {
        let log = |calls: &[(usize, i32)]| {
            let mut host = Host::new(1);
            for &(import, argument) in calls {
                let _ = host.call(import, [Value::I32(argument)], []);
            }
            host.log()
        };
        assert_eq!(log(&[(0, 1), (1, 2)]), log(&[(0, 1), (1, 2)]));
        assert_ne!(log(&[(0, 1), (1, 2)]), log(&[(1, 2), (0, 1)]));
        assert_ne!(log(&[(0, 1)]), log(&[(0, 2)]));
        assert_ne!(log(&[(0, 1)]), log(&[(1, 1)]));
    }
}
