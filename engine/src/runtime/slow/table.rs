//! `table.*` and `elem.drop`.

use probity_interp::exit;

use super::instruction;
use crate::error::TrapCode;

instruction! {
    /// `table.get`
    table_get(o) {
        let table = o.table(o.imm);
        let at = o.size(0, o.core.tables[table].ty.table64);
        let element = usize::try_from(at).ok().and_then(|at| o.core.tables[table].elements().get(at).copied());
        o.set_result(element.ok_or(exit::TABLE)?);
        Ok(exit::DONE)
    }
}

instruction! {
    /// `table.set`
    table_set(o) {
        let table = o.table(o.imm);
        let at = o.size(0, o.core.tables[table].ty.table64);
        let value = o.raw(1);
        let at = usize::try_from(at).map_err(|_| exit::TABLE)?;
        *o.core.tables[table].elements_mut().get_mut(at).ok_or(exit::TABLE)? = value;
        Ok(exit::DONE)
    }
}

instruction! {
    /// `table.size`
    table_size(o) {
        let table = o.table(o.imm);
        let len = o.core.tables[table].elements().len() as u64;
        o.set_result(len);
        Ok(exit::DONE)
    }
}

instruction! {
    /// `table.grow`
    table_grow(o) {
        let table = o.table(o.imm);
        let is_64 = o.core.tables[table].ty.table64;
        let (init, delta) = (o.raw(0), o.size(1, is_64));
        o.charge(delta)?;
        let most = o.core.limits.table_elements_max;
        match o.core.tables[table].grow(delta, init, most) {
            Some(old) => o.set_result(old),
            None => return Ok(o.refused(is_64, TrapCode::TableLimit)),
        }
        Ok(exit::DONE)
    }
}

/// Positions `at..at + len`, if both are within `end`.
fn range(at: u64, len: u64, end: usize) -> Result<std::ops::Range<usize>, u64> {
    let stop = at
        .checked_add(len)
        .filter(|&stop| stop <= end as u64)
        .ok_or(exit::TABLE)?;
    Ok(at as usize..stop as usize)
}

instruction! {
    /// `table.fill`
    table_fill(o) {
        let table = o.table(o.imm);
        let is_64 = o.core.tables[table].ty.table64;
        let (at, value, len) = (o.size(0, is_64), o.raw(1), o.size(2, is_64));
        o.charge(len)?;
        let elements = o.core.tables[table].elements_mut();
        let range = range(at, len, elements.len())?;
        elements[range].fill(value);
        Ok(exit::DONE)
    }
}

instruction! {
    /// `table.copy`
    table_copy(o, data) {
        let (to_table, from_table) = (o.table(o.imm), o.table(o.data));
        let to_64 = o.core.tables[to_table].ty.table64;
        let from_64 = o.core.tables[from_table].ty.table64;
        let (to, from, len) = (o.size(0, to_64), o.size(1, from_64), o.size(2, to_64 && from_64));
        o.charge(len)?;
        let from = range(from, len, o.core.tables[from_table].elements().len())?;
        let to = range(to, len, o.core.tables[to_table].elements().len())?;
        if to_table == from_table {
            o.core.tables[to_table].elements_mut().copy_within(from, to.start);
        } else {
            let elements = o.core.tables[from_table].elements()[from].to_vec();
            o.core.tables[to_table].elements_mut()[to].copy_from_slice(&elements);
        }
        Ok(exit::DONE)
    }
}

instruction! {
    /// `table.init`
    table_init(o, data) {
        let table = o.table(o.imm);
        let is_64 = o.core.tables[table].ty.table64;
        let (to, from, len) = (o.size(0, is_64), o.size(1, false), o.size(2, false));
        o.charge(len)?;
        let index = o.data as usize;
        let from = range(from, len, o.instance().elements[index].len())?;
        let to = range(to, len, o.core.tables[table].elements().len())?;
        let elements = o.instance().elements[index][from].to_vec();
        o.core.tables[table].elements_mut()[to].copy_from_slice(&elements);
        Ok(exit::DONE)
    }
}

instruction! {
    /// `elem.drop`
    elem_drop(o) {
        let index = o.imm as usize;
        o.instance_mut().elements[index] = Vec::new();
        Ok(exit::DONE)
    }
}
