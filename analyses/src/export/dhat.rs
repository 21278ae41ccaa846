//! DHAT's JSON, for valgrind's `dh_view.html` and other readers (`dhat/dh_main.c` describes it, version 2): a program point for each stack
//! that has allocated. Time is in allocations and frees.

use std::collections::HashMap;
use std::io;

use serde::Serialize;

use super::one_line;
use crate::heap::data::{HeapData, HeapFrame};

/// What lives shorter than so many allocations and frees is short-lived.
const SHORT: u64 = 10;

/// The names are DHAT's own.
#[derive(Serialize)]
struct File<'a> {
    #[serde(rename = "dhatFileVersion")]
    version: u32,
    mode: &'a str,
    verb: &'a str,
    /// Whether block lifetimes are known.
    bklt: bool,
    /// Whether accesses are known.
    bkacc: bool,
    /// Units of time, one and a million.
    tu: &'a str,
    #[serde(rename = "Mtu")]
    mtu: &'a str,
    tuth: u64,
    cmd: String,
    pid: u32,
    te: u64,
    tg: u64,
    pps: Vec<Point>,
    ftbl: Vec<String>,
}

/// Bytes, and blocks with `k`: total, at most, at the peak, at the end.
#[derive(Serialize)]
struct Point {
    tb: u64,
    tbk: u64,
    tl: u64,
    mb: u64,
    mbk: u64,
    gb: u64,
    gbk: u64,
    eb: u64,
    ebk: u64,
    /// Bytes read and written.
    #[serde(skip_serializing_if = "Option::is_none")]
    rb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wb: Option<u64>,
    fs: Vec<usize>,
}

pub(super) fn write(data: &HeapData, out: &mut dyn io::Write) -> io::Result<()> {
    let mut ftbl = vec!["[root]".to_owned()];
    let mut numbers: HashMap<&HeapFrame, usize> = HashMap::new();
    let mut frame = |frame| {
        *numbers.entry(frame).or_insert_with(|| {
            ftbl.push(text(frame));
            ftbl.len() - 1
        })
    };
    let points = data.sites.iter().map(|site| {
        let accesses = data.has_accesses.then_some(site.accesses);
        Point {
            tb: site.total[0],
            tbk: site.total[1],
            tl: site.lifetimes,
            mb: site.max[0],
            mbk: site.max[1],
            gb: site.peak[0],
            gbk: site.peak[1],
            eb: site.end[0],
            ebk: site.end[1],
            rb: accesses.map(|[read, _]| read),
            wb: accesses.map(|[_, written]| written),
            fs: site.frames.iter().map(&mut frame).collect(),
        }
    });
    let pps: Vec<Point> = points.collect();
    let modules: Vec<&str> = data.modules.iter().map(|module| &**module).collect();
    let file = File {
        version: 2,
        mode: "heap",
        verb: "Allocated",
        bklt: true,
        bkacc: data.has_accesses,
        tu: "events",
        mtu: "Mevent",
        tuth: SHORT,
        cmd: modules.join(" "),
        pid: 0,
        te: data.end_time,
        tg: data.peak_time,
        pps,
        ftbl,
    };
    serde_json::to_writer(&mut *out, &file)?;
    writeln!(out)
}

/// A frame in the form of valgrind.
fn text(frame: &HeapFrame) -> String {
    let (pc, name) = (frame.pc, one_line(&frame.function));
    match &frame.place {
        Some((file, 0)) => format!("{pc:#x}: {name} ({})", one_line(file)),
        Some((file, line)) => format!("{pc:#x}: {name} ({}:{line})", one_line(file)),
        None => format!("{pc:#x}: {name}"),
    }
}
