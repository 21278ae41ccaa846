use std::fs::read_to_string;

use super::super::child::in_child;
use super::*;

const ANYWHERE: Placement = Placement {
    lead: 0,
    in_page: false,
};

/// A function that returns a number, and is `len` bytes long.
fn function(number: u32, len: usize) -> Vec<u8> {
    let mut code = vec![0xB8]; // mov eax, number
    code.extend(number.to_le_bytes());
    code.push(0xC3); // ret
    code.resize(len.max(6), 0x90);
    code
}

fn call(block: &CodeBlock) -> u32 {
    // SAFETY: the block holds a function as `function` makes it.
    unsafe { std::mem::transmute::<*const u8, extern "C" fn() -> u32>(block.base())() }
}

fn bytes(from: *const u8, len: usize) -> Vec<u8> {
    // SAFETY: tests ask for bytes inside a chunk that they keep.
    unsafe { std::slice::from_raw_parts(from, len) }.to_vec()
}

/// What is free, chunk by chunk, as pairs of offset and length.
fn free(memory: &CodeMemory) -> Vec<Vec<(usize, usize)>> {
    let pairs = |chunk: &Chunk| chunk.free.iter().map(|(at, len)| (*at, *len)).collect();
    memory.chunks().iter().map(pairs).collect()
}

/// Behind the beginning of a line, with its twin; and in one page where there is room in front of a boundary.
#[test]
fn code_is_where_it_is_wanted() {
    let memory = Arc::new(CodeMemory::new());
    let led = Placement {
        lead: 16,
        in_page: false,
    };
    let (code, twin) = (function(3, 60), function(4, 60));
    let one = memory.alloc(&code, Some(&twin), led).expect("memory");
    assert_eq!((call(&one), one.len()), (3, 60));
    assert_eq!(one.base() as usize % ALIGN, 16);
    assert_eq!(bytes(one.base().wrapping_sub(16), 16), [BREAKPOINT; 16]);
    assert_eq!(bytes(one.base().wrapping_add(one.twin()), 60), twin);
    assert_eq!(
        free(&memory)[0][0].0,
        2 * ALIGN,
        "60 bytes behind 16 take two lines"
    );
    one.write(1, &78u32.to_le_bytes());
    assert_eq!(call(&one), 78);
    drop(one);
    assert_eq!(
        free(&memory)[0],
        [(0, CHUNK / 2)],
        "all of it is given back"
    );

    let memory = Arc::new(CodeMemory::new());
    let in_page = Placement {
        lead: 48,
        in_page: true,
    };
    let offset = |block: &CodeBlock| block.base() as usize % PAGE;
    let first = memory.alloc(&function(1, 3000), None, in_page);
    let second = memory.alloc(&function(2, 3000), None, in_page);
    let (first, second) = (first.expect("memory"), second.expect("memory"));
    assert_eq!((offset(&first), offset(&second)), (48, 48));
    assert_eq!((call(&first), call(&second)), (1, 2));
    // 3048 bytes are 48 lines; what is left in front of the boundary is for others.
    assert_eq!(free(&memory)[0][0], (48 * ALIGN, PAGE - 48 * ALIGN));
    let small = memory.alloc(&function(3, 900), None, in_page);
    assert_eq!(offset(&small.expect("memory")), 48 * ALIGN + 48);
    let long = memory.alloc(&function(4, PAGE), None, in_page);
    assert_eq!(
        offset(&long.expect("memory")),
        48 * ALIGN + 48,
        "no page is long enough"
    );
    drop((first, second));
    assert_eq!(free(&memory)[0], [(0, CHUNK)]);
}

