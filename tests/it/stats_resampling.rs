//! `BCa`, permutation tests, `McNemar` and Holm against `SciPy` and statsmodels; the numbers come from
//! `tests/golden/make/stats_resampling.py`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use likewise::stats::bootstrap::bca_of_draws;
use likewise::stats::mcnemar::mcnemar;
use likewise::stats::multiplicity::holm;
use likewise::stats::permutation::{paired, two_sample};
use likewise::stats::rng::Pcg32;
use serde::Deserialize;

use crate::stats::{cases, close};

#[derive(Deserialize)]
struct BcaCase {
    draws: Vec<f64>,
    level: f64,
    estimate: f64,
    jackknife: Vec<Vec<f64>>,
    low: f64,
    high: f64,
}

#[test]
fn bca_intervals_of_the_same_draws_agree_with_scipy() {
    for case in cases::<BcaCase>(include_str!("../golden/stats/bca.json")) {
        let jackknife: Vec<&[f64]> = case.jackknife.iter().map(Vec::as_slice).collect();
        let found = bca_of_draws(&case.draws, 0, case.level, case.estimate, &jackknife).unwrap();
        close(found.low, case.low, 1e-9);
        close(found.high, case.high, 1e-9);
    }
}

#[derive(Deserialize)]
struct PermutationCase {
    x: Vec<f64>,
    y: Vec<f64>,
    paired_difference: f64,
    paired_p: f64,
    split: usize,
    two_sample_difference: f64,
    two_sample_p: f64,
}

#[test]
fn exact_permutation_tests_agree_with_scipy() {
    for case in cases::<PermutationCase>(include_str!("../golden/stats/permutation.json")) {
        let mut rng = Pcg32::new(1);
        let found = paired(&case.x, &case.y, 10, &mut rng).unwrap();
        close(found.difference, case.paired_difference, 1e-12);
        close(found.p, case.paired_p, 1e-12);
        let found = two_sample(&case.x[..case.split], &case.y[..=case.split], 10, &mut rng).unwrap();
        close(found.difference, case.two_sample_difference, 1e-12);
        close(found.p, case.two_sample_p, 1e-12);
        assert!(found.exact);
    }
}

#[derive(Deserialize)]
struct McNemarCase {
    b: u64,
    c: u64,
    exact: f64,
    chi2: f64,
    corrected: f64,
}

#[test]
fn mcnemar_agrees_with_statsmodels_and_the_published_value() {
    for case in cases::<McNemarCase>(include_str!("../golden/stats/mcnemar.json")) {
        let found = mcnemar(case.b, case.c).unwrap();
        close(found.exact, case.exact, 1e-12);
        close(found.chi2, case.chi2, 1e-12);
        close(found.corrected, case.corrected, 1e-12);
    }
    close(mcnemar(8, 2).unwrap().exact, 0.109_375, 1e-12);
}

#[derive(Deserialize)]
struct HolmCase {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

#[test]
fn holm_agrees_with_statsmodels() {
    for case in cases::<HolmCase>(include_str!("../golden/stats/holm.json")) {
        for (found, expected) in holm(&case.p).unwrap().iter().zip(&case.adjusted) {
            close(*found, *expected, 1e-12);
        }
    }
}
