//! The optimisation loop, with a judge that needs no compiler: of a program's text it takes the line `cost N`.

mod command;
mod decisions;
mod endpoint;
mod judge;
mod record;
mod server;
