//! What happens in a run, in order: the sites that it passes, and the moments between them.

use std::collections::{HashMap, HashSet};
use std::fmt;

use probity_engine::hook::Site;
use probity_engine::wasmparser::Operator;
use probity_engine::{LoadError, Module};
use probity_probes::opcode::Opcode;

use super::look::Look;

/// A site of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Index of the function in its module.
    pub func: u32,
    /// Site in the function.
    pub site: Site,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function {} ", self.func)?;
        match self.site {
            Site::Before(pc) => write!(f, "at {pc}"),
            Site::After(pc) => write!(f, "behind {pc}"),
            Site::Entry => f.write_str("entry"),
            Site::Exit => f.write_str("exit"),
        }
    }
}

/// Number of a place in [`Places`].
pub type PlaceId = u32;

/// All sites of a program, executed or not.
#[derive(Debug, Clone, Default)]
pub struct Places {
    all: Vec<Place>,
    ids: HashMap<Place, PlaceId>,
    /// Places whose operator pops an `i32` last.
    counts_top: Vec<bool>,
    /// Fuel that is consumed at places.
    fuel: Vec<u64>,
    /// Places before tail calls.
    tail_calls: HashSet<PlaceId>,
}

/// Something that happens in a run.
#[derive(Debug, Clone)]
pub enum Event {
    /// Control passes a site.
    Site(Passed),
    /// An imported function is called.
    HostCall,
    /// A function is about to run for the first time.
    FirstCall,
    /// A frame is unwound; its exit has been passed.
    Unwind,
    /// A twist at the site that was passed last calls the guest.
    Enter,
    /// The guest has come back from that.
    Leave,
    /// The host makes the call with this number.
    Call(usize),
}

/// Control passes a site.
#[derive(Debug, Clone)]
pub struct Passed {
    /// The site.
    pub place: PlaceId,
    /// The topmost operand, if the site's operator pops an `i32` last.
    pub top: Option<u32>,
    /// What a probe sees there.
    pub look: Look,
}

impl Passed {
    /// The values that a probe takes: the topmost operand, or none.
    pub fn taken(&self, takes: bool) -> Vec<u64> {
        match takes {
            true => vec![self.top.unwrap_or(0).into()],
            false => Vec::new(),
        }
    }
}

impl Places {
    /// The sites of a module.
    ///
    /// # Errors
    /// Code cannot be decoded.
    pub fn of(module: &Module) -> Result<Places, LoadError> {
        let mut places = Places::default();
        for func in module.num_imported_functions()..module.num_functions() {
            places.add(func, Site::Entry, false, 1);
            places.add(func, Site::Exit, false, 0);
            let operators = match module.function(func) {
                Some(function) => function.operators()?,
                None => Vec::new(),
            };
            let last = operators.last().map(|(pc, _)| *pc);
            for (pc, operator) in operators {
                let fuel = Opcode::of(&operator).fuel();
                places.add(func, Site::Before(pc), pops_i32_last(&operator), fuel);
                if is_tail_call(&operator) {
                    places.tail_calls.insert(places.all.len() as PlaceId - 1);
                }
                if Some(pc) != last && goes_on(&operator) {
                    places.add(func, Site::After(pc), false, 0);
                }
            }
        }
        Ok(places)
    }

    fn add(&mut self, func: u32, site: Site, counts_top: bool, fuel: u64) {
        let place = Place { func, site };
        self.ids.insert(place, self.all.len() as PlaceId);
        self.all.push(place);
        self.counts_top.push(counts_top);
        self.fuel.push(fuel);
    }

    /// The place with this number.
    pub fn get(&self, id: PlaceId) -> Place {
        self.all[id as usize]
    }

    /// The number of a place.
    pub fn id(&self, place: Place) -> Option<PlaceId> {
        self.ids.get(&place).copied()
    }

    /// Sites behind the operators of a function.
    pub fn behind(&self, func: u32) -> impl Iterator<Item = Site> {
        let own = self.all.iter().filter(move |place| place.func == func);
        own.map(|place| place.site)
            .filter(|site| matches!(site, Site::After(_)))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Fuel that is consumed there: by an operator before it executes, and by a call at the entry.
    pub fn fuel(&self, id: PlaceId) -> u64 {
        self.fuel[id as usize]
    }

    /// Whether the operator is a tail call: the function's exit fires before it is paid for.
    pub fn is_tail_call(&self, id: PlaceId) -> bool {
        self.tail_calls.contains(&id)
    }

    /// Whether operands can be counted there, if the operator can be reached.
    pub fn counts_top(&self, id: PlaceId) -> bool {
        self.counts_top[id as usize]
    }
}

fn is_tail_call(operator: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(
        operator,
        O::ReturnCall { .. } | O::ReturnCallIndirect { .. } | O::ReturnCallRef { .. }
    )
}

/// Whether control can go on to the operator behind.
fn goes_on(operator: &Operator<'_>) -> bool {
    use Operator as O;
    !is_tail_call(operator)
        && !matches!(
            operator,
            O::Br { .. }
                | O::BrTable { .. }
                | O::Else
                | O::Return
                | O::Unreachable
                | O::Throw { .. }
                | O::ThrowRef
        )
}

fn pops_i32_last(operator: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(
        operator,
        O::BrIf { .. }
            | O::If { .. }
            | O::BrTable { .. }
            | O::Select
            | O::TypedSelect { .. }
            | O::I32Eqz
            | O::I32Add
            | O::I64ExtendI32U
    )
}
