//! Every analysis there is, one row each.

use crate::analysis::Analysis;
use crate::export::DataKind;
use crate::options::{FUNC, OptionInfo, Options, TOP, ZERO};
use crate::profile::{DEPTH, EVERY, ExactProfile, HOST, RECURSION, SITES, Sample, WEIGHT};
use crate::{
    allocations, blocks, branches, bytecode, cache, calls, constants, control, coverage, globals,
    heap, hotness, icount, loop_traces, loops, memory, memstats, opcodes, python, tracepoints,
};

/// An analysis: its name, and how to ask for it.
pub struct AnalysisInfo {
    /// What `-a` takes.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// What it can be asked for.
    pub options: &'static [OptionInfo],
    /// The data that it has for exports.
    pub data: Option<DataKind>,
    /// Makes it for a run.
    pub make: fn(&Options) -> Box<dyn Analysis>,
}

static REGISTRY: &[AnalysisInfo] = &[
    AnalysisInfo {
        name: "icount",
        summary: "instructions executed (rule instr.v1) and fuel, in total and per function",
        options: &[FUNC, TOP, ZERO],
        data: None,
        make: |options| Box::new(icount::Icount::new(options)),
    },
    AnalysisInfo {
        name: "hotness",
        summary: "how often each instruction executed",
        options: &[FUNC, TOP, ZERO],
        data: None,
        make: |options| Box::new(hotness::Hotness::new(options)),
    },
    AnalysisInfo {
        name: "coverage",
        summary: "what executed at all, by function, block or instruction",
        options: &[FUNC, TOP, coverage::GRANULARITY, coverage::FILES],
        data: Some(DataKind::Coverage),
        make: |options| Box::new(coverage::Coverage::new(options)),
    },
    AnalysisInfo {
        name: "branches",
        summary: "which way each if, br_if, br_on_*, select and br_table went, and where exceptions landed",
        options: &[FUNC, TOP, ZERO],
        data: None,
        make: |options| Box::new(branches::Branches::new(options)),
    },
    AnalysisInfo {
        name: "calls",
        summary: "who called whom, direct and indirect, tail calls included",
        options: &[FUNC, TOP, ZERO],
        data: None,
        make: |options| Box::new(calls::Calls::new(options)),
    },
    AnalysisInfo {
        name: "loops",
        summary: "entries and iterations of each loop",
        options: &[FUNC, TOP, ZERO],
        data: None,
        make: |options| Box::new(loops::Loops::new(options)),
    },
    AnalysisInfo {
        name: "opcodes",
        summary: "executions of each opcode and class of opcodes",
        options: &[FUNC, TOP],
        data: None,
        make: |options| Box::new(opcodes::Opcodes::new(options)),
    },
    AnalysisInfo {
        name: "blocks",
        summary: "how often each basic block was entered",
        options: &[FUNC, TOP, ZERO],
        data: None,
        make: |options| Box::new(blocks::Blocks::new(options)),
    },
    AnalysisInfo {
        name: "control",
        summary: "how often control went along each edge of each function's control-flow graph",
        options: &[FUNC, TOP, ZERO],
        data: Some(DataKind::Flow),
        make: |options| Box::new(control::Control::new(options)),
    },
    AnalysisInfo {
        name: "memstats",
        summary: "loads and stores of memories and their bytes, by function and operator",
        options: &[FUNC, TOP, ZERO],
        data: None,
        make: |options| Box::new(memstats::Memstats::new(options)),
    },
    AnalysisInfo {
        name: "memory",
        summary: "loads and stores by operator, line and page, with strides and the working set",
        options: &[FUNC, TOP, memory::LINE, memory::PAGE, memory::WINDOW],
        data: None,
        make: |options| Box::new(memory::MemoryUse::new(options)),
    },
    AnalysisInfo {
        name: "cache",
        summary: "misses of simulated caches and wrong predictions of branches, by function, line and operator",
        options: &[FUNC, TOP, cache::D1, cache::LL, cache::BRANCHES],
        data: Some(DataKind::Cache),
        make: |options| Box::new(cache::Cache::new(options)),
    },
    AnalysisInfo {
        name: "heap",
        summary: "blocks of malloc and its like by stack: totals, peak, leaks; wrong frees and accesses",
        options: heap::OPTIONS,
        data: Some(DataKind::Heap),
        make: |options| Box::new(heap::Heap::new(options)),
    },
    AnalysisInfo {
        name: "globals",
        summary: "reads and writes of each global, and where",
        options: &[FUNC, TOP, ZERO],
        data: None,
        make: |options| Box::new(globals::Globals::new(options)),
    },
    AnalysisInfo {
        name: "allocations",
        summary: "structures and arrays made by each operator that makes them",
        options: &[FUNC, TOP, ZERO],
        data: None,
        make: |options| Box::new(allocations::Allocations::new(options)),
    },
    AnalysisInfo {
        name: "const",
        summary: "parameters, arguments, results and loads that always had one value, and branches that went one way",
        options: &[FUNC, TOP, constants::MIN],
        data: None,
        make: |options| Box::new(constants::Constants::new(options)),
    },
    AnalysisInfo {
        name: "loop-traces",
        summary: "the paths that iterations of each loop took",
        options: &[FUNC, TOP, loop_traces::PATHS, loop_traces::LENGTH],
        data: None,
        make: |options| Box::new(loop_traces::LoopTraces::new(options)),
    },
    AnalysisInfo {
        name: "tracepoints",
        summary: "hits of chosen points of the program, with locals and operands",
        options: &[
            FUNC,
            TOP,
            tracepoints::AT,
            tracepoints::HITS,
            tracepoints::KEEP,
        ],
        data: None,
        make: |options| Box::new(tracepoints::Tracepoints::new(options)),
    },
    AnalysisInfo {
        name: "bytecode",
        summary: "what an interpreter inside the module executes: opcodes, addresses, functions, and their cost",
        options: &[FUNC, TOP, bytecode::CASES, bytecode::AT],
        data: None,
        make: |options| Box::new(bytecode::Bytecode::new(options)),
    },
    AnalysisInfo {
        name: "fprofile",
        summary: "exact weight of each function, itself and with what it calls, and of lines and loops",
        options: &[FUNC, TOP, WEIGHT, SITES, DEPTH, RECURSION, HOST],
        data: Some(DataKind::Profile),
        make: |options| Box::new(ExactProfile::new(options, false)),
    },
    AnalysisInfo {
        name: "profile",
        summary: "the same with the call tree",
        options: &[FUNC, TOP, WEIGHT, SITES, DEPTH, RECURSION, HOST],
        data: Some(DataKind::Profile),
        make: |options| Box::new(ExactProfile::new(options, true)),
    },
    AnalysisInfo {
        name: "sample",
        summary: "the call tree by samples of the stack, by time or fuel",
        options: &[FUNC, TOP, EVERY, HOST],
        data: Some(DataKind::Profile),
        make: |options| Box::new(Sample::new(options)),
    },
    AnalysisInfo {
        name: "pyprofile",
        summary: "exact weight of each Python function and line of a program that CPython runs",
        options: &[FUNC, TOP, python::MODE, python::WEIGHT, python::EVERY],
        data: Some(DataKind::Profile),
        make: |options| Box::new(python::PyProfile::new(options)),
    },
    AnalysisInfo {
        name: "pycoverage",
        summary: "which lines of Python files executed, in a program that CPython runs",
        options: &[FUNC, TOP, python::FILES, python::ROOT],
        data: Some(DataKind::Coverage),
        make: |options| Box::new(python::PyCoverage::new(options)),
    },
];

/// Every analysis, in the order of lists.
pub fn registry() -> &'static [AnalysisInfo] {
    REGISTRY
}
