//! `poll_oneoff`: waiting for clocks and descriptors.
//!
//! Host time is waited for in slices, with a look at the stop flag between
//! them. Under a virtual clock nothing is waited for: descriptors count as
//! ready, and time jumps to the earliest deadline.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno as Host;

use crate::WasiCtx;
use crate::clock::{Clock, Clocks};
use crate::descriptors::{Descriptor, Descriptors, Input, Node};
use crate::errno::{Errno, Result};
use crate::guest::Guest;
use crate::host::{HostFile, SLICE};
use crate::layout::{EVENT_HANGUP, SUBCLOCK_ABSTIME, event, eventtype};
use crate::rights;

/// Subscriptions of one call; more is INVAL, as beyond the limit of `poll(2)`.
const SUBSCRIPTIONS_MAX: u32 = 4096;
/// Bytes that a ready descriptor takes: what a pipe has room for at least.
const WRITABLE_BYTES: u64 = 4096;
const NO_WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// What a guest waits for.
struct Subscription {
    userdata: u64,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Until the clock shows the deadline, in nanoseconds.
    Clock {
        clock: Clock,
        deadline_ns: u64,
    },
    /// A clock that cannot be waited for.
    Unsupported(Errno),
    Read(u32),
    Write(u32),
}

impl Kind {
    fn tag(self) -> u8 {
        match self {
            Kind::Clock { .. } | Kind::Unsupported(_) => eventtype::CLOCK,
            Kind::Read(_) => eventtype::FD_READ,
            Kind::Write(_) => eventtype::FD_WRITE,
        }
    }
}

/// What happened to a subscription.
#[derive(Clone, Copy)]
struct Outcome {
    errno: Errno,
    nbytes: u64,
    flags: u16,
}

impl Outcome {
    const fn failed(errno: Errno) -> Outcome {
        Outcome {
            errno,
            nbytes: 0,
            flags: 0,
        }
    }

    const fn ready(nbytes: u64, flags: u16) -> Outcome {
        Outcome {
            errno: Errno::Success,
            nbytes,
            flags,
        }
    }
}

pub(crate) fn oneoff(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    subscriptions: u32,
    events: u32,
    count: u32,
    result: u32,
) -> Result<()> {
    if count == 0 || count > SUBSCRIPTIONS_MAX {
        return Err(Errno::Inval.into());
    }
    guest.range(result, 4)?;
    guest.array(events, count, event::SIZE)?;
    let wanted = read_subscriptions(guest, subscriptions, count, &mut ctx.clocks)?;
    let outcomes = match ctx.clocks.is_virtual() {
        true => pass_virtual_time(ctx, &wanted)?,
        false => wait(ctx, &wanted)?,
    };
    let mut written = 0;
    for (subscription, outcome) in wanted.iter().zip(outcomes) {
        let Some(outcome) = outcome else { continue };
        let at = events + written * event::SIZE;
        guest.clear(at, event::SIZE)?;
        guest.write_u64(at + event::USERDATA, subscription.userdata)?;
        guest.write_u16(at + event::ERROR, outcome.errno as u16)?;
        guest.write_u8(at + event::TYPE, subscription.kind.tag())?;
        guest.write_u64(at + event::NBYTES, outcome.nbytes)?;
        guest.write_u16(at + event::FLAGS, outcome.flags)?;
        written += 1;
    }
    guest.write_u32(result, written)
}

fn read_subscriptions(
    guest: &Guest,
    ptr: u32,
    count: u32,
    clocks: &mut Clocks,
) -> Result<Vec<Subscription>> {
    let layout = guest.abi.subscription();
    guest.array(ptr, count, layout.bytes)?;
    let read = |index: u32| {
        let at = ptr + index * layout.bytes;
        let kind = match guest.read_u8(at + layout.tag)? {
            eventtype::CLOCK => {
                let id = guest.read_u32(at + layout.clock_id)?;
                let timeout = guest.read_u64(at + layout.clock_timeout)?;
                let flags = guest.read_u16(at + layout.clock_flags)?;
                clock_kind(id, timeout, flags, clocks)?
            }
            eventtype::FD_READ => Kind::Read(guest.read_u32(at + layout.fd)?),
            eventtype::FD_WRITE => Kind::Write(guest.read_u32(at + layout.fd)?),
            _ => return Err(Errno::Inval.into()),
        };
        Ok(Subscription {
            userdata: guest.read_u64(at + layout.userdata)?,
            kind,
        })
    };
    (0..count).map(read).collect()
}

