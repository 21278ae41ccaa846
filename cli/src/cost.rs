//! `--cost COLUMN`.

use probity_efficiency::Column;

use crate::nearest;

/// The column of a name.
pub fn column(name: &str) -> Result<Column, String> {
    name.parse().map_err(|error| {
        let hint = nearest::hint(name, Column::ALL.iter().map(|column| column.name()));
        format!("{error}{hint}")
    })
}
