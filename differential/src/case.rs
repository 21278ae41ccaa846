//! A case: everything that follows from a seed.

use arbitrary::Unstructured;

use crate::features::Features;
use crate::profile::Profile;
use crate::rng::Rng;
use crate::shape::Shape;
use crate::value::Value;
use crate::watch::Watch;

/// Attempts at generating a module before a seed is given up; one in hundreds fails once.
const ATTEMPTS: usize = 10;

/// Calls of one case at most.
const CALLS_MAX: usize = 16;

/// What a run's cases have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// What the modules are like.
    pub profile: Profile,
    /// Which proposals they use.
    pub features: Features,
}

/// A module, what is done with it, and how Probity's second run is watched.
#[derive(Debug, Clone)]
pub struct Case {
    /// The number that it was made from.
    pub seed: u64,
    /// The module.
    pub wasm: Vec<u8>,
    /// What is known of it.
    pub shape: Shape,
    /// Calls in order.
    pub calls: Vec<Call>,
    /// How the second run of Probity differs from the first.
    pub watch: Watch,
}

/// A call of an exported function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Name of the export.
    pub export: String,
    /// Its arguments.
    pub arguments: Vec<Value>,
}

impl Case {
    /// The case of a seed; `None` if wasm-smith makes no module of it.
    pub fn new(seed: u64, settings: Settings) -> Option<Case> {
        let mut rng = Rng::for_purpose(seed, 1);
        let wasm = (0..ATTEMPTS).find_map(|_| module(settings, &mut rng))?;
        let shape = Shape::of(&wasm).ok()?;
        Some(Case::of_module(seed, wasm, shape))
    }

    /// The case of a seed whose module is this one.
    pub fn of_module(seed: u64, wasm: Vec<u8>, shape: Shape) -> Case {
        let calls = calls(&shape, &mut Rng::for_purpose(seed, 2));
        Case {
            seed,
            wasm,
            shape,
            calls,
            watch: Watch::drawn(&mut Rng::for_purpose(seed, 3)),
        }
    }

    /// The same case with a reduced module: of the calls, those that it still has, as long as
    /// no parameters changed.
    ///
    /// # Errors
    /// The module is not valid.
    pub fn reduced(&self, wasm: &[u8]) -> Result<Case, wasmparser::BinaryReaderError> {
        let shape = Shape::of(wasm)?;
        let parameters = |shape: &Shape, name: &str| {
            let export = shape.exports.iter().find(|export| export.name == name)?;
            export.parameters.clone()
        };
        let mut case = Case {
            wasm: wasm.to_vec(),
            ..self.clone()
        };
        case.calls.retain(|call| {
            let now = parameters(&shape, &call.export);
            now.is_some() && now == parameters(&self.shape, &call.export)
        });
        case.shape = shape;
        Ok(case)
    }
}

fn module(settings: Settings, rng: &mut Rng) -> Option<Vec<u8>> {
    let config = settings.profile.config(settings.features, rng);
    let len = 1 << (11 + rng.below(4));
    let dna = rng.bytes(len);
    let mut module = wasm_smith::Module::new(config, &mut Unstructured::new(&dna)).ok()?;
    // Loops that do not end show little; a few are kept for the limits' sake.
    if !rng.one_in(16) {
        let iterations = 200 + rng.below(2000) as u32;
        module.ensure_termination(iterations).ok()?;
    }
    Some(module.to_bytes())
}

/// Several calls of each function where there are few, in random order.
fn calls(shape: &Shape, rng: &mut Rng) -> Vec<Call> {
    let mut calls = Vec::new();
    for export in &shape.exports {
        let Some(parameters) = &export.parameters else {
            continue;
        };
        for _ in 0..1 + rng.below(3) {
            let arguments = parameters.iter().map(|&ty| Value::any_of(ty, rng));
            if let Some(arguments) = arguments.collect() {
                let export = export.name.clone();
                calls.push(Call { export, arguments });
            }
        }
    }
    for i in (1..calls.len()).rev() {
        calls.swap(i, rng.below(i as u64 + 1) as usize);
    }
    calls.truncate(CALLS_MAX);
    calls
}
