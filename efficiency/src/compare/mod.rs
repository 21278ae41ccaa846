mod column;

pub use column::{COLUMNS, Column};