fn clock_kind(id: u32, timeout: u64, flags: u16, clocks: &mut Clocks) -> Result<Kind> {
    let clock = match Clock::from_id(id) {
        Ok(clock @ (Clock::Realtime | Clock::Monotonic)) => clock,
        Ok(_) => return Ok(Kind::Unsupported(Errno::Notsup)),
        Err(errno) => return Ok(Kind::Unsupported(errno)),
    };
    let deadline_ns = match flags {
        0 => clocks.peek(clock).saturating_add(timeout),
        SUBCLOCK_ABSTIME => timeout,
        _ => return Err(Errno::Inval.into()),
    };
    Ok(Kind::Clock { clock, deadline_ns })
}

/// Nanoseconds until the clock subscription is due; None for others.
fn remaining(kind: Kind, clocks: &Clocks) -> Option<u64> {
    match kind {
        Kind::Clock { clock, deadline_ns } => Some(deadline_ns.saturating_sub(clocks.peek(clock))),
        _ => None,
    }
}

/// The outcome of a clock subscription now, if it has one.
fn clock_outcome(kind: Kind, clocks: &Clocks) -> Option<Outcome> {
    match kind {
        Kind::Unsupported(errno) => Some(Outcome::failed(errno)),
        _ => (remaining(kind, clocks)? == 0).then_some(Outcome::ready(0, 0)),
    }
}

/// The descriptor of a subscription, if the guest may wait for it.
fn descriptor(table: &Descriptors, kind: Kind) -> Option<Result<&Descriptor, Errno>> {
    let (fd, direction) = match kind {
        Kind::Read(fd) => (fd, rights::FD_READ),
        Kind::Write(fd) => (fd, rights::FD_WRITE),
        Kind::Clock { .. } | Kind::Unsupported(_) => return None,
    };
    Some(table.get(fd).and_then(|descriptor| {
        if let Node::Dir(_) = descriptor.node {
            return Err(Errno::Badf);
        }
        descriptor.require(rights::POLL_FD_READWRITE | direction)?;
        Ok(descriptor)
    }))
}

/// The outcome of a descriptor that the host need not be asked about, or the
/// file to ask about.
fn settled(descriptor: &Descriptor, kind: Kind) -> Result<Outcome, &HostFile> {
    match (&descriptor.node, kind) {
        (Node::File(file), _) if !file.regular() => Err(file),
        (_, Kind::Write(_)) => Ok(Outcome::ready(WRITABLE_BYTES, 0)),
        (Node::File(file), _) => Ok(Outcome::ready(unread(file), 0)),
        (Node::Input(Input::Bytes(bytes)), _) => {
            let left = (bytes.get_ref().len() as u64).saturating_sub(bytes.position());
            Ok(Outcome::ready(left, 0))
        }
        // A reader's read is the only way to know.
        _ => Ok(Outcome::ready(1, 0)),
    }
}

/// Bytes between the position and the end of a regular file.
fn unread(file: &HostFile) -> u64 {
    let size = file.as_file().metadata().map_or(0, |m| m.len());
    let position = rustix::fs::tell(file.fd()).unwrap_or(0);
    size.saturating_sub(position)
}

