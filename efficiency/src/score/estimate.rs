//! Estimators of what k of n samples would have given, in forms that neither overflow nor cancel.
//!
//! Both are the mean over all subsets of k samples, without the subsets: nothing here is of the size of a binomial.

/// pass@k of a task with `n` samples of which `c` pass: `1 - C(n-c, k) / C(n, k)`, as the product of `1 - k/i` for
/// `i` in `n-c+1..=n` (Chen et al., 2021, "Evaluating Large Language Models Trained on Code").
///
/// `None` if there are fewer than `k` samples, or `k` is 0: there is no subset to speak of.
pub fn pass_at_k(n: u64, c: u64, k: u64) -> Option<f64> {
    if k == 0 || n < k {
        return None;
    }
    let c = c.min(n);
    if n - c < k {
        return Some(1.0);
    }
    let all_fail: f64 = (n - c + 1..=n).map(|i| 1.0 - k as f64 / i as f64).product();
    Some(1.0 - all_fail)
}

/// The mean over all subsets of `k` samples of the greatest value in each: with the values in rising order,
/// `sum over r = k..n of C(r-1, k-1) / C(n, k) * e_(r)` (Qiu et al., 2025, ENAMEL, eff@k).
///
/// The weight of the greatest value is `k/n`; each lower one is the weight above times `1 - (k-1)/(r-1)`, `r` being the
/// rank above. `None` as for [`pass_at_k`].
pub fn best_of_k(values: &[f64], k: u64) -> Option<f64> {
    let n = values.len() as u64;
    if k == 0 || n < k {
        return None;
    }
    let mut falling = values.to_vec();
    falling.sort_by(|a, b| b.total_cmp(a));
    let mut weight = k as f64 / n as f64;
    let mut sum = 0.0;
    for (rank, value) in (k..=n).rev().zip(falling) {
        sum += weight * value;
        // At rank 1 the loop ends: k is 1, too.
        if rank > 1 {
            weight *= 1.0 - (k - 1) as f64 / (rank - 1) as f64;
        }
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every subset of k of the values, by bit masks.
    fn subsets(values: &[f64], k: u32) -> Vec<Vec<f64>> {
        let masks = (0u32..1 << values.len()).filter(|mask| mask.count_ones() == k);
        let chosen = |mask: u32| (0..values.len()).filter(move |i| mask >> i & 1 == 1);
        masks
            .map(|mask| chosen(mask).map(|i| values[i]).collect())
            .collect()
    }

    fn mean_of_best(values: &[f64], k: u32) -> f64 {
        let subsets = subsets(values, k);
        let best = |subset: &Vec<f64>| subset.iter().copied().fold(f64::MIN, f64::max);
        subsets.iter().map(best).sum::<f64>() / subsets.len() as f64
    }

    #[test]
    fn pass_at_k_by_hand() {
        for (n, c, k, expected) in [
            // Of 5 samples 2 pass: 1 - C(3,1)/C(5,1) = 2/5.
            (5, 2, 1, 0.4),
            // 1 - C(3,2)/C(5,2) = 1 - 3/10.
            (5, 2, 2, 0.7),
            // 3 fail, and 4 are taken: one of them passes.
            (5, 2, 4, 1.0),
            (5, 0, 3, 0.0),
            (1, 1, 1, 1.0),
        ] {
            let got = pass_at_k(n, c, k).expect("enough samples");
            assert!((got - expected).abs() < 1e-15, "{n} {c} {k}: {got}");
        }
        assert_eq!(pass_at_k(3, 3, 4), None);
        assert_eq!(pass_at_k(0, 0, 1), None);
        assert_eq!(pass_at_k(3, 1, 0), None);
        // 1 - C(9999, 100)/C(10000, 100) = 100/10000, though the binomials have hundreds of digits.
        let large = pass_at_k(10_000, 1, 100).expect("enough samples");
        assert!((large - 0.01).abs() < 1e-12, "{large}");
    }

    #[test]
    fn best_of_k_by_hand() {
        // Pairs of 1, 2, 4: {1,2} 2, {1,4} 4, {2,4} 4: 10/3.
        let got = best_of_k(&[4.0, 1.0, 2.0], 2).expect("enough values");
        assert!((got - 10.0 / 3.0).abs() < 1e-15, "{got}");
        // One of them: the mean. All of them: the greatest.
        let got = best_of_k(&[4.0, 1.0, 1.0], 1).expect("enough values");
        assert!((got - 2.0).abs() < 1e-15, "{got}");
        assert_eq!(best_of_k(&[4.0, 1.0, 2.0], 3), Some(4.0));
        assert_eq!(best_of_k(&[4.0], 2), None);
        assert_eq!(best_of_k(&[], 1), None);
        assert_eq!(best_of_k(&[4.0], 0), None);
        // C(2000, 1000) is far above what a double holds.
        let ones = vec![1.0; 2000];
        let got = best_of_k(&ones, 1000).expect("enough values");
        assert!((got - 1.0).abs() < 1e-9, "{got}");
    }

    proptest! {
        #[test]
        fn estimators_are_means_over_all_subsets(
            values in proptest::collection::vec(0.0..1.5f64, 1..10),
            passed in proptest::collection::vec(any::<bool>(), 1..10),
            k in 1u32..11,
        ) {
            match best_of_k(&values, u64::from(k)) {
                None => prop_assert!(k as usize > values.len()),
                Some(got) => prop_assert!((got - mean_of_best(&values, k)).abs() < 1e-12),
            }
            let marks: Vec<f64> = passed.iter().map(|&passed| f64::from(u8::from(passed))).collect();
            let (n, c) = (passed.len() as u64, passed.iter().filter(|&&p| p).count() as u64);
            match pass_at_k(n, c, u64::from(k)) {
                None => prop_assert!(u64::from(k) > n),
                Some(got) => prop_assert!((got - mean_of_best(&marks, k)).abs() < 1e-12),
            }
        }
    }
}
