//! RDM comparison, noise ceilings and Mantel tests against rsatoolbox and `SciPy`; the numbers come from
//! `tests/golden/make/stats_rsa.py`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;

use likewise::platform::now_millis;
use likewise::stats::distance::{Metric, rdm_from_features};
use likewise::stats::mantel::{Permutations, Tail, mantel};
use likewise::stats::noise_ceiling::noise_ceiling;
use likewise::stats::rdm::{Rdm, pair_count};
use likewise::stats::rdm_bootstrap::{Factor, bootstrap_evaluation, dual_variance};
use likewise::stats::rdm_compare::{Measure, compare};
use likewise::stats::rng::Pcg32;
use serde::Deserialize;

use crate::stats::{cases, close};

fn rdm(values: &[Option<f64>]) -> Rdm {
    Rdm::from_values(values.iter().map(|value| value.unwrap_or(f64::NAN)).collect()).unwrap()
}

#[derive(Deserialize)]
struct CompareCase {
    n: usize,
    a: Vec<Option<f64>>,
    b: Vec<Option<f64>>,
    #[serde(flatten)]
    values: BTreeMap<String, f64>,
}

#[test]
fn rdm_comparison_agrees_with_rsatoolbox() {
    for case in cases::<CompareCase>(include_str!("../golden/stats/rdm_compare.json")) {
        let (a, b) = (rdm(&case.a), rdm(&case.b));
        assert_eq!(a.n_items(), case.n);
        assert_eq!(case.values.len(), Measure::ALL.len());
        for measure in Measure::ALL {
            let found = compare(&a, &b, measure).unwrap();
            close(found.value, case.values[measure.name()], 1e-9);
            assert_eq!(found.n_pairs, a.values().len() - a.n_missing());
        }
    }
}

#[derive(Deserialize)]
struct CeilingCase {
    rdms: Vec<Vec<Option<f64>>>,
    #[serde(flatten)]
    bounds: BTreeMap<String, [f64; 2]>,
}

#[test]
fn noise_ceilings_agree_with_rsatoolbox() {
    for case in cases::<CeilingCase>(include_str!("../golden/stats/noise_ceiling.json")) {
        let rdms: Vec<Rdm> = case.rdms.iter().map(|values| rdm(values)).collect();
        for measure in Measure::ALL {
            let found = noise_ceiling(&rdms, measure).unwrap();
            close(found.lower.unwrap(), case.bounds[measure.name()][0], 1e-9);
            close(found.upper, case.bounds[measure.name()][1], 1e-9);
        }
    }
}

