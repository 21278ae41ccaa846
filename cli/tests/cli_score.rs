//! `probity score`.
mod common;
