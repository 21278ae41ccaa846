//! The file, read back by a reader that knows the specification only.

use super::super::{NativeTools, ToolSettings};
use super::*;

/// A file, read.
struct Read {
    pid: u32,
    records: Vec<Record>,
}

#[derive(Debug, PartialEq, Eq)]
enum Record {
    Load {
        name: String,
        address: u64,
        code: Vec<u8>,
        index: u64,
    },
    DebugInfo {
        address: u64,
        /// Address, line, file.
        entries: Vec<(u64, u32, String)>,
    },
    Close,
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        let (head, tail) = self.0.split_at(n);
        self.0 = tail;
        head
    }
    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }
    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }
    fn text(&mut self) -> String {
        let end = self.0.iter().position(|&b| b == 0).unwrap();
        let text = String::from_utf8(self.take(end).to_vec()).unwrap();
        self.take(1);
        text
    }
}

fn read(path: &Path) -> Read {
    let bytes = std::fs::read(path).unwrap();
    let mut from = Bytes(&bytes);
    assert_eq!(from.u32(), 0x4a69_5444);
    assert_eq!(from.u32(), 1, "version");
    assert_eq!(from.u32(), 40, "bytes of the header");
    assert_eq!(from.u32(), 62, "machine");
    assert_eq!(from.u32(), 0, "padding");
    let pid = from.u32();
    let mut time = from.u64();
    assert_eq!(from.u64(), 0, "flags");

    let mut records = Vec::new();
    while !from.0.is_empty() {
        let id = from.u32();
        let total = from.u32() as usize;
        let at = from.u64();
        assert!(at >= time, "times do not descend");
        time = at;
        let mut body = Bytes(from.take(total - 16));
        records.push(match id {
            0 => {
                assert_eq!(body.u32(), pid);
                assert_ne!(body.u32(), 0, "thread");
                let (vma, address) = (body.u64(), body.u64());
                assert_eq!(vma, address);
                let size = body.u64() as usize;
                let index = body.u64();
                let name = body.text();
                let code = body.take(size).to_vec();
                Record::Load {
                    name,
                    address,
                    code,
                    index,
                }
            }
            2 => {
                let address = body.u64();
                let count = body.u64();
                let entries = (0..count)
                    .map(|_| {
                        let (at, line) = (body.u64(), body.u32());
                        assert_eq!(body.u32(), 0, "discriminator");
                        (at, line, body.text())
                    })
                    .collect();
                Record::DebugInfo { address, entries }
            }
            3 => Record::Close,
            other => panic!("record {other}"),
        });
        assert!(
            body.0.is_empty(),
            "a record has nothing that it does not say"
        );
    }
    assert!(time <= now_ns());
    Read { pid, records }
}

fn tools(dir: &Path) -> NativeTools {
    NativeTools::new(&ToolSettings {
        jitdump: Some(dir.to_owned()),
        ..ToolSettings::default()
    })
    .unwrap()
}

fn file(dir: &Path) -> PathBuf {
    dir.join(format!("jit-{}.dump", std::process::id()))
}

fn publish(tools: &NativeTools, name: &str, base: usize, code: &[u8], lines: &[(u32, u32)]) {
    let _ = tools.publish(&Published {
        name,
        base: std::ptr::without_provenance(base),
        code,
        lines,
        module: "app.wasm",
    });
    assert_eq!(tools.error(), None);
}

/// Is the first page of the file mapped and executable?
fn is_marked(path: &Path) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let path = path.to_str().unwrap();
    maps.lines()
        .any(|line| line.ends_with(path) && line.contains(" r-xp 00000000 "))
}

