//! Files with coverage: JSON reports of runs, and sums of them.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use probity_analyses::{Format, coverage::CoverageData, report::write_analyses};

use crate::failure::Failure;

/// Reads the coverage of a JSON report.
pub fn read(path: &Path) -> Result<CoverageData, Failure> {
    let failed = |why: String| {
        Failure::load(format!(
            "failed to read coverage from {}: {why}",
            path.display()
        ))
    };
    let file = File::open(path).map_err(|e| failed(e.to_string()))?;
    CoverageData::from_json(file).map_err(failed)
}

/// Writes coverage as [`read`] takes it.
pub fn write(coverage: &CoverageData, out: &mut dyn io::Write) -> io::Result<()> {
    write_analyses(&[coverage.report()], Format::Json, out)
}

/// A file to which runs add theirs, any number at a time: `cargo test` runs its programs one after
/// the other, other tools do not.
#[derive(Debug)]
pub struct Sum {
    path: PathBuf,
}

/// Holds others off until it is dropped.
pub struct Lock {
    _file: File,
}

impl Sum {
    /// The file need not be there.
    ///
    /// # Errors
    /// If what is there is no coverage, which is known before a run.
    pub fn new(path: PathBuf) -> Result<Sum, Failure> {
        if path.exists() {
            read(&path).map_err(|failure| Failure::usage(failure.message))?;
        }
        Ok(Sum { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a run; the sum, which is that of the file until the lock is dropped. What earlier
    /// builds of the same modules have left is dropped.
    pub fn add(&self, run: CoverageData) -> Result<(CoverageData, Lock), String> {
        let beside = |ending: &str| {
            let mut name = self.path.clone().into_os_string();
            name.push(ending);
            PathBuf::from(name)
        };
        let text = |e: io::Error| e.to_string();
        // Not the file itself, which is replaced: whoever waits for it would then hold the old one.
        let lock = File::create(beside(".lock")).map_err(text)?;
        lock.lock().map_err(text)?;
        let mut sum = match File::open(&self.path) {
            Ok(file) => CoverageData::from_json(file)?,
            Err(e) if e.kind() == ErrorKind::NotFound => CoverageData::default(),
            Err(e) => return Err(e.to_string()),
        };
        sum.drop_superseded(&run);
        sum.merge(run);
        let new = beside(".new");
        let mut file = File::create(&new).map_err(text)?;
        write(&sum, &mut file).map_err(text)?;
        file.sync_all().map_err(text)?;
        fs::rename(&new, &self.path).map_err(text)?;
        Ok((sum, Lock { _file: lock }))
    }
}