#[test]
fn code_is_executed_where_it_is() {
    let memory = Arc::new(CodeMemory::new());
    assert!(memory.chunks().is_empty(), "no code, no memory");
    let one = memory
        .alloc(&function(1, 6), None, ANYWHERE)
        .expect("memory");
    let two = memory
        .alloc(&function(2, 65), None, ANYWHERE)
        .expect("memory");
    let none = memory.alloc(&[], None, ANYWHERE).expect("memory");
    assert_eq!((call(&one), call(&two)), (1, 2));
    assert_eq!((one.len(), two.len(), none.len()), (6, 65, 0));
    assert_eq!(two.base() as usize - one.base() as usize, ALIGN);
    assert_eq!(none.base() as usize - two.base() as usize, 2 * ALIGN);
    assert_eq!(one.base() as usize % ALIGN, 0);
    assert_eq!(bytes(one.base(), 6), function(1, 6));
    assert_eq!(bytes(one.base(), ALIGN)[6..], [BREAKPOINT; ALIGN - 6]);
    assert_eq!(bytes(none.base(), ALIGN), [BREAKPOINT; ALIGN]);
    one.write(1, &77u32.to_le_bytes());
    assert_eq!(call(&one), 77);
    // A block keeps the memory that it is from.
    drop(memory);
    drop(two);
    assert_eq!(call(&one), 77);
}

#[test]
fn twins_are_at_one_distance() {
    let memory = Arc::new(CodeMemory::new());
    let alone = memory
        .alloc(&function(1, 6), None, ANYWHERE)
        .expect("memory");
    let pair = |n| {
        let twin = function(n + 1, 100);
        memory
            .alloc(&function(n, 100), Some(&twin), ANYWHERE)
            .expect("memory")
    };
    let (first, second) = (pair(10), pair(20));
    assert_eq!(alone.twin(), 0);
    assert_eq!(signals::twin_of(alone.base() as usize), None);
    assert_eq!(first.twin(), second.twin());
    for (block, number) in [(&first, 10), (&second, 20)] {
        assert_eq!(call(block), number);
        let at = block.base() as usize + 5;
        assert_eq!(signals::twin_of(at), Some(at + block.twin()));
        assert_eq!(signals::twin_of(at + block.twin()), None);
        let twin = block.base().wrapping_add(block.twin());
        assert_eq!(bytes(twin, 100), function(number + 1, 100));
    }
    // Both are free again, in the first half.
    let (base, twin) = (first.base(), first.base().wrapping_add(first.twin()));
    drop(first);
    assert_eq!(
        (bytes(base, 100), bytes(twin, 100)),
        (vec![BREAKPOINT; 100], vec![BREAKPOINT; 100])
    );
    assert_eq!(pair(30).base(), base);
    let large = function(1, CHUNK);
    let large = memory
        .alloc(&large, Some(&large), ANYWHERE)
        .expect("memory");
    assert_eq!(large.twin(), CHUNK);
}

#[test]
#[should_panic = "outside the code"]
fn a_block_is_written_inside_its_bounds() {
    let block = Arc::new(CodeMemory::new())
        .alloc(&[0xC3; 60], None, ANYWHERE)
        .expect("memory");
    block.write(57, &[0x90; 4]);
}

#[test]
fn freed_code_is_breakpoints_and_its_memory_is_used_again() {
    let memory = Arc::new(CodeMemory::new());
    let blocks: Vec<_> = (0..5)
        .map(|n| {
            memory
                .alloc(&function(n, 100), None, ANYWHERE)
                .expect("memory")
        })
        .collect();
    let [a, b, c, d, e]: [CodeBlock; 5] = blocks.try_into().ok().expect("five");
    let (size, rest) = (2 * ALIGN, CHUNK - 10 * ALIGN);
    let base = b.base();
    drop(b);
    assert_eq!(bytes(base, size), vec![BREAKPOINT; size]);
    drop(d);
    assert_eq!(
        free(&memory),
        [[(size, size), (3 * size, size), (5 * size, rest)]]
    );
    // Free on both sides.
    drop(c);
    assert_eq!(free(&memory), [vec![(size, 3 * size), (5 * size, rest)]]);
    let again = memory
        .alloc(&function(9, 3 * size), None, ANYWHERE)
        .expect("memory");
    assert_eq!((again.base(), call(&again)), (base, 9));
    assert_eq!((call(&a), call(&e)), (0, 4));
    // Free before, nothing before, free behind.
    drop((again, a, e));
    assert_eq!(free(&memory), [[(0, CHUNK)]]);
}

