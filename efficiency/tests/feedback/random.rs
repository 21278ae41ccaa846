//! Results of any form.

use probity_efficiency::Status;
use probity_efficiency::result::{
    Complexity, Cost, Coverage, Hot, HotBranch, HotFunction, HotLine, HotLoop, SampleResult,
    TestResult,
};
use probity_efficiency::task::TestKind;

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn flip(&mut self) -> bool {
        self.next() & 1 == 1
    }

    /// Of any size.
    fn count(&mut self) -> u64 {
        let shift = self.below(64);
        self.next() >> shift
    }

    fn maybe(&mut self) -> Option<u64> {
        (self.below(4) > 0).then(|| self.count())
    }

    fn percent(&mut self) -> f64 {
        self.below(1001) as f64 / 10.0
    }

    fn text(&mut self) -> String {
        let texts = [
            "",
            "x",
            "main.cpp",
            "lib/a1.rs",
            "for (int i = 0; i < 100; i++)",
            "got 3,\nexpected 4\n\n5",
            "\u{1b}[31m 7 \u{fc}",
            "2^n",
            "n^2",
            "n log n",
            "a very long text that goes on and on, and then on, for it has nothing to say but how long it is, 123",
        ];
        texts[self.below(texts.len() as u64) as usize].to_owned()
    }

    fn list<T>(&mut self, end: u64, mut item: impl FnMut(&mut Random) -> T) -> Vec<T> {
        (0..self.below(end)).map(|_| item(self)).collect()
    }

    fn status(&mut self) -> Status {
        Status::ALL[self.below(12) as usize]
    }

    fn cost(&mut self) -> Cost {
        Cost {
            instr: self.maybe(),
            vcycles: self.maybe(),
            loads: self.maybe(),
            stores: self.maybe(),
            l1_miss: self.maybe(),
            allocs: self.maybe(),
            alloc_bytes: self.maybe(),
            peak_heap: self.maybe(),
            bulk_bytes: self.maybe(),
            bytes_written: self.maybe(),
            wall_ns: self.maybe(),
            ..Cost::default()
        }
    }

    fn test(&mut self, id: usize) -> TestResult {
        let pass = self.below(4) > 0;
        TestResult {
            id: format!("t{id}"),
            kind: if self.flip() {
                TestKind::Stress
            } else {
                TestKind::Correct
            },
            size: self.maybe(),
            pass,
            status: (!pass && self.flip()).then(|| self.status()),
            message: (!pass && self.flip()).then(|| self.text()),
            cost: self.cost(),
            ..TestResult::default()
        }
    }

    fn hot(&mut self) -> Hot {
        Hot {
            functions: self.list(4, |r| HotFunction {
                name: r.text(),
                calls: r.count(),
                instr: r.count(),
                instr_percent: r.percent(),
            }),
            lines: self.list(5, |r| HotLine {
                file: r.text(),
                line: r.below(20) as u32,
                text: r.text(),
                count: r.count(),
                instr: r.count(),
                instr_percent: r.percent(),
                allocs: r.maybe(),
            }),
            loops: self.list(4, |r| HotLoop {
                file: r.text(),
                line: r.below(20) as u32,
                function: r.text(),
                entries: r.count(),
                trips: r.count(),
                average: r.count() as f64 / 10.0,
                instr_percent: r.percent(),
                allocs: r.maybe(),
            }),
            branches: self.list(4, |r| HotBranch {
                file: r.text(),
                line: r.below(20) as u32,
                function: r.text(),
                taken: r.count(),
                not_taken: r.count(),
            }),
        }
    }

    pub fn result(&mut self) -> SampleResult {
        let is_correct = self.below(4) > 0;
        let count = self.below(6) as usize;
        let mut tests: Vec<TestResult> = (0..count).map(|id| self.test(id)).collect();
        if is_correct {
            for test in &mut tests {
                (test.pass, test.status, test.message) = (true, None, None);
            }
        }
        let slopes = self.list(12, |r| r.below(600) as f64 / 100.0 - 1.0);
        SampleResult {
            schema: 1,
            task_id: if self.below(4) > 0 { "t" } else { "u" }.to_owned(),
            sample_id: self.below(9),
            model: self.text(),
            reference: None,
            role: None,
            wasm_sha256: format!("{:x}", self.below(3)),
            toolchain: String::new(),
            engine: String::new(),
            count_rule: "instr.v1".to_owned(),
            status: if is_correct {
                Status::Ok
            } else {
                self.status()
            },
            message: self.flip().then(|| self.text()),
            wasm_bytes: self.maybe(),
            seed: None,
            tests,
            hot: self.flip().then(|| self.hot()),
            coverage: self.flip().then(|| Coverage {
                line: self.percent(),
                branch: self.percent(),
                uncovered: self.list(12, |r| format!("{}:{}", r.text(), r.below(30))),
            }),
            complexity: self.flip().then(|| Complexity {
                best: self.text(),
                rms: self.percent() / 100.0,
                prediction_error: self.flip().then(|| self.percent() / 50.0 - 1.0),
                sizes: (0..slopes.len() as u64 + 2).map(|i| 1000 << i).collect(),
                costs: Vec::new(),
                slopes,
                alternatives: self.list(3, Random::text),
                ..Complexity::default()
            }),
            scores: Default::default(),
            flags: self.list(3, Random::text),
        }
    }
}
