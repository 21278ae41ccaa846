//! Every metric there is, one row each.

use super::metric::{Better, Formula};
use super::spec::Given;
use super::speedup::CAP;
use super::{
    correctness, effibench, enamel, evalperf, gso, kernelbench, mercury, ossbench, pie, rerank,
    reval, speedup, sysllmatic,
};

/// A metric: its name, and where it is from.
pub struct MetricInfo {
    /// What `--metric` takes; a last `k`, `p` or `q` stands for a number or name.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// Whose it is.
    pub origin: &'static str,
    /// What its name's last letter stands for.
    pub argument: Argument,
    /// Whether it looks at the first k samples.
    pub takes_k: bool,
    /// Numbers that it can be given.
    pub parameters: &'static [Parameter],
    /// Files that it is computed from.
    pub needs: Needs,
    /// Which values are good.
    pub better: Better,
    /// Makes it.
    pub make: fn(&Given) -> Formula,
}

/// What the last letter of a metric's name stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Argument {
    /// It is just a letter.
    None,
    /// `k`: a number of samples.
    K,
    /// `p`: a threshold; these by default.
    Threshold(&'static [f64]),
    /// `q`: a column of costs, `memory` or `throughput`.
    Quantity,
}

/// A number that a metric can be given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its value otherwise.
    pub default: f64,
    /// What it is.
    pub help: &'static str,
}

/// Files that a metric is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Results.
    Results,
    /// Results, and what the samples printed.
    Outputs,
    /// Predictions and the truth.
    Predictions,
}

const CAP_AT: Parameter = Parameter {
    name: "cap",
    default: CAP,
    help: "the greatest speedup that counts, and the inverse of the least",
};
const MIN_CORRECT: Parameter = Parameter {
    name: "min_correct",
    default: 1.0,
    help: "correct samples that a task needs (the paper: 1, its program: 10)",
};

const PLAIN: MetricInfo = MetricInfo {
    name: "",
    summary: "",
    origin: "",
    argument: Argument::None,
    takes_k: false,
    parameters: &[],
    needs: Needs::Results,
    better: Better::Higher,
    make: correctness::pass,
};