#[test]
fn what_was_written_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir.path().canonicalize().unwrap());
    let tools = tools(dir.path());
    assert!(is_marked(&path));
    publish(
        &tools,
        "wasm[3]::fib",
        0x7000,
        &[1, 2, 3, 4],
        &[(0, 80), (2, 81)],
    );
    publish(&tools, "no lines\n", 0x7010, &[5], &[]);
    publish(&tools, "empty", 0x7020, &[], &[(0, 1)]);
    drop(tools);
    assert!(!is_marked(&path));

    let read = read(&path);
    assert_eq!(read.pid, std::process::id());
    let [
        debug,
        Record::Load { index: first, .. },
        Record::Load { index: second, .. },
        close,
    ] = &read.records[..]
    else {
        panic!("{:?}", read.records);
    };
    assert!(first < second);
    let name = |text: &str| text.to_owned();
    assert_eq!(
        *debug,
        Record::DebugInfo {
            address: 0x7000,
            entries: vec![
                (0x7000, 80, name("app.wasm")),
                (0x7002, 81, name("app.wasm"))
            ],
        }
    );
    assert_eq!(
        read.records[1..3],
        [
            Record::Load {
                name: name("wasm[3]::fib"),
                address: 0x7000,
                code: vec![1, 2, 3, 4],
                index: *first,
            },
            Record::Load {
                name: name("no lines\u{fffd}"),
                address: 0x7010,
                code: vec![5],
                index: *second,
            },
        ]
    );
    assert_eq!(*close, Record::Close);
}

#[test]
fn totals_of_many_threads_are_ours() {
    const THREADS: usize = 4;
    const EACH: usize = 300;
    let dir = tempfile::tempdir().unwrap();
    // Keeps the file open between the engines of the threads.
    let first = tools(dir.path());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let dir = dir.path();
            scope.spawn(move || {
                let tools = tools(dir);
                for i in 0..EACH {
                    let code = vec![0x90; i + 1];
                    let lines = [(0, 1), (1, 2)];
                    publish(&tools, &format!("{thread}:{i}"), i << 12, &code, &lines);
                }
            });
        }
    });
    drop(first);

    let read = read(&file(dir.path()));
    let (mut names, mut code_bytes, mut entries_total, mut closes) = (Vec::new(), 0, 0, 0);
    for (i, record) in read.records.iter().enumerate() {
        match record {
            Record::Load {
                name,
                code,
                address,
                ..
            } => {
                names.push(name.clone());
                code_bytes += code.len();
                // The lines come right before their code.
                let before = i.checked_sub(1).map(|i| &read.records[i]);
                assert!(
                    matches!(before, Some(Record::DebugInfo { address: a, .. }) if a == address)
                );
            }
            Record::DebugInfo { entries, .. } => entries_total += entries.len(),
            Record::Close => closes += 1,
        }
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), THREADS * EACH);
    assert_eq!(code_bytes, THREADS * EACH * (EACH + 1) / 2);
    // The second line is not in code of one byte.
    assert_eq!(entries_total, THREADS * (2 * EACH - 1));
    assert_eq!(closes, 1);
    assert_eq!(read.records.last(), Some(&Record::Close));
}

#[test]
fn a_later_engine_goes_on_where_the_last_one_ended() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        file(dir.path()),
        "left by an earlier process, long ".repeat(10),
    )
    .unwrap();
    for name in ["one", "two"] {
        publish(&tools(dir.path()), name, 0x1000, &[0xc3], &[]);
    }
    let records = read(&file(dir.path())).records;
    let names: Vec<_> = records
        .iter()
        .map(|record| match record {
            Record::Load { name, .. } => name.as_str(),
            Record::DebugInfo { .. } => "lines",
            Record::Close => "close",
        })
        .collect();
    assert_eq!(names, ["one", "two", "close"]);

    // The file is gone: a new one.
    std::fs::remove_file(file(dir.path())).unwrap();
    publish(&tools(dir.path()), "three", 0x1000, &[0xc3], &[]);
    assert_eq!(read(&file(dir.path())).records.len(), 2);
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error() {
    let missing = Path::new("/nowhere/at/all");
    let error = NativeTools::new(&ToolSettings {
        jitdump: Some(missing.to_owned()),
        ..ToolSettings::default()
    })
    .err()
    .unwrap();
    let text = error.to_string();
    assert!(
        text.starts_with("open directory '/nowhere/at/all': "),
        "{text}"
    );
}
