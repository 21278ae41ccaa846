//! Memories as CPython would leave them, for tests.

/// Address of the runtime, and with it of the table.
pub const RUNTIME: u32 = 0x100;
const INTERPRETERS_HEAD: u32 = 924;
const TYPE_OF_CODE: u32 = 0x40;
const TYPE_OF_STRINGS: u32 = 0x48;

/// The places of sizes in the table, as in `offsets`, and the offsets of 3.15.
fn table(minor: u32) -> Vec<(usize, Vec<u64>)> {
    let places: [usize; 9] = match minor {
        13 => [2, 5, 18, 27, 33, 43, 49, 63, 66],
        14 => [2, 5, 21, 30, 38, 49, 55, 73, 76],
        _ => [2, 5, 21, 38, 46, 57, 67, 85, 88],
    };
    let fields: [&[u64]; 9] = [
        &[2000, 908, u64::from(INTERPRETERS_HEAD)],
        &[4000, 3648, 3644, 3696],
        &[736, 0, 4, 8, 56],
        &[44, 4, 0, 28, 40, 38],
        &[132, 80, 84, 88, 92, 44, 28, 72, 76, 128],
        &[8, 4],
        &[20, 16, 8],
        &[20, 8, 16],
        &[32, 16, 8, 20],
    ];
    let rows = places.into_iter().zip(fields);
    rows.map(|(place, fields)| (place, fields.to_vec()))
        .collect()
}

/// A memory with a runtime, an interpreter and a thread.
pub struct Synthetic {
    pub memory: Vec<u8>,
    next: u32,
    pub thread: u32,
}

impl Synthetic {
    pub fn new(minor: u32) -> Synthetic {
        let mut this = Synthetic {
            memory: vec![0; 1 << 16],
            next: 0x1000,
            thread: 0,
        };
        let at = RUNTIME as usize;
        this.memory[at..at + 8].copy_from_slice(b"xdebugpy");
        this.number(0, u64::from(3 << 24 | minor << 16 | 2 << 8));
        for (place, fields) in table(minor) {
            for (i, field) in fields.into_iter().enumerate() {
                this.number(place + i, field);
            }
        }
        let interpreter = this.room(4000);
        this.thread = this.room(736);
        this.put(RUNTIME + INTERPRETERS_HEAD, interpreter);
        this.put(interpreter + 3696, this.thread);
        this
    }

    /// A number of the table.
    pub fn number(&mut self, place: usize, value: u64) {
        let at = RUNTIME as usize + 8 + 8 * place;
        self.memory[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    pub fn put(&mut self, at: u32, value: u32) {
        let at = at as usize;
        self.memory[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    fn room(&mut self, bytes: u32) -> u32 {
        let at = self.next;
        self.next = (at + bytes).next_multiple_of(8);
        at
    }

    /// Puts instructions into a code object.
    pub fn instructions(&mut self, code: u32, bytes: &[u8]) {
        self.copy(code + 128, bytes);
    }

    fn copy(&mut self, at: u32, bytes: &[u8]) {
        let at = at as usize;
        self.memory[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// A string in its narrowest form.
    pub fn string(&mut self, text: &str) -> u32 {
        let chars: Vec<u32> = text.chars().map(u32::from).collect();
        let most = chars.iter().copied().max().unwrap_or(0);
        let (kind, ascii) = match most {
            0..0x80 => (1, 1),
            0x80..0x100 => (1, 0),
            0x100..0x10000 => (2, 0),
            _ => (4, 0),
        };
        let head = if ascii == 1 { 20 } else { 28 };
        let at = self.room(head + kind * chars.len() as u32 + 4);
        self.put(at + 4, TYPE_OF_STRINGS);
        self.put(at + 8, chars.len() as u32);
        self.put(at + 16, kind << 2 | 1 << 5 | ascii << 6);
        for (i, char) in chars.iter().enumerate() {
            let at = at + head + kind * i as u32;
            self.copy(at, &char.to_le_bytes()[..kind as usize]);
        }
        at
    }

    fn bytes(&mut self, bytes: &[u8]) -> u32 {
        let at = self.room(16 + bytes.len() as u32);
        self.put(at + 8, bytes.len() as u32);
        self.copy(at + 16, bytes);
        at
    }

    /// A code object with this table and these code objects inside.
    pub fn code(
        &mut self,
        file: &str,
        name: &str,
        first: u32,
        table: &[u8],
        nested: &[u32],
    ) -> u32 {
        let (file, name, table) = (self.string(file), self.string(name), self.bytes(table));
        let tuple = self.room(16 + 4 * nested.len() as u32 + 4);
        self.put(tuple + 8, nested.len() as u32 + 1);
        self.put(tuple + 16, name);
        for (i, &code) in nested.iter().enumerate() {
            self.put(tuple + 20 + 4 * i as u32, code);
        }
        let at = self.room(128 + 64);
        self.put(at + 4, TYPE_OF_CODE);
        self.put(at + 12, tuple);
        self.put(at + 44, first);
        self.put(at + 68, at);
        for (offset, value) in [(80, file), (84, name), (88, name), (92, table)] {
            self.put(at + offset, value);
        }
        at
    }

    /// A frame at an instruction of a code object, the innermost one from now on.
    pub fn frame(&mut self, code: u32, unit: u32) -> u32 {
        let at = self.room(44);
        let caller = self.memory[self.thread as usize + 56..][..4].to_vec();
        self.copy(at + 4, &caller);
        // With a mark, as references have.
        self.put(at, code | 1);
        self.put(at + 28, code + 128 + 2 * unit);
        let thread = self.thread;
        self.put(thread + 56, at);
        at
    }

    /// A frame of the interpreter itself.
    pub fn own_frame(&mut self) {
        let at = self.frame(0, 0);
        self.memory[at as usize + 38] = 3;
    }
}
