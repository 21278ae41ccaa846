//! The common form of a comparison: rows of medians against the first column, the geometric mean and the worst ratio.

use serde::Serialize;

/// Medians of one kernel, in the order of the columns; `None` where an engine does not run it.
#[derive(Serialize)]
pub struct Row {
    /// The kernel.
    pub kernel: &'static str,
    /// Median CPU time in nanoseconds for each column.
    pub median_ns: Vec<Option<u64>>,
}

/// A finished comparison.
#[derive(Serialize)]
pub struct Comparison {
    /// What was measured, for the reader of JSON.
    pub command: &'static str,
    /// Runs behind each median.
    pub runs: u32,
    /// Name of each column; the first is what the others are compared with.
    pub columns: Vec<String>,
    /// Version and configuration of each column.
    pub versions: Vec<String>,
    /// One row for each kernel.
    pub rows: Vec<Row>,
    /// Filled by [`Comparison::finish`]: for each column but the first.
    pub summary: Vec<Summary>,
    /// Which way ratios go.
    #[serde(skip)]
    pub ratio: Ratio,
}

/// Ratios of one column over all rows that have it.
#[derive(Serialize)]
pub struct Summary {
    /// The column.
    pub column: String,
    /// Geometric mean of the ratios.
    pub geomean: f64,
    /// The largest ratio.
    pub worst: f64,
    /// Where it was.
    pub worst_kernel: &'static str,
    /// Rows behind the mean.
    pub kernels: usize,
}

/// Which of two times is divided by which.
#[derive(Clone, Copy)]
pub enum Ratio {
    /// The first column's time by the other's: Probity against a peer, below 1 is faster.
    FirstByOther,
    /// The other column's time by the first's: an instrumented run against a plain one.
    OtherByFirst,
}

impl Ratio {
    /// Times of peers are of interest beside the ratios; those of instrumented runs are not.
    fn shows_times(self) -> bool {
        matches!(self, Ratio::FirstByOther)
    }

    fn of(self, first: u64, other: u64) -> f64 {
        let (a, b) = match self {
            Ratio::FirstByOther => (first, other),
            Ratio::OtherByFirst => (other, first),
        };
        a as f64 / b.max(1) as f64
    }
}

/// The middle of the samples (the upper one of two).
pub fn median(samples: &mut [u64]) -> Option<u64> {
    samples.sort_unstable();
    samples.get(samples.len() / 2).copied()
}

/// Geometric mean of ratios, the largest, and where that was; `None` if there are none.
pub fn geomean_and_worst<T: Copy>(ratios: &[(f64, T)]) -> Option<(f64, f64, T)> {
    let &(worst, at) = ratios.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    let log_sum: f64 = ratios.iter().map(|(r, _)| r.ln()).sum();
    Some(((log_sum / ratios.len() as f64).exp(), worst, at))
}

impl Comparison {
    /// The heading: versions, then the names of the columns.
    pub fn print_head(&self) {
        for (name, version) in self.columns.iter().zip(&self.versions) {
            println!("{name:<10} {version}");
        }
        println!(
            "CPU time of _start in ms, median of {} runs in turns; compiling beforehand is not counted,",
            self.runs
        );
        println!(
            "code made lazily during the run is. Ratios: {}\n",
            self.ratio_text()
        );
        let mut line = format!("{:<11}", "kernel");
        for (i, name) in self.columns.iter().enumerate() {
            line += &format!("{name:>11}");
            if i > 0 && self.ratio.shows_times() {
                line += "  ratio";
            }
        }
        println!("{line}");
    }

    fn ratio_text(&self) -> String {
        match self.ratio {
            Ratio::FirstByOther => format!(
                "time of {} / time of the peer (below 1 is faster).",
                self.columns[0]
            ),
            Ratio::OtherByFirst => format!("time / time of {}.", self.columns[0]),
        }
    }