#[test]
fn chunks_are_made_on_demand() {
    let memory = Arc::new(CodeMemory::new());
    let small = memory
        .alloc(&function(1, 6), None, ANYWHERE)
        .expect("memory");
    let large = memory
        .alloc(&function(2, CHUNK + 1), None, ANYWHERE)
        .expect("memory");
    let next = memory
        .alloc(&function(3, 6), None, ANYWHERE)
        .expect("memory");
    assert_eq!((call(&small), call(&large), call(&next)), (1, 2, 3));
    let used = CHUNK + ALIGN;
    assert_eq!(
        free(&memory),
        [
            [(2 * ALIGN, CHUNK - 2 * ALIGN)],
            [(used, CHUNK + STEP - used)]
        ]
    );
    drop(large);
    assert_eq!(free(&memory)[1], [(0, CHUNK + STEP)]);
}

#[test]
fn threads_share_the_memory() {
    let memory = Arc::new(CodeMemory::new());
    let kept = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..8u32 {
            let (memory, kept) = (&memory, &kept);
            scope.spawn(move || {
                let mut mine = Vec::new();
                for round in 0..400u32 {
                    let number = thread << 16 | round;
                    let len = number.wrapping_mul(2_654_435_761) as usize % 3000;
                    let block = memory
                        .alloc(&function(number, len), None, ANYWHERE)
                        .expect("memory");
                    mine.push((number, block));
                    if round % 3 == 2 {
                        let (number, block) = mine.swap_remove(len % mine.len());
                        assert_eq!(call(&block), number);
                    }
                }
                kept.lock().expect("no panic").append(&mut mine);
            });
        }
    });
    let mut kept = kept.into_inner().expect("no panic");
    kept.sort_by_key(|(_, block)| block.base());
    assert!(
        kept.windows(2)
            .all(|two| { two[0].1.base() as usize + two[0].1.len() <= two[1].1.base() as usize })
    );
    assert!(kept.iter().all(|(number, block)| call(block) == *number));
    drop(kept);
    assert_eq!(free(&memory), [[(0, CHUNK)]]);
}

#[test]
fn no_page_is_writable_and_executable() {
    let memory = Arc::new(CodeMemory::new());
    let block = memory
        .alloc(&function(1, 6), None, ANYWHERE)
        .expect("memory");
    let writable = block.writable.as_ptr() as usize;
    let (mut found, maps) = (Vec::new(), read_to_string("/proc/self/maps").expect("maps"));
    for line in maps.lines() {
        let (range, rest) = line.split_once(' ').expect("a range");
        let (begin, end) = range.split_once('-').expect("a range");
        let address = |text| usize::from_str_radix(text, 16).expect("an address");
        let range = address(begin)..address(end);
        assert!(
            !(rest.starts_with("rwx") || rest.starts_with("-wx")),
            "{line}"
        );
        if range.contains(&writable) {
            found.push(("writable", &rest[..4]));
        }
        if range.contains(&(block.base() as usize)) {
            found.push(("executable", &rest[..4]));
        }
    }
    found.sort_unstable();
    assert_eq!(found, [("executable", "r-xs"), ("writable", "rw-s")]);
}

#[test]
fn a_refusal_is_none() {
    let name = "sys::code_memory::tests::a_refusal_is_none";
    let status = in_child(name, || {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let limit = |bytes| Rlimit {
            current: Some(bytes),
            maximum: None,
        };
        let memory = Arc::new(CodeMemory::new());
        // No file is written.
        setrlimit(Resource::Fsize, limit(0)).expect("a limit");
        setrlimit(Resource::As, limit(CHUNK as u64)).expect("a limit");
        assert!(memory.alloc(&[0xC3], None, ANYWHERE).is_none());
        setrlimit(Resource::As, limit(1 << 40)).expect("a limit");
        assert!(memory.alloc(&[0xC3], None, ANYWHERE).is_some());
    });
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn forked_processes_do_not_share_code() {
    let memory = Arc::new(CodeMemory::new());
    let block = memory
        .alloc(&function(1, 6), None, ANYWHERE)
        .expect("memory");
    let maps = read_to_string("/proc/self/smaps").expect("maps");
    for base in [block.base(), block.writable.as_ptr()] {
        // The first block is at the beginning of its mapping.
        let (_, mapping) = maps
            .split_once(&format!("\n{base:x?}-").replace("0x", ""))
            .expect("it");
        let flags = mapping
            .lines()
            .find_map(|line| line.strip_prefix("VmFlags:"));
        let flags = flags.expect("flags").split_whitespace();
        assert!(flags.clone().any(|flag| flag == "dc"), "to be copied");
    }
}