fn pass_virtual_time(ctx: &mut WasiCtx, wanted: &[Subscription]) -> Result<Vec<Option<Outcome>>> {
    let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(wanted.len());
    for subscription in wanted {
        let kind = subscription.kind;
        outcomes.push(descriptor(&ctx.table, kind).map(|found| match found {
            Err(errno) => Outcome::failed(errno),
            Ok(descriptor) => settled(descriptor, kind).unwrap_or(match kind {
                Kind::Write(_) => Outcome::ready(WRITABLE_BYTES, 0),
                _ => Outcome::ready(1, 0),
            }),
        }));
    }
    // A look at the clock, as every call that tells the time.
    ctx.clocks.read(Clock::Monotonic);
    if outcomes.iter().all(Option::is_none) {
        let times = wanted.iter().map(|s| remaining(s.kind, &ctx.clocks));
        let unsupported = wanted
            .iter()
            .any(|s| matches!(s.kind, Kind::Unsupported(_)));
        if let Some(ns) = times.flatten().min()
            && !unsupported
        {
            ctx.clocks.advance(ns);
        }
    }
    for (outcome, subscription) in outcomes.iter_mut().zip(wanted) {
        *outcome = outcome.or_else(|| clock_outcome(subscription.kind, &ctx.clocks));
    }
    ctx.stop.check()?;
    Ok(outcomes)
}

fn wait(ctx: &mut WasiCtx, wanted: &[Subscription]) -> Result<Vec<Option<Outcome>>> {
    let WasiCtx {
        table,
        clocks,
        stop,
        ..
    } = ctx;
    let mut outcomes: Vec<Option<Outcome>> = vec![None; wanted.len()];
    // Files that the host must be asked about, and whose subscription that is.
    let mut asked: Vec<(usize, &HostFile)> = Vec::new();
    let mut polled: Vec<PollFd> = Vec::new();
    for (index, subscription) in wanted.iter().enumerate() {
        let kind = subscription.kind;
        outcomes[index] = match descriptor(table, kind) {
            None => None,
            Some(Err(errno)) => Some(Outcome::failed(errno)),
            Some(Ok(descriptor)) => match settled(descriptor, kind) {
                Ok(outcome) => Some(outcome),
                Err(file) => {
                    let events = match kind {
                        Kind::Write(_) => PollFlags::OUT,
                        _ => PollFlags::IN,
                    };
                    asked.push((index, file));
                    polled.push(PollFd::from_borrowed_fd(file.fd(), events));
                    None
                }
            },
        };
    }
    loop {
        stop.check()?;
        for (outcome, subscription) in outcomes.iter_mut().zip(wanted) {
            *outcome = outcome.or_else(|| clock_outcome(subscription.kind, clocks));
        }
        let have_one = outcomes.iter().any(Option::is_some);
        let timeout = match have_one {
            true => NO_WAIT,
            false => slice(wanted, clocks),
        };
        match poll(&mut polled, Some(&timeout)) {
            Ok(_) => {}
            Err(Host::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        for ((index, file), fd) in asked.iter().zip(&polled) {
            if !fd.revents().is_empty() {
                outcomes[*index] = Some(file_outcome(file, wanted[*index].kind, fd.revents()));
            }
        }
        if have_one || outcomes.iter().any(Option::is_some) {
            return Ok(outcomes);
        }
    }
}

/// The next wait: to the earliest deadline, but not longer than a slice.
fn slice(wanted: &[Subscription], clocks: &Clocks) -> Timespec {
    let times = wanted.iter().filter_map(|s| remaining(s.kind, clocks));
    match times.min() {
        Some(ns) if ns < SLICE.tv_nsec as u64 => Timespec {
            tv_sec: 0,
            tv_nsec: ns as _,
        },
        _ => SLICE,
    }
}

fn file_outcome(file: &HostFile, kind: Kind, events: PollFlags) -> Outcome {
    if events.contains(PollFlags::NVAL) {
        return Outcome::failed(Errno::Badf);
    }
    let hangup = match events.intersects(PollFlags::HUP | PollFlags::ERR) {
        true => EVENT_HANGUP,
        false => 0,
    };
    match kind {
        Kind::Write(_) => Outcome::ready(WRITABLE_BYTES, hangup),
        _ => Outcome::ready(rustix::io::ioctl_fionread(file.fd()).unwrap_or(1), hangup),
    }
}
