//! Frames of compiled code on the native stack.
//!
//! Compiled code keeps frame pointers, and its prologues say which registers they save, so a walk
//! from a [`Link`] outwards knows for every frame the registers at its call. A compiled frame also
//! owns the frame of the value stack that the interpreter would use, at the same place: its
//! values can be written there ([`NativeFrame::write_slots`]) whenever somebody wants to see them,
//! and the interpreter can go on with it.

use std::sync::Arc;

use super::code::{FP_SLOT, NativeCode, Site, SiteValue, ValuePlace, Width};

/// Registers that a call preserves: r15, r14, r13, r12, rbx.
pub(crate) type Saved = [u64; 5];

/// What assembly leaves on the stack where compiled code calls the engine, and where a compiled
/// frame was taken over by the interpreter: how to go on in the caller.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Link {
    pub(crate) saved: Saved,
    /// The caller's frame pointer.
    pub(crate) fp: usize,
    /// Where in the caller.
    pub(crate) pc: usize,
}

/// Bytes of a link below the frame pointer of the frame whose return address it ends with.
pub(crate) const LINK_BELOW: usize = size_of::<Saved>();

/// A place in compiled code, at a call or at an instruction that trapped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    /// Return address, or address of the trapping instruction.
    pub(crate) pc: usize,
    /// Where the return address is kept; 0 if there is none.
    pub(crate) pc_slot: usize,
    /// The frame pointer.
    pub(crate) fp: usize,
    pub(crate) saved: Saved,
    /// The instruction trapped.
    pub(crate) trap: bool,
}

const _: () = assert!(
    std::mem::offset_of!(Link, saved) == 0
        && std::mem::offset_of!(Link, fp) == 5 * 8
        && std::mem::offset_of!(Link, pc) == 6 * 8
);

impl Cursor {
    /// # Safety
    /// `link` must be live.
    pub(crate) unsafe fn at_link(link: *const Link) -> Cursor {
        // Word by word, as they have just been pushed: the processor has to wait for wider loads of them.
        // SAFETY: by contract.
        let word = |at: usize| unsafe { link.cast::<u64>().add(at).read_volatile() };
        Cursor {
            pc: word(6) as usize,
            pc_slot: link as usize + std::mem::offset_of!(Link, pc),
            fp: word(5) as usize,
            saved: [word(0), word(1), word(2), word(3), word(4)],
            trap: false,
        }
    }

    /// The same place, of an instruction that did not complete.
    pub(crate) fn at_trap(self) -> Cursor {
        Cursor {
            pc_slot: 0,
            trap: true,
            ..self
        }
    }

    /// The caller's place.
    ///
    /// # Safety
    /// The frame must be live, and `code` its code.
    pub(crate) unsafe fn outwards(&self, code: &NativeCode) -> Cursor {
        let mut saved = self.saved;
        for &(register, offset) in &code.saves {
            if let Some(at) = saved_index(register) {
                // SAFETY: the prologue has saved it there.
                saved[at] =
                    unsafe { *(self.fp.wrapping_add_signed(offset as isize) as *const u64) };
            }
        }
        // SAFETY: a frame begins with the caller's frame pointer and the return address.
        let (fp, pc) = unsafe { (*(self.fp as *const usize), *((self.fp + 8) as *const usize)) };
        Cursor {
            pc,
            pc_slot: self.fp + 8,
            fp,
            saved,
            trap: false,
        }
    }
}

/// Index in [`Saved`] of a general register.
fn saved_index(register: u8) -> Option<usize> {
    match register {
        15 => Some(0),
        14 => Some(1),
        13 => Some(2),
        12 => Some(3),
        3 => Some(4),
        _ => None,
    }
}

/// A compiled frame of a function, at a site.
#[derive(Clone)]
pub(crate) struct NativeFrame {
    pub(crate) cursor: Cursor,
    pub(crate) code: Arc<NativeCode>,
    /// Which of the code's sites it is.
    site: Option<usize>,
}