/// Four subjects and a model with published values.
#[test]
fn the_worked_example_of_rdms_has_its_published_values() {
    let full = |values: [f64; 6]| Rdm::from_values(values.to_vec()).unwrap();
    let subjects = [
        full([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        full([1.0, 3.0, 2.0, 4.0, 6.0, 5.0]),
        full([2.0, 1.0, 3.0, 5.0, 4.0, 6.0]),
        full([1.0, 2.0, 4.0, 3.0, 5.0, 6.0]),
    ];
    let model = full([1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
    for (measure, values, bounds) in [
        (Measure::Cosine, [0.990_536, 0.970_725, 0.970_725, 0.990_536], [0.976_653, 0.986_864]),
        (Measure::Pearson, [0.956_183, 0.836_660, 0.836_660, 0.956_183], [0.875_236, 0.929_670]),
        (Measure::RhoA, [0.914_286, 0.8, 0.8, 0.914_286], [0.928_571, 0.928_571]),
        (Measure::TauA, [0.8, 0.666_667, 0.666_667, 0.8], [0.833_333, 0.833_333]),
    ] {
        for (subject, expected) in subjects.iter().zip(values) {
            close(compare(&model, subject, measure).unwrap().value, expected, 1e-6);
        }
        let found = noise_ceiling(&subjects, measure).unwrap();
        close(found.lower.unwrap(), bounds[0], 1e-6);
        close(found.upper, bounds[1], 1e-6);
    }
}

#[derive(Deserialize)]
struct MantelCase {
    a: Vec<Option<f64>>,
    b: Vec<Option<f64>>,
    pearson: MantelValue,
    spearman: MantelValue,
}

#[derive(Deserialize)]
struct MantelValue {
    r: f64,
    greater: f64,
    two_sided: f64,
}

#[test]
fn mantel_tests_agree_with_trying_all_permutations_in_scipy() {
    for case in cases::<MantelCase>(include_str!("../golden/stats/mantel.json")) {
        let (a, b) = (rdm(&case.a), rdm(&case.b));
        for (measure, expected) in [(Measure::Pearson, &case.pearson), (Measure::Spearman, &case.spearman)] {
            let greater = mantel(&a, &b, measure, Tail::Greater, Permutations::Exact).unwrap();
            close(greater.r, expected.r, 1e-12);
            close(greater.p, expected.greater, 1e-12);
            let two = mantel(&a, &b, measure, Tail::TwoSided, Permutations::Exact).unwrap();
            close(two.p, expected.two_sided, 1e-12);
            let permutations = Permutations::Sampled(20_000, &mut Pcg32::new(1));
            let sampled = mantel(&a, &b, measure, Tail::Greater, permutations).unwrap();
            // Five standard errors.
            close(sampled.p, expected.greater, 5.0 * (0.25_f64 / 20_000.0).sqrt());
        }
    }
}

#[test]
fn mantel_tests_have_their_published_values() {
    let full = |values: &[f64]| Rdm::from_values(values.to_vec()).unwrap();
    let a = full(&[1.0, 4.0, 6.0, 7.0, 3.0, 5.0, 8.0, 2.0, 6.0, 3.0]);
    let b = full(&[2.0, 3.0, 7.0, 6.0, 4.0, 4.0, 9.0, 1.0, 5.0, 4.0]);
    let found = mantel(&a, &b, Measure::Pearson, Tail::Greater, Permutations::Exact).unwrap();
    close(found.r, 0.897_671, 1e-6);
    close(found.p, 1.0 / 120.0, 1e-12);
    // From the documentation of scikit-bio.
    let (x, y) = (full(&[1.0, 2.0, 3.0]), full(&[2.0, 7.0, 6.0]));
    close(compare(&x, &y, Measure::Pearson).unwrap().value, 0.7559, 1e-4);
}

#[derive(Deserialize)]
struct DistanceCase {
    rows: Vec<Vec<f64>>,
    cosine: Vec<f64>,
    correlation: Vec<f64>,
    euclidean: Vec<f64>,
    centered_cosine: Vec<f64>,
}

#[test]
fn distances_agree_with_scipy() {
    for case in cases::<DistanceCase>(include_str!("../golden/stats/distance.json")) {
        for (metric, center, expected) in [
            (Metric::Cosine, false, &case.cosine),
            (Metric::Correlation, false, &case.correlation),
            (Metric::Euclidean, false, &case.euclidean),
            (Metric::Cosine, true, &case.centered_cosine),
        ] {
            let names = (0..case.rows.len()).map(|item| item.to_string()).collect();
            let found = rdm_from_features(names, &case.rows, metric, center).unwrap();
            assert_eq!(found.values().len(), expected.len());
            for (value, expected) in found.values().iter().zip(expected) {
                close(*value, *expected, 1e-12);
            }
        }
    }
}

#[derive(Deserialize)]
struct DualCase {
    both: f64,
    subjects: f64,
    conditions: f64,
    n_subjects: usize,
    n_conditions: usize,
    value: f64,
}

#[test]
fn the_variance_of_both_factors_agrees_with_rsatoolbox() {
    for case in cases::<DualCase>(include_str!("../golden/stats/dual_variance.json")) {
        let found = dual_variance(case.both, case.subjects, case.conditions, case.n_subjects, case.n_conditions);
        close(found, case.value, 1e-12);
    }
}

/// Ten thousand resamples of a comparison of 50 items, for each way to resample; prints the time (not asserted: see
/// `cargo test --release --test it fifty_items -- --nocapture`).
#[test]
fn ten_thousand_resamples_of_fifty_items_recover_a_planted_structure() {
    const N: usize = 10_000;
    let mut rng = Pcg32::new(50);
    let truth: Vec<f64> = (0..pair_count(50)).map(|_| rng.unit()).collect();
    let mut noisy = || Rdm::from_values(truth.iter().map(|value| value + 0.2 * rng.normal()).collect()).unwrap();
    let (model, person) = (noisy(), noisy());
    for measure in [Measure::Pearson, Measure::Spearman, Measure::RhoA, Measure::TauA, Measure::Cosine] {
        let start = now_millis();
        let permutations = Permutations::Sampled(N, &mut Pcg32::new(1));
        let test = mantel(&model, &person, measure, Tail::Greater, permutations).unwrap();
        let middle = now_millis();
        let (models, people) = (std::slice::from_ref(&model), std::slice::from_ref(&person));
        let drawn = bootstrap_evaluation(models, people, measure, Factor::Conditions, N, &mut Pcg32::new(2)).unwrap();
        eprintln!("{:14} Mantel {:5.0} ms, bootstrap {:5.0} ms", measure.name(), middle - start, now_millis() - middle);
        close(test.p, 1.0 / (N as f64 + 1.0), 1e-15);
        let interval = drawn.percentile(0, 0.95).unwrap();
        assert_eq!((interval.resamples, interval.undefined), (N, 0));
        assert!(interval.low < drawn.values[0] && drawn.values[0] < interval.high && interval.low > 0.2);
    }
}
