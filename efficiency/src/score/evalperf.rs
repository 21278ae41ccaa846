//! Differential performance scores (Liu et al., 2024, EvalPerf).
//!
//! References of a task are clustered by cost; a sample's score is how large a part of the references it leaves behind.

use super::metric::{Formula, mean};
use super::results::TaskView;
use super::run::Run;
use super::spec::Given;

/// Instructions that every reference of a task needs at least; the margin of what is told apart shrinks with their root.
pub const COST_MIN: f64 = 10_000.0;

/// One cluster: what its slowest reference costs, and what a sample of at most that cost gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cluster {
    /// Cost of the representative: the slowest of the cluster.
    pub cost: f64,
    /// DPS of who is not slower: percent of the references in this cluster and the slower ones.
    pub score: f64,
}

/// Clusters of costs, the slowest first. Sorted falling, they are cut where the relative gap to the next is greater than
/// `0.10 + sqrt(10000 / cost)`.
pub fn clusters(costs: &[f64]) -> Vec<Cluster> {
    let mut falling = costs.to_vec();
    falling.sort_by(|a, b| b.total_cmp(a));
    let mut clusters: Vec<Cluster> = Vec::new();
    for (at, &cost) in falling.iter().enumerate() {
        let is_cut = match at.checked_sub(1).map(|before| falling[before]) {
            None => true,
            Some(slower) => (slower - cost) / slower > 0.10 + (COST_MIN / slower).sqrt(),
        };
        if is_cut {
            clusters.push(Cluster { cost, score: 0.0 });
        }
        if let Some(cluster) = clusters.last_mut() {
            cluster.score = 100.0 * (at + 1) as f64 / falling.len() as f64;
        }
    }
    clusters
}

/// DPS: the mean over correct samples, then over tasks; wrong ones do not count.
pub(super) fn dps(given: &Given) -> Formula {
    scored(given, |clusters, at| clusters[at].score)
}

/// DPS_norm: the same with `100 (j + 1) / clusters` as the score of cluster j.
pub(super) fn dps_norm(given: &Given) -> Formula {
    scored(given, |clusters, at| {
        100.0 * (at + 1) as f64 / clusters.len() as f64
    })
}

fn scored(given: &Given, score: fn(&[Cluster], usize) -> f64) -> Formula {
    let column = given.column;
    let correct_min = given.parameter("min_correct");
    Formula::mean(1.0, move |task: &TaskView| {
        let references: Vec<(&Run, f64)> = task.references(column).collect();
        if references.is_empty() || references.iter().any(|(_, cost)| *cost < COST_MIN) {
            return None;
        }
        let clusters = of_references(&references);
        let of_cost = |cost: f64| {
            let fastest = clusters.iter().rposition(|cluster| cost <= cluster.cost);
            fastest.map_or(0.0, |at| score(&clusters, at))
        };
        let costs: Vec<f64> = task.correct_costs(column).collect();
        if (costs.len() as f64) < correct_min {
            return None;
        }
        mean(costs.into_iter().map(of_cost))
    })
}

/// References that have scores from their origin are representatives already; others are clustered.
fn of_references(references: &[(&Run, f64)]) -> Vec<Cluster> {
    let given = references.iter().map(|(run, cost)| {
        Some(Cluster {
            cost: *cost,
            score: run.dps?,
        })
    });
    match given.collect::<Option<Vec<Cluster>>>() {
        Some(mut given) => {
            given.sort_by(|a, b| b.cost.total_cmp(&a.cost));
            given
        }
        None => {
            let costs: Vec<f64> = references.iter().map(|(_, cost)| *cost).collect();
            clusters(&costs)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_by_hand() {
        // At 1e8 the margin is 0.10 + sqrt(1e4 / 1e8) = 0.11. To 9e7 the gap is 0.10: the same cluster. At 9e7 it is
        // 0.1105; to 5e7 the gap is 0.44: a cut. At 5e7, 0.114; to 4.9e7, 0.02: the same. So {1e8, 9e7} with 2 of 5
        // references, and {5e7, 4.9e7} with 4 of 5; to 1e7, 0.80: {1e7}.
        let got = clusters(&[5e7, 1e8, 1e7, 9e7, 4.9e7]);
        let expected = [(1e8, 40.0), (5e7, 80.0), (1e7, 100.0)];
        let got: Vec<(f64, f64)> = got.iter().map(|c| (c.cost, c.score)).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn small_costs_need_a_greater_gap() {
        // At 40000 the margin is 0.10 + sqrt(1/4) = 0.60: half the cost is no cut.
        assert_eq!(clusters(&[40_000.0, 20_000.0]).len(), 1);
        // At 4e6 it is 0.15.
        assert_eq!(clusters(&[4e6, 2e6]).len(), 2);
    }

    #[test]
    fn ties_and_one_reference_are_one_cluster() {
        for costs in [&[1e6][..], &[1e6, 1e6, 1e6]] {
            let got = clusters(costs);
            assert_eq!(
                got,
                [Cluster {
                    cost: 1e6,
                    score: 100.0
                }]
            );
        }
        assert_eq!(clusters(&[]), []);
        // Nothing is left to divide.
        assert_eq!(clusters(&[0.0, 0.0]).len(), 1);
    }
}
