//! Time in nanoseconds. Runs are priced in CPU time of the whole process, because wall time on a shared machine measures
//! its other users, and time of one thread would leave out work that an engine gives to others.

use rustix::time::{ClockId, clock_gettime};

fn read_ns(clock: ClockId) -> u64 {
    let t = clock_gettime(clock);
    // Both parts are non-negative on these clocks.
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// User and system time of this process so far, all threads together.
pub fn cpu_ns() -> u64 {
    read_ns(ClockId::ProcessCPUTime)
}

/// Monotonic wall time; the same clock in every process of the machine.
pub fn wall_ns() -> u64 {
    read_ns(ClockId::Monotonic)
}

/// User and system time of this thread so far: the speed of code that runs here, whatever is compiled beside it.
pub fn thread_cpu_ns() -> u64 {
    read_ns(ClockId::ThreadCPUTime)
}