static REGISTRY: &[MetricInfo] = &[
    MetricInfo {
        name: "pass@k",
        summary: "chance that one of k samples is correct: 1 - C(n-c,k) / C(n,k)",
        origin: "HumanEval (Chen et al. 2021)",
        argument: Argument::K,
        takes_k: true,
        make: correctness::pass,
        ..PLAIN
    },
    MetricInfo {
        name: "percent_correct",
        summary: "percent of tasks with a correct sample among the first k",
        origin: "PIE (Shypula et al. 2024)",
        takes_k: true,
        make: correctness::percent_correct,
        ..PLAIN
    },
    MetricInfo {
        name: "efficient@k",
        summary: "pass@k of samples that are correct and cheaper than the best reference",
        origin: "COFFE (Peng et al. 2025)",
        argument: Argument::K,
        takes_k: true,
        make: correctness::efficient,
        ..PLAIN
    },
    MetricInfo {
        name: "speedup.ratio_of_sums",
        summary: "what the best references cost by what correct samples cost, sums over all",
        origin: "COFFE (Peng et al. 2025)",
        make: speedup::ratio_of_sums,
        ..PLAIN
    },
    MetricInfo {
        name: "speedup.gm",
        summary: "geometric mean of best reference / sample, correct samples",
        origin: "KernelBench's mean, of COFFE's ratio",
        parameters: &[CAP_AT],
        make: speedup::geometric,
        ..PLAIN
    },
    MetricInfo {
        name: "speedup.hm",
        summary: "harmonic mean of best reference / sample, correct samples",
        origin: "GSO's mean, of COFFE's ratio",
        parameters: &[CAP_AT],
        make: speedup::harmonic,
        ..PLAIN
    },
    MetricInfo {
        name: "dps",
        summary: "percent of reference solutions, in clusters of like cost, that correct samples are not slower than",
        origin: "EvalPerf (Liu et al. 2024)",
        parameters: &[MIN_CORRECT],
        make: evalperf::dps,
        ..PLAIN
    },
    MetricInfo {
        name: "dps_norm",
        summary: "the same with every cluster weighing the same",
        origin: "EvalPerf (Liu et al. 2024)",
        parameters: &[MIN_CORRECT],
        make: evalperf::dps_norm,
        ..PLAIN
    },
    MetricInfo {
        name: "best@k",
        summary: "speedup over the base of the fastest correct one of the first k samples, at least 1",
        origin: "PIE (Shypula et al. 2024)",
        argument: Argument::K,
        takes_k: true,
        parameters: &[CAP_AT],
        make: pie::best,
        ..PLAIN
    },
    MetricInfo {
        name: "%opt@p",
        summary: "percent of tasks where best@k is at least p",
        origin: "PIE (Shypula et al. 2024), PerfRL",
        argument: Argument::Threshold(&[1.1, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 10.0]),
        takes_k: true,
        parameters: &[CAP_AT],
        make: pie::percent_opt,
        ..PLAIN
    },
    MetricInfo {
        name: "beyond",
        summary: "where samples are between the slowest (0) and the fastest (100) reference; wrong ones at 0",
        origin: "Mercury (Du et al. 2024)",
        make: mercury::formula,
        ..PLAIN
    },
    MetricInfo {
        name: "eff@k",
        summary: "efficiency of the best of k samples, levels weighed by hardness; 1 is the expert's",
        origin: "ENAMEL (Qiu et al. 2025)",
        argument: Argument::K,
        takes_k: true,
        make: enamel::formula,
        ..PLAIN
    },
    MetricInfo {
        name: "net",
        summary: "cost of correct samples by that of the canonical solution, sums",
        origin: "EffiBench (Huang et al. 2024)",
        better: Better::Lower,
        make: effibench::net,
        ..PLAIN
    },
    MetricInfo {
        name: "nmu",
        summary: "the same of peak memory",
        origin: "EffiBench (Huang et al. 2024)",
        better: Better::Lower,
        make: effibench::nmu,
        ..PLAIN
    },
    MetricInfo {
        name: "ntmu",
        summary: "the same of cost times peak memory",
        origin: "EffiBench (Huang et al. 2024)",
        better: Better::Lower,
        make: effibench::ntmu,
        ..PLAIN
    },
    MetricInfo {
        name: "net.x",
        summary: "mean percent of canonical / sample cost, at most 100; failures 0",
        origin: "EffiBench-X (Qing et al. 2025)",
        make: effibench::net_x,
        ..PLAIN
    },
    MetricInfo {
        name: "nmu.x",
        summary: "the same of peak memory",
        origin: "EffiBench-X (Qing et al. 2025)",
        make: effibench::nmu_x,
        ..PLAIN
    },
    MetricInfo {
        name: "ntmu.x",
        summary: "the same of cost times peak memory",
        origin: "EffiBench-X (Qing et al. 2025)",
        make: effibench::ntmu_x,
        ..PLAIN
    },
    MetricInfo {
        name: "fast_p",
        summary: "percent of samples that are correct and more than p times as fast as the base",
        origin: "KernelBench (Ouyang et al. 2025)",
        argument: Argument::Threshold(&[0.0, 1.0, 2.0]),
        parameters: &[CAP_AT],
        make: kernelbench::formula,
        ..PLAIN
    },
    MetricInfo {
        name: "opt@k",
        summary: "percent of tasks where one of the first k samples is faster than the base and as fast as the expert",
        origin: "GSO (Shetty et al. 2025)",
        argument: Argument::K,
        takes_k: true,
        parameters: &[
            Parameter {
                name: "gm",
                default: 1.2,
                help: "the least geometric mean of base / sample over tests",
            },
            Parameter {
                name: "hm",
                default: 0.95,
                help: "what the harmonic mean of expert / sample over tests has to exceed",
            },
            CAP_AT,
        ],
        make: gso::formula,
        ..PLAIN
    },
    MetricInfo {
        name: "sysllmatic.ri@q",
        summary: "mean relative improvement of correct samples over the base in a quantity",
        origin: "SysLLMatic (Peng et al. 2025)",
        argument: Argument::Quantity,
        parameters: &[CAP_AT],
        make: sysllmatic::relative_improvement,
        ..PLAIN
    },
    MetricInfo {
        name: "sysllmatic.opt@q",
        summary: "percent of correct samples at least 10 % better than the base in a quantity",
        origin: "SysLLMatic (Peng et al. 2025)",
        argument: Argument::Quantity,
        parameters: &[CAP_AT],
        make: sysllmatic::percent_opt,
        ..PLAIN
    },
    MetricInfo {
        name: "oss.compile",
        summary: "percent of samples that compile",
        origin: "OSS-Bench (Jiang et al. 2025)",
        make: ossbench::compile,
        ..PLAIN
    },
    MetricInfo {
        name: "oss.test",
        summary: "percent of tests passed, times the share of samples that could be tested",
        origin: "OSS-Bench (Jiang et al. 2025)",
        make: ossbench::test,
        ..PLAIN
    },
    MetricInfo {
        name: "oss.sanitizer",
        summary: "100 less a penalty for each alert of memory safety",
        origin: "OSS-Bench (Jiang et al. 2025)",
        parameters: &[Parameter {
            name: "penalty",
            default: 0.88,
            help: "points that an alert costs",
        }],
        make: ossbench::sanitizer,
        ..PLAIN
    },
    MetricInfo {
        name: "rerank@k",
        summary: "percent of tasks with a correct sample among the first k after semantic reranking",
        origin: "From Words to Code (Khatry et al. 2023)",
        argument: Argument::K,
        takes_k: true,
        needs: Needs::Outputs,
        make: rerank::formula,
        ..PLAIN
    },
    MetricInfo {
        name: "reval.coverage",
        summary: "percent of right predictions whether a line is executed",
        origin: "REval (Chen et al. 2024)",
        needs: Needs::Predictions,
        make: reval::coverage,
        ..PLAIN
    },
    MetricInfo {
        name: "reval.state",
        summary: "percent of right predictions of a variable's value",
        origin: "REval (Chen et al. 2024)",
        needs: Needs::Predictions,
        make: reval::state,
        ..PLAIN
    },
    MetricInfo {
        name: "reval.path",
        summary: "percent of right predictions of the next line",
        origin: "REval (Chen et al. 2024)",
        needs: Needs::Predictions,
        make: reval::path,
        ..PLAIN
    },
    MetricInfo {
        name: "reval.output",
        summary: "percent of right predictions of the output",
        origin: "REval (Chen et al. 2024)",
        needs: Needs::Predictions,
        make: reval::output,
        ..PLAIN
    },
    MetricInfo {
        name: "reval.ic",
        summary: "incremental consistency: each right answer counts if those that it builds on are right",
        origin: "REval (Chen et al. 2024)",
        needs: Needs::Predictions,
        make: reval::consistency,
        ..PLAIN
    },
    MetricInfo {
        name: "sx.steps",
        summary: "percent of right predictions of the number of computation steps",
        origin: "SX-Bench (Yan et al. 2025)",
        needs: Needs::Predictions,
        make: reval::steps,
        ..PLAIN
    },
];

/// Every metric, in the order of lists.
pub fn registry() -> &'static [MetricInfo] {
    REGISTRY
}
