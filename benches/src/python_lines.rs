//! Python programs that are followed line by line, beside the same that nobody watches: two interpreters in one process, in turns.

use probity_analyses::{AnalysisReport, Session};
use probity_efficiency::python::{self, Toolchain};
use probity_engine::{Config, Engine, Error, Instance, Linker, Module, Store, Tier};
use probity_wasi::{OutputBuffer, WasiCtx, WasiCtxBuilder, add_to_linker};

use crate::clock::thread_cpu_ns;

/// Runs of each until its code is compiled.
const WARM: u32 = 20;

/// An interpreter that has started.
struct Lane {
    store: Store<WasiCtx>,
    instance: Instance,
    output: OutputBuffer,
    session: Option<Session>,
}

impl Lane {
    fn new(module: &Module, toolchain: &Toolchain, analyses: &[&str]) -> Result<Lane, String> {
        let engine = module.engine();
        let mut linker = Linker::new(engine);
        let linked =
            add_to_linker(&mut linker, |ctx| ctx).and_then(|()| python::add_to_linker(&mut linker));
        linked.map_err(|e| e.to_string())?;
        let output = OutputBuffer::new();
        let mut builder = WasiCtxBuilder::new();
        let equipped = toolchain.equip(&mut builder);
        equipped.map_err(|e| format!("failed to {e}"))?;
        let wasi = builder.stdout(output.clone()).build();
        let mut store = Store::new(engine, wasi);
        let mut session = None;
        if !analyses.is_empty() {
            let session = session.insert(Session::new());
            for name in analyses {
                session.add(name, &[]).map_err(|e| e.to_string())?;
            }
            session.attach(&mut store, module).map_err(said)?;
        }
        let instance = linker.instantiate(&mut store, module).map_err(said)?;
        python::initialize(&mut store, instance).map_err(said)?;
        Ok(Lane {
            store,
            instance,
            output,
            session,
        })
    }

    /// Has the interpreter execute a text.
    fn turn(&mut self, text: &str) -> Result<(), Error> {
        match python::turn(&mut self.store, self.instance, text)? {
            0 => Ok(()),
            code => Err(Error::usage(format!("the program ended with code {code}"))),
        }
    }

    fn timed(&mut self) -> Result<u64, Error> {
        let started = thread_cpu_ns();
        self.turn("exec(_program, {'__name__': '__main__'})")?;
        Ok(thread_cpu_ns() - started)
    }
}

/// The shortest of so many runs of a program, CPU time of the thread: unwatched, and followed by line. Both print the same.
pub fn times(toolchain: &Toolchain, text: &str, runs: u32) -> Result<(u64, u64), String> {
    let module = load(toolchain, Tier::Auto)?;
    let mut lanes = [
        Lane::new(&module, toolchain, &[])?,
        Lane::new(&module, toolchain, &["pyprofile", "pycoverage"])?,
    ];
    let program = program(text)?;
    for lane in &mut lanes {
        lane.turn(&program).map_err(said)?;
        for _ in 0..WARM {
            lane.timed().map_err(said)?;
        }
    }
    let mut shortest = [u64::MAX; 2];
    for _ in 0..runs {
        for (lane, shortest) in lanes.iter_mut().zip(&mut shortest) {
            *shortest = (*shortest).min(lane.timed().map_err(said)?);
        }
    }
    let [plain, watched] = &mut lanes;
    if plain.output.contents() != watched.output.contents() {
        return Err("a program that is watched prints something else".to_owned());
    }
    match profile(watched)?.tables.get(1) {
        Some(lines) if !lines.rows.is_empty() => Ok((shortest[0], shortest[1])),
        _ => Err("no lines were found".to_owned()),
    }
}

/// Runs a program once in compiled code and once interpreted, which takes its time: lines have the same, and the sum is what an independent
/// count says.
pub fn check(toolchain: &Toolchain, text: &str) -> Result<(), String> {
    let mut tables = Vec::new();
    for tier in [Tier::Auto, Tier::Interp] {
        let module = load(toolchain, tier)?;
        let mut lane = Lane::new(&module, toolchain, &["pyprofile", "icount"])?;
        lane.turn(&program(text)?).map_err(said)?;
        lane.timed().map_err(said)?;
        let mut reports = reports(&mut lane);
        let totals: Vec<_> = { reports.iter() }
            .map(|report| report.facts.iter().find(|fact| fact.column.name == "total"))
            .map(|fact| fact.map(|fact| fact.value.clone()))
            .collect();
        if totals.len() != 2 || totals[0] != totals[1] {
            return Err(format!("lines and operators have other sums: {totals:?}"));
        }
        tables.push(reports.swap_remove(0).tables);
    }
    match tables[0] == tables[1] {
        true => Ok(()),
        false => Err("lines differ between the tiers".to_owned()),
    }
}

fn said(error: Error) -> String {
    error.to_string()
}

fn load(toolchain: &Toolchain, tier: Tier) -> Result<Module, String> {
    let mut config = Config::new();
    config.deterministic(true).tier(tier);
    let module = Module::from_file(&Engine::new(&config), &toolchain.module);
    module.map_err(|e| e.to_string())
}

fn program(text: &str) -> Result<String, String> {
    let text = serde_json::to_string(text).map_err(|e| e.to_string())?;
    Ok(format!("_program = compile({text}, 'program.py', 'exec')"))
}

fn reports(lane: &mut Lane) -> Vec<AnalysisReport> {
    let session = lane.session.take();
    session.map_or_else(Vec::new, |mut session| session.finish(&mut lane.store))
}

fn profile(lane: &mut Lane) -> Result<AnalysisReport, String> {
    let found = reports(lane).into_iter().find(|of| of.name == "pyprofile");
    found.ok_or_else(|| "nothing was followed".to_owned())
}
