//! Distances from a set of vectors against scikit-learn; the numbers come from `tests/golden/make/stats_outlier.py`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use likewise::stats::outlier::{Mahalanobis, Tapudd, k_means, kth_nearest, normalized};
use serde::Deserialize;

use crate::stats::{cases, close};

#[derive(Deserialize)]
struct Case {
    rows: Vec<Vec<f64>>,
    groups: Vec<usize>,
    queries: Vec<Vec<f64>>,
    shrinkage: f64,
    squared: Vec<f64>,
    kth: Vec<Vec<f64>>,
    most: usize,
    partitions: Vec<Vec<usize>>,
    tapudd: Vec<f64>,
}

#[test]
fn distances_from_a_set_agree_with_scikit_learn() {
    let cases = cases::<Case>(include_str!("../golden/stats/outlier.json"));
    assert_eq!(cases.len(), 4);
    for case in cases {
        let fitted = Mahalanobis::new(&case.rows, &case.groups).unwrap();
        close(fitted.shrinkage(), case.shrinkage, 1e-9);
        let bank: Vec<Vec<f64>> = case.rows.iter().map(|row| normalized(row).unwrap()).collect();
        let tapudd = Tapudd::new(&case.rows, case.most).unwrap();
        for (at, query) in case.queries.iter().enumerate() {
            let relative = |found: f64, expected: f64| close(found / expected, 1.0, 1e-9);
            relative(fitted.squared(query).unwrap(), case.squared[at]);
            relative(tapudd.squared(query).unwrap(), case.tapudd[at]);
            for (k, expected) in case.kth[at].iter().enumerate() {
                close(kth_nearest(&bank, &normalized(query).unwrap(), k + 1).unwrap(), *expected, 1e-9);
            }
        }
        for (k, expected) in case.partitions.iter().enumerate() {
            let found = k_means(&case.rows, k + 1).unwrap();
            // Groups may have other names.
            for (a, b) in found.iter().zip(expected) {
                for (c, d) in found.iter().zip(expected) {
                    assert_eq!(a == c, b == d, "partition into {}", k + 1);
                }
            }
        }
    }
}
