//! Every kind of site against small programs, their events worked by hand, and edges against random control flow;
//! in every way of executing code.

mod generated;
mod guest;

#[path = "kinds/calling.rs"]
mod calling;
#[path = "kinds/control.rs"]
mod control;
#[path = "kinds/handles.rs"]
mod handles;
#[path = "kinds/random.rs"]
mod random;
#[path = "kinds/sizes.rs"]
mod sizes;
#[path = "kinds/state.rs"]
mod state;
#[path = "kinds/throwing.rs"]
mod throwing;
