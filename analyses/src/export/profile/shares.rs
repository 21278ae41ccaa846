//! The weight of offsets along the call tree. A tree of exact counts knows the weight of each node, and that of each
//! offset of a function over all its nodes. Formats whose samples have both get each node's part of each line in
//! proportion, rounded such that the sums of both stay exact.

use std::collections::HashMap;

use crate::profile::data::{Function, Node, Profile};

/// Own weight by offset of each node; what is known of it, else its part. Empty where lines are not known, or the sums of a
/// function's nodes and offsets are not the same (because others are folded into it).
pub(super) fn shares(profile: &Profile) -> Vec<Vec<(u32, u64)>> {
    // What no node has taken yet, by function.
    let mut left: Vec<Vec<(u32, u64)>> = profile.functions.iter().map(by_line).collect();
    let mut weights = vec![0u64; left.len()];
    for node in own(profile) {
        weights[node.function as usize] += node.weight;
    }
    for (left, weight) in left.iter_mut().zip(weights) {
        if left.iter().map(|(_, n)| n).sum::<u64>() != weight {
            left.clear();
        }
    }
    let share = |node: &Node| match node.pcs.is_empty() {
        true => take(&mut left[node.function as usize], node.weight),
        false => node.pcs.clone(),
    };
    // Node 0 is of no function.
    let root = Vec::new();
    std::iter::once(root)
        .chain(profile.nodes.iter().skip(1).map(share))
        .collect()
}

/// The weight of each line of a function, at the first of its offsets: with each offset of its own there would be
/// many times as many samples, and what shows lines shows the same.
fn by_line(function: &Function) -> Vec<(u32, u64)> {
    if function.places.is_empty() {
        return Vec::new();
    }
    let mut lines = Vec::new();
    let mut known: HashMap<Option<Vec<_>>, usize> = HashMap::new();
    for &(pc, weight) in &function.pcs {
        let places = function.places.get(&pc).map(|places| {
            let frames = places.iter();
            frames
                .map(|frame| (&frame.function, &frame.place))
                .collect()
        });
        let at = *known.entry(places).or_insert_with(|| {
            lines.push((pc, 0));
            lines.len() - 1
        });
        lines[at].1 += weight;
    }
    lines
}

/// The nodes that do not know their offsets.
fn own(profile: &Profile) -> impl Iterator<Item = &Node> {
    let nodes = profile.nodes.iter().skip(1);
    nodes.filter(|node| node.pcs.is_empty())
}

/// Takes a weight out of what is left, of each offset in proportion. What is taken up to an offset is rounded down, so
/// that all of them together are the weight, and of none more is taken than is there.
fn take(left: &mut [(u32, u64)], weight: u64) -> Vec<(u32, u64)> {
    let all: u128 = left.iter().map(|&(_, n)| u128::from(n)).sum();
    if all == 0 {
        return Vec::new();
    }
    let (mut before, mut taken) = (0u128, 0u128);
    let mut shares = Vec::new();
    for (pc, left) in left {
        before += u128::from(*left);
        let up_to = before * u128::from(weight) / all;
        let share = (up_to - taken) as u64;
        taken = up_to;
        if share > 0 {
            *left -= share;
            shares.push((*pc, share));
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::take;

    #[test]
    fn parts_add_up() {
        // Offsets 1, 2 and 3 weigh 5, 3 and 2, of nodes that weigh 3, 3 and 4. Of the first: 15/10, 24/10 and 30/10 rounded down
        // are 1, 2 and 3. Then 4, 2 and 1 are left: 12/7, 18/7 and 21/7 are 1, 2 and 3. The last takes the rest.
        let mut left = [(1, 5), (2, 3), (3, 2)];
        assert_eq!(take(&mut left, 3), [(1, 1), (2, 1), (3, 1)]);
        assert_eq!(left, [(1, 4), (2, 2), (3, 1)]);
        assert_eq!(take(&mut left, 3), [(1, 1), (2, 1), (3, 1)]);
        assert_eq!(take(&mut left, 4), [(1, 3), (2, 1)]);
        assert_eq!(left, [(1, 0), (2, 0), (3, 0)]);
        assert_eq!(take(&mut left, 0), []);
        // Products have more than 64 bits.
        let mut left = [(1, u64::MAX / 2), (2, u64::MAX / 2)];
        let shares = take(&mut left, u64::MAX - 2);
        assert_eq!(shares.iter().map(|(_, n)| n).sum::<u64>(), u64::MAX - 2);
    }
}
