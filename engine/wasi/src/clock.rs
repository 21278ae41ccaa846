//! Clocks: those of the host, or one virtual clock that makes runs repeatable.
//!
//! The virtual clock moves only when the guest looks at it: each read gives the
//! time and then advances it by a fixed step, and a sleep advances it to the
//! end of the sleep at once. Realtime starts at a chosen time; the monotonic
//! and CPU-time clocks start at zero.

use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

use crate::WasiCtx;
use crate::errno::{Errno, Result};
use crate::guest::Guest;

/// `clockid` of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    Realtime,
    Monotonic,
    ProcessCpu,
    ThreadCpu,
}

impl Clock {
    /// INVAL if there is no such clock.
    pub(crate) fn from_id(id: u32) -> Result<Clock, Errno> {
        match id {
            0 => Ok(Clock::Realtime),
            1 => Ok(Clock::Monotonic),
            2 => Ok(Clock::ProcessCpu),
            3 => Ok(Clock::ThreadCpu),
            _ => Err(Errno::Inval),
        }
    }

    fn host(self) -> ClockId {
        match self {
            Clock::Realtime => ClockId::Realtime,
            Clock::Monotonic => ClockId::Monotonic,
            Clock::ProcessCpu => ClockId::ProcessCPUTime,
            Clock::ThreadCpu => ClockId::ThreadCPUTime,
        }
    }
}

/// Where the guest's time comes from. All times are nanoseconds.
#[derive(Clone, Debug, Default)]
pub(crate) enum Clocks {
    #[default]
    Host,
    Virtual(VirtualClock),
}

#[derive(Clone, Debug)]
pub(crate) struct VirtualClock {
    start_ns: u64,
    step_ns: u64,
    elapsed_ns: u64,
}

impl Clocks {
    pub(crate) fn new_virtual(start_ns: u64, step_ns: u64) -> Clocks {
        Clocks::Virtual(VirtualClock {
            start_ns,
            step_ns,
            elapsed_ns: 0,
        })
    }

    pub(crate) fn is_virtual(&self) -> bool {
        matches!(self, Clocks::Virtual(_))
    }

    /// The time; a virtual clock advances by its step afterwards.
    pub(crate) fn read(&mut self, clock: Clock) -> u64 {
        let now = self.peek(clock);
        if let Clocks::Virtual(time) = self {
            time.advance(time.step_ns);
        }
        now
    }

    /// The time, without a step.
    pub(crate) fn peek(&self, clock: Clock) -> u64 {
        match self {
            Clocks::Host => nanoseconds(clock_gettime(clock.host())),
            Clocks::Virtual(time) => match clock {
                Clock::Realtime => time.start_ns.saturating_add(time.elapsed_ns),
                _ => time.elapsed_ns,
            },
        }
    }

    /// Lets `ns` of virtual time pass; host time passes by itself.
    pub(crate) fn advance(&mut self, ns: u64) {
        if let Clocks::Virtual(time) = self {
            time.advance(ns);
        }
    }

    /// The smallest difference that the clock shows, at least 1.
    fn resolution(&self, clock: Clock) -> u64 {
        let ns = match self {
            Clocks::Host => nanoseconds(clock_getres(clock.host())),
            Clocks::Virtual(time) => time.step_ns,
        };
        ns.max(1)
    }
}

impl VirtualClock {
    fn advance(&mut self, ns: u64) {
        self.elapsed_ns = self.elapsed_ns.saturating_add(ns);
    }
}

/// A time of the host in nanoseconds; times before the epoch read as zero.
fn nanoseconds(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

pub(crate) fn res_get(ctx: &mut WasiCtx, guest: &mut Guest, id: u32, result: u32) -> Result<()> {
    let clock = Clock::from_id(id)?;
    ctx.usage.clock_reads += 1;
    guest.write_u64(result, ctx.clocks.resolution(clock))
}

pub(crate) fn time_get(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    id: u32,
    _precision: u64,
    result: u32,
) -> Result<()> {
    let clock = Clock::from_id(id)?;
    guest.range(result, 8)?;
    ctx.usage.clock_reads += 1;
    guest.write_u64(result, ctx.clocks.read(clock))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_clock_moves_only_when_it_is_used() {
        let mut clocks = Clocks::new_virtual(1_000, 7);
        assert_eq!(clocks.read(Clock::Realtime), 1_000);
        assert_eq!(clocks.read(Clock::Realtime), 1_007);
        assert_eq!(clocks.read(Clock::Monotonic), 14);
        assert_eq!(clocks.peek(Clock::ThreadCpu), 21);
        clocks.advance(79);
        assert_eq!(clocks.read(Clock::ProcessCpu), 100);
        clocks.advance(u64::MAX);
        assert_eq!(clocks.peek(Clock::Realtime), u64::MAX);
        assert_eq!(clocks.resolution(Clock::Realtime), 7);
        assert_eq!(
            Clocks::new_virtual(0, 0).resolution(Clock::Monotonic),
            1,
            "the specification wants a resolution above zero"
        );
    }

    #[test]
    fn host_clocks_run() {
        let mut clocks = Clocks::default();
        for id in 0..4 {
            let Ok(clock) = Clock::from_id(id) else {
                panic!("clock {id}")
            };
            let first = clocks.read(clock);
            assert!(clocks.read(clock) >= first, "{clock:?}");
            assert!(clocks.resolution(clock) >= 1, "{clock:?}");
        }
        assert!(clocks.read(Clock::Realtime) > 1_700_000_000_000_000_000);
        assert!(Clock::from_id(4).is_err());
    }
}
