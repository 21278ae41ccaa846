//! `memory.*` and `data.drop`.

use probity_interp::exit;

use super::instruction;
use crate::error::TrapCode;
use crate::module::DataKind;

instruction! {
    /// `memory.grow`
    memory_grow(o) {
        let memory = o.memory(o.imm);
        let is_64 = o.core.memories[memory].ty.memory64;
        let pages = o.size(0, is_64);
        let most = o.core.limits.memory_bytes_max;
        match o.core.memories[memory].grow(pages, most) {
            Some(old) => o.set_result(old),
            None => return Ok(o.refused(is_64, TrapCode::MemoryLimit)),
        }
        Ok(exit::DONE)
    }
}

instruction! {
    /// `memory.size`
    memory_size(o) {
        let pages = o.core.memories[o.memory(o.imm)].pages();
        o.set_result(pages);
        Ok(exit::DONE)
    }
}

instruction! {
    /// `memory.fill`
    memory_fill(o) {
        let memory = o.memory(o.imm);
        let is_64 = o.core.memories[memory].ty.memory64;
        let (at, byte, len) = (o.size(0, is_64), o.raw(1) as u8, o.size(2, is_64));
        o.charge(len / 16)?;
        let span = o.core.memories[memory].span(at, len).ok_or(exit::MEMORY)?;
        o.in_pieces(span.len(), false, |piece| span.part(piece).fill(byte))?;
        Ok(exit::DONE)
    }
}

instruction! {
    /// `memory.copy`
    memory_copy(o, data) {
        let (to_memory, from_memory) = (o.memory(o.imm), o.memory(o.data));
        let to_64 = o.core.memories[to_memory].ty.memory64;
        let from_64 = o.core.memories[from_memory].ty.memory64;
        let (to, from, len) = (o.size(0, to_64), o.size(1, from_64), o.size(2, to_64 && from_64));
        o.charge(len / 16)?;
        let from = o.core.memories[from_memory].span(from, len).ok_or(exit::MEMORY)?;
        let to = o.core.memories[to_memory].span(to, len).ok_or(exit::MEMORY)?;
        // In the direction in which no piece overwrites another's source.
        let backwards = to.as_ptr() > from.as_ptr();
        o.in_pieces(from.len(), backwards, |piece| from.part(piece.clone()).copy_to(to.part(piece)))?;
        Ok(exit::DONE)
    }
}

instruction! {
    /// `memory.init`
    memory_init(o, data) {
        let memory = o.memory(o.imm);
        let is_64 = o.core.memories[memory].ty.memory64;
        let (to, from, len) = (o.size(0, is_64), o.size(1, false), o.size(2, false));
        o.charge(len / 16)?;
        let index = o.data as usize;
        let module = o.instance().module.clone();
        let segment = &module.inner.data[index];
        // Active segments are empty once the module is instantiated.
        let dropped = o.instance().dropped_data[index] || !matches!(segment.kind, DataKind::Passive);
        let bytes = if dropped { &[][..] } else { &module.inner.bytes[segment.range.clone()] };
        let end = from.checked_add(len).filter(|&end| end <= bytes.len() as u64).ok_or(exit::MEMORY)?;
        let bytes = &bytes[from as usize..end as usize];
        let span = o.core.memories[memory].span(to, len).ok_or(exit::MEMORY)?;
        o.in_pieces(span.len(), false, |piece| span.part(piece.clone()).write(&bytes[piece]))?;
        Ok(exit::DONE)
    }
}

instruction! {
    /// `data.drop`
    data_drop(o) {
        let index = o.imm as usize;
        o.instance_mut().dropped_data[index] = true;
        Ok(exit::DONE)
    }
}
