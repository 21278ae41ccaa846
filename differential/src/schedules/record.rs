//! The events of a program: one run in the interpreter with probes at all sites.

use std::sync::{Arc, Mutex, PoisonError};

use probity_engine::hook::{Probe, ProbeContext, Site};
use probity_engine::{Error, Module, Store};

use super::events::{Event, Passed, Place, Places};
use super::look::{Look, look, top_i32};
use super::play::{Outcome, Reentry, setup};
use super::twist::{Tops, Twisting, type_of};
use crate::case::Case;
use crate::host::Host;
use crate::probity::{NoSide, ProbitySide};
use crate::trace::record_with;
use crate::watch::Watching;

/// Operands behind an operator whose types are kept.
const TOPS: u32 = 8;

/// Events of a program at most: a schedule takes as long as they do.
pub const EVENTS_MAX: usize = 8_000;

type Shared = Arc<Mutex<Recording>>;

struct Recording {
    places: Places,
    events: Vec<Event>,
    tops: Tops,
    /// Has the host made a call?
    called: bool,
}

/// What a recorded run was.
pub struct Recorded {
    /// What happened in it.
    pub events: Vec<Event>,
    /// Types that were seen on the stack.
    pub tops: Tops,
    /// What it did.
    pub outcome: Outcome,
}

/// The events of a case; `None` if there are too many.
///
/// # Errors
/// The module is refused.
pub fn record(
    module: &Module,
    case: &Case,
    places: &Places,
    twisting: &Twisting,
) -> Result<Option<Recorded>, NoSide> {
    let shared = Arc::new(Mutex::new(Recording {
        places: places.clone(),
        events: Vec::new(),
        tops: Tops::new(),
        called: false,
    }));
    let marks = shared.clone();
    let twisting = &twisting.clone().marked(Arc::new(move |enters| {
        push(&marks, if enters { Event::Enter } else { Event::Leave });
    }));
    let (host_calls, twisted) = (shared.clone(), twisting.clone());
    let reentry = Reentry::default();
    let mut setup = setup(case, true);
    setup.on_host_call = Some(Arc::new(move |caller| {
        // The start function may be an import; there is no instance to be seen then.
        let mut recording = host_calls.lock().unwrap_or_else(PoisonError::into_inner);
        if recording.called || caller.instance().is_some() {
            recording.events.push(Event::HostCall);
        }
        drop(recording);
        twisted.in_host_call(&mut caller.probes());
        reentry.call(caller);
    }));
    let install = |store: &mut Store<Host>| {
        install(store, &shared);
        twisting.install(store);
        Watching::default()
    };
    let mut side = ProbitySide::of_module(module, &case.shape.exports, &setup, install)?;
    let trace = record_with(&mut side, &case.calls, false, |side, call| {
        let mut recording = shared.lock().unwrap_or_else(PoisonError::into_inner);
        recording.called = true;
        recording.events.push(Event::Call(call));
        drop(recording);
        twisting.before_call(&mut side.store().probes(), call);
    });
    drop(side);
    let mut recording = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let events = std::mem::take(&mut recording.events);
    Ok((events.len() < EVENTS_MAX).then(|| Recorded {
        events,
        tops: std::mem::take(&mut recording.tops),
        outcome: (trace, twisting.acted()),
    }))
}

fn push(shared: &Shared, event: Event) {
    let mut recording = shared.lock().unwrap_or_else(PoisonError::into_inner);
    recording.events.push(event);
}

fn install(store: &mut Store<Host>, shared: &Shared) {
    let (steps, calls, unwinds) = (shared.clone(), shared.clone(), shared.clone());
    let mut probes = store.probes();
    probes.insert_global(Probe::call(move |context| {
        let site = Site::Before(context.pc());
        pass(context, &steps, site)
    }));
    probes.on_first_call(move |probes, func| {
        push(&calls, Event::FirstCall);
        let index = probes.module_of(func).map_or(0, |(_, index)| index);
        let recording = calls.lock().unwrap_or_else(PoisonError::into_inner);
        let behind: Vec<Site> = recording.places.behind(index).collect();
        drop(recording);
        for site in behind.into_iter().chain([Site::Entry, Site::Exit]) {
            let shared = calls.clone();
            let probe = Probe::call(move |context| pass(context, &shared, site));
            // These are sites of every function.
            let _ = probes.insert(func, site, probe);
        }
    });
    probes.on_unwind(move |_, _, _| push(&unwinds, Event::Unwind));
}

fn pass(context: &mut ProbeContext<'_>, shared: &Shared, site: Site) -> Result<(), Error> {
    let func = context.func_index();
    let look: Look = look(context);
    let top = top_i32(context);
    let tops = matches!(site, Site::After(_)).then(|| {
        let frame = context.frame();
        let tops = (0..frame.num_operands().min(TOPS)).rev();
        tops.filter_map(|i| frame.top(i))
            .map(|val| type_of(&val))
            .collect()
    });
    let mut recording = shared.lock().unwrap_or_else(PoisonError::into_inner);
    if recording.events.len() >= EVENTS_MAX {
        return Err(Error::usage("too many events"));
    }
    let place = recording.places.id(Place { func, site });
    let place = place.ok_or_else(|| Error::usage("a site that the module does not have"))?;
    if let Some(tops) = tops {
        recording.tops.entry(place).or_insert(tops);
    }
    let top = top.filter(|_| recording.places.counts_top(place));
    recording
        .events
        .push(Event::Site(Passed { place, top, look }));
    Ok(())
}