impl NativeFrame {
    pub(crate) fn new(cursor: Cursor, code: Arc<NativeCode>) -> NativeFrame {
        let site = match cursor.trap {
            true => None,
            false => code.site_index(cursor.pc),
        };
        NativeFrame { cursor, code, site }
    }

    /// The frame of another call of the function, if it stands at the same site.
    pub(crate) fn move_to(&mut self, cursor: Cursor) -> bool {
        let same = cursor.pc == self.cursor.pc && cursor.trap == self.cursor.trap;
        if same {
            self.cursor = cursor;
        }
        same
    }

    /// `None` where an instruction trapped.
    pub(crate) fn site(&self) -> Option<&Site> {
        Some(&self.code.sites[self.site?])
    }

    /// Its frame on the value stack.
    ///
    /// # Safety
    /// The frame must be live.
    pub(crate) unsafe fn value_fp(&self) -> Option<*mut u64> {
        let site = self.site()?;
        let values = self.code.values_of(site);
        let value = values.iter().find(|value| value.slot == FP_SLOT)?;
        // SAFETY: by contract.
        Some(unsafe { self.read(site, value) } as u64 as *mut u64)
    }

    /// The value of a slot, if it is not in the slot itself. What is not live is zero.
    ///
    /// # Safety
    /// The frame must be live.
    pub(crate) unsafe fn value(&self, slot: u32) -> Option<u128> {
        let site = self.site()?;
        let mut values = self.code.values_of(site).iter();
        let Some(value) = values.find(|value| value.slot == slot) else {
            return Some(0);
        };
        match value.place {
            ValuePlace::Slot => None,
            // SAFETY: by contract.
            _ => Some(unsafe { self.read(site, value) }),
        }
    }

    /// # Safety
    /// The frame must be live, and the value one of the site's.
    unsafe fn read(&self, site: &Site, value: &SiteValue) -> u128 {
        let sp = self.cursor.fp - site.frame_offset as usize;
        match value.place {
            ValuePlace::Constant(index) => self.code.constants[index as usize],
            ValuePlace::Slot => unreachable!("where the frame is, is not in the frame"),
            ValuePlace::Register(register) => {
                let at = saved_index(register).expect("a register that calls preserve");
                self.cursor.saved[at].into()
            }
            ValuePlace::Stack(offset) => {
                let at = sp + offset as usize;
                // SAFETY: the site map says that the value is there.
                unsafe {
                    match value.width {
                        Width::Four => (*(at as *const u32)).into(),
                        Width::Eight => (*(at as *const u64)).into(),
                        Width::Sixteen => (at as *const u128).read_unaligned(),
                    }
                }
            }
        }
    }

    /// Writes all live locals and operands to their slots; other locals, whose slots are below
    /// `header`, become zero.
    ///
    /// # Safety
    /// The frame must be live, and `fp` its frame on the value stack.
    pub(crate) unsafe fn write_slots(&self, fp: *mut u64, header: u32) {
        let Some(site) = self.site() else {
            return;
        };
        let mut next = 0;
        // SAFETY: by contract; slots lie in the frame.
        unsafe {
            let clear = |slots: std::ops::Range<u32>| {
                for slot in slots {
                    *fp.add(slot as usize) = 0;
                }
            };
            // Locals come first, in the order of their slots.
            for value in self.code.values_of(site) {
                if value.slot == FP_SLOT {
                    continue;
                }
                clear(next..value.slot.min(header));
                next = value.slot + value.width.slots();
                let at = fp.add(value.slot as usize);
                let bits = match value.place {
                    ValuePlace::Slot if value.width == Width::Four => (*at).into(),
                    ValuePlace::Slot => continue,
                    _ => self.read(site, value),
                };
                match value.width {
                    Width::Four => *at = u64::from(bits as u32),
                    Width::Eight => *at = bits as u64,
                    Width::Sixteen => {
                        *at = bits as u64;
                        *at.add(1) = (bits >> 64) as u64;
                    }
                }
            }
            clear(next..header);
        }
    }
}
