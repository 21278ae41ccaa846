//! The call tree for the page's flame graph, from the table `tree` of a profile.

use std::collections::HashMap;

use serde::Serialize;

use super::cell::readable;
use super::json::Json;

/// Nodes that a page holds: as many as anyone can tell apart, in about a megabyte.
const NODES_MAX: usize = 20_000;

/// A tree as the page's script reads it. Column by column, which is a third of the size.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Flame {
    /// The analysis that found it.
    pub analysis: String,
    /// What weights are numbers of.
    pub unit: String,
    /// Whether weights are samples, not all that executed.
    pub is_sampled: bool,
    pub names: Vec<String>,
    /// Index in `names` of each node; of the root, node 0, of no meaning.
    pub name: Vec<usize>,
    /// A parent comes before its children.
    pub parent: Vec<usize>,
    /// Weight of its own.
    pub own: Vec<u64>,
    /// With all below it, those included that are left out here.
    pub total: Vec<u64>,
    /// Calls; 0 if they were not counted.
    pub calls: Vec<u64>,
    /// Nodes that are left out, the lightest.
    pub left_out: usize,
}

struct Node<'a> {
    parent: usize,
    name: &'a str,
    own: u64,
    calls: u64,
}

impl Flame {
    /// Of an analysis that has a tree with a node or more.
    pub fn of(analysis: &str, report: &Json) -> Option<Flame> {
        let rows = report.get("tree")?.items();
        let mut nodes = vec![Node {
            parent: 0,
            name: "",
            own: 0,
            calls: 0,
        }];
        let mut known: HashMap<u64, usize> = HashMap::new();
        for row in rows {
            let number = |key: &str| row.get(key).and_then(Json::number);
            // Whose parent is not before it is called by nobody known.
            let parent = number("parent").and_then(|parent| known.get(&parent));
            let node = Node {
                parent: parent.copied().unwrap_or(0),
                name: row.get("name").and_then(Json::text).unwrap_or("?"),
                own: number("self").unwrap_or(0),
                calls: number("calls").unwrap_or(0),
            };
            known.insert(number("node")?, nodes.len());
            nodes.push(node);
        }
        if nodes.len() == 1 {
            return None;
        }
        let mut totals: Vec<u64> = nodes.iter().map(|node| node.own).collect();
        for at in (1..nodes.len()).rev() {
            let parent = nodes[at].parent;
            totals[parent] = totals[parent].saturating_add(totals[at]);
        }
        let unit = match report.get("weight").and_then(Json::text) {
            Some("time") => Some("ns"),
            unit => unit,
        };
        let mut flame = Flame {
            analysis: analysis.to_owned(),
            unit: unit.unwrap_or("weight").to_owned(),
            is_sampled: report.get("samples").is_some(),
            ..Flame::default()
        };
        flame.keep_heaviest(&nodes, &totals);
        Some(flame)
    }

    /// A parent is as heavy as its children or heavier and comes before them, so it is kept if they are.
    fn keep_heaviest(&mut self, nodes: &[Node<'_>], totals: &[u64]) {
        let mut order: Vec<usize> = (0..nodes.len()).collect();
        order.sort_by_key(|&at| (std::cmp::Reverse(totals[at]), at));
        order.truncate(NODES_MAX);
        // The root comes first though a node of no weight may be as heavy.
        order.sort_unstable();
        self.left_out = nodes.len() - order.len();
        let mut new: HashMap<usize, usize> = HashMap::new();
        let mut names: HashMap<&str, usize> = HashMap::new();
        for (to, &from) in order.iter().enumerate() {
            let node = &nodes[from];
            new.insert(from, to);
            let name = *names.entry(node.name).or_insert_with(|| {
                self.names.push(readable(node.name).into_owned());
                self.names.len() - 1
            });
            self.name.push(name);
            self.parent
                .push(new.get(&node.parent).copied().unwrap_or(0));
            self.own.push(node.own);
            self.total.push(totals[from]);
            self.calls.push(node.calls);
        }
    }

    /// The weight of the run.
    pub fn sum(&self) -> u64 {
        self.total.first().copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flame(rows: &str) -> Option<Flame> {
        let text = format!(r#"{{"weight":"fuel","tree":{rows}}}"#);
        Flame::of("profile", &serde_json::from_str(&text).expect("JSON"))
    }

    /// `a` of 1 calls `b` of 2 and, in that, `a` of 4: 7 in all, 6 of which in `b`.
    #[test]
    fn totals_are_those_of_the_nodes_below() {
        let flame = flame(
            r#"[{"node":1,"parent":0,"name":"a","calls":1,"self":1},
                {"node":2,"parent":1,"name":"b","calls":2,"self":2},
                {"node":3,"parent":2,"name":"a","calls":2,"self":4}]"#,
        )
        .expect("a tree");
        assert_eq!(flame.total, [7, 7, 6, 4]);
        assert_eq!(flame.parent, [0, 0, 1, 2]);
        assert_eq!(flame.names, ["", "a", "b"]);
        assert_eq!(flame.name, [0, 1, 2, 1]);
        assert_eq!(
            (flame.sum(), flame.unit.as_str(), flame.left_out),
            (7, "fuel", 0)
        );
    }

    /// Parents that come later, cycles, nodes twice, weights that no sum holds.
    #[test]
    fn trees_that_are_none() {
        let loops = flame(
            r#"[{"node":1,"parent":2,"name":"a","self":18446744073709551615},{"node":2,"parent":1,"name":"b","self":1},
                {"node":2,"parent":2,"name":"c","self":1},{"node":3,"parent":3}]"#,
        );
        let loops = loops.expect("a tree");
        assert_eq!(loops.parent, [0, 0, 1, 2, 0]);
        assert_eq!(loops.sum(), u64::MAX);
        assert_eq!(flame("[]"), None);
        assert_eq!(flame("[{}]"), None);
        assert_eq!(flame("null"), None);
    }

    #[test]
    fn the_lightest_nodes_are_left_out() {
        let rows: Vec<String> = (1..=NODES_MAX + 5)
            .map(|node| {
                format!(
                    r#"{{"node":{node},"parent":{},"name":"f","self":{node}}}"#,
                    node / 2
                )
            })
            .collect();
        let flame = flame(&format!("[{}]", rows.join(","))).expect("a tree");
        assert_eq!(flame.name.len(), NODES_MAX);
        assert_eq!(flame.left_out, 6);
        let all = (NODES_MAX as u64 + 5) * (NODES_MAX as u64 + 6) / 2;
        assert_eq!(flame.sum(), all);
        assert!((1..flame.parent.len()).all(|at| flame.parent[at] < at));
    }
}