    /// One line, as soon as it is known.
    pub fn print_row(&self, row: &Row) {
        let first = row.median_ns.first().copied().flatten();
        let ms =
            |ns: Option<u64>| ns.map_or("-".to_owned(), |ns| format!("{:.1}", ns as f64 / 1e6));
        let mut line = format!("{:<11}{:>11}", row.kernel, ms(first));
        for &other in row.median_ns.iter().skip(1) {
            let ratio = match first.zip(other) {
                Some((first, other)) => format!("{:.2}", self.ratio.of(first, other)),
                None => "-".to_owned(),
            };
            line += &match self.ratio.shows_times() {
                true => format!("{:>11}{ratio:>7}", ms(other)),
                false => format!("{ratio:>11}"),
            };
        }
        println!("{line}");
    }

    /// Computes the summary.
    pub fn finish(&mut self) {
        self.summary = (1..self.columns.len())
            .filter_map(|i| self.summarise(i))
            .collect();
    }

    fn summarise(&self, column: usize) -> Option<Summary> {
        let ratios: Vec<(f64, &'static str)> = self
            .rows
            .iter()
            .filter_map(|r| {
                r.median_ns[0]
                    .zip(r.median_ns[column])
                    .map(|(a, b)| (self.ratio.of(a, b), r.kernel))
            })
            .collect();
        let (geomean, worst, worst_kernel) = geomean_and_worst(&ratios)?;
        Some(Summary {
            column: self.columns[column].clone(),
            geomean,
            worst,
            worst_kernel,
            kernels: ratios.len(),
        })
    }

    /// The summary as text.
    pub fn print_summary(&self) {
        println!();
        for s in &self.summary {
            let Summary {
                column,
                geomean,
                worst,
                worst_kernel,
                kernels,
            } = s;
            println!(
                "{column:<14} geomean {geomean:.3}, worst {worst:.3} ({worst_kernel}), {kernels} kernels"
            );
        }
    }

    /// The whole as one JSON document.
    pub fn print_json(&self) -> Result<(), String> {
        print_json(self)
    }
}

/// Any report as one JSON document.
pub fn print_json(report: &impl Serialize) -> Result<(), String> {
    let text =
        serde_json::to_string_pretty(report).map_err(|e| format!("failed to write JSON: {e}"))?;
    println!("{text}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(ratio: Ratio, rows: Vec<Row>) -> Comparison {
        let names = || vec!["first".to_owned(), "other".to_owned()];
        Comparison {
            command: "test",
            runs: 1,
            columns: names(),
            versions: names(),
            rows,
            summary: Vec::new(),
            ratio,
        }
    }

    #[test]
    fn medians() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3, 1, 2]), Some(2));
        assert_eq!(median(&mut [4, 1, 3, 2]), Some(3));
    }

    #[test]
    fn summary_leaves_out_what_an_engine_does_not_run() {
        let rows = vec![
            Row {
                kernel: "a",
                median_ns: vec![Some(100), Some(200)],
            },
            Row {
                kernel: "b",
                median_ns: vec![Some(400), Some(200)],
            },
            Row {
                kernel: "c",
                median_ns: vec![Some(100), None],
            },
        ];
        let mut c = comparison(Ratio::FirstByOther, rows);
        c.finish();
        let s = &c.summary[0];
        assert!(
            (s.geomean - 1.0).abs() < 1e-12,
            "0.5 and 2 have the mean 1, not {}",
            s.geomean
        );
        assert_eq!((s.worst, s.worst_kernel, s.kernels), (2.0, "b", 2));
    }

    #[test]
    fn ratios_of_probes_are_slowdowns() {
        let mut c = comparison(
            Ratio::OtherByFirst,
            vec![Row {
                kernel: "a",
                median_ns: vec![Some(100), Some(150)],
            }],
        );
        c.finish();
        assert_eq!(c.summary[0].worst, 1.5);
    }
}
