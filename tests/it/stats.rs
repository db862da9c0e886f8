//! Statistics against `SciPy`, `NumPy` and statsmodels; the numbers come from `tests/golden/make/stats.py`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use likewise::stats::bootstrap::{percentile_interval, quantile};
use likewise::stats::proportion::{clopper_pearson, normal_quantile, wilson};
use likewise::stats::rank::{kendall_tau_a, kendall_tau_b, pearson, rho_a, spearman};
use likewise::stats::rng::Pcg32;
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
struct Golden<C> {
    cases: Vec<C>,
}

pub(crate) fn cases<C: DeserializeOwned>(text: &str) -> Vec<C> {
    let golden: Golden<C> = serde_json::from_str(text).unwrap();
    assert!(golden.cases.len() > 1);
    golden.cases
}

#[track_caller]
pub(crate) fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} is not {expected}");
}

#[derive(Deserialize)]
struct WilsonCase {
    k: u64,
    n: u64,
    level: f64,
    low: f64,
    high: f64,
    exact: [f64; 2],
}

#[test]
fn wilson_agrees_with_statsmodels() {
    for case in cases::<WilsonCase>(include_str!("../golden/stats/wilson.json")) {
        let (low, high) = wilson(case.k, case.n, case.level).unwrap();
        close(low, case.low, 1e-12);
        close(high, case.high, 1e-12);
        let (low, high) = clopper_pearson(case.k, case.n, case.level).unwrap();
        close(low, case.exact[0], 1e-12);
        close(high, case.exact[1], 1e-12);
    }
}

#[derive(Deserialize)]
struct QuantileOfNormal {
    p: f64,
    z: f64,
}

#[test]
fn normal_quantiles_agree_with_scipy() {
    for case in cases::<QuantileOfNormal>(include_str!("../golden/stats/normal_quantile.json")) {
        // 1 - p is itself rounded: at 0.999999 that alone moves z by 1e-11.
        close(normal_quantile(case.p).unwrap(), case.z, 2e-11);
    }
}

#[derive(Deserialize)]
struct RankCase {
    x: Vec<f64>,
    y: Vec<f64>,
    pearson: f64,
    spearman: f64,
    kendall_tau_b: f64,
}

#[test]
fn correlations_agree_with_scipy() {
    for case in cases::<RankCase>(include_str!("../golden/stats/rank.json")) {
        close(pearson(&case.x, &case.y).unwrap(), case.pearson, 1e-12);
        close(spearman(&case.x, &case.y).unwrap(), case.spearman, 1e-12);
        close(kendall_tau_b(&case.x, &case.y).unwrap(), case.kendall_tau_b, 1e-12);
    }
}

/// Published with the list of statistics that must be right.
#[test]
fn the_worked_example_of_ties_has_its_published_values() {
    let (x, y) = ([1.0, 2.0, 2.0, 3.0, 4.0, 4.0], [1.0, 3.0, 2.0, 2.0, 5.0, 4.0]);
    close(kendall_tau_a(&x, &y).unwrap(), 0.666_667, 1e-6);
    close(kendall_tau_b(&x, &y).unwrap(), 0.741_249, 1e-6);
    close(spearman(&x, &y).unwrap(), 0.850_841, 1e-6);
    close(rho_a(&x, &y).unwrap(), 0.814_286, 1e-6);
    let (x, y) = ([1.0, 2.0, 2.0, 3.0, 5.0, 4.0], [2.0, 1.0, 2.0, 4.0, 4.0, 6.0]);
    close(kendall_tau_a(&x, &y).unwrap(), 0.533_333, 1e-6);
    close(rho_a(&x, &y).unwrap(), 0.728_571, 1e-6);
}

#[derive(Deserialize)]
struct QuantileCase {
    sorted: Vec<f64>,
    q: f64,
    value: f64,
}

#[test]
fn quantiles_agree_with_numpy() {
    for case in cases::<QuantileCase>(include_str!("../golden/stats/quantile.json")) {
        close(quantile(&case.sorted, case.q).unwrap(), case.value, 1e-12);
    }
}

#[derive(Deserialize)]
struct BootstrapCase {
    x: Vec<f64>,
    y: Vec<f64>,
    mean: [f64; 2],
    spearman: [f64; 2],
}

#[test]
fn bootstrap_intervals_agree_with_scipy_to_monte_carlo_error() {
    for case in cases::<BootstrapCase>(include_str!("../golden/stats/bootstrap.json")) {
        let take = |values: &[f64], indices: &[usize]| indices.iter().map(|&index| values[index]).collect::<Vec<f64>>();
        let n = case.x.len();
        let mean = percentile_interval(n, 20_000, 0.95, &mut Pcg32::new(1), |indices| {
            Some(take(&case.x, indices).iter().sum::<f64>() / n as f64)
        })
        .unwrap();
        // The end of an interval from 20,000 resamples has a standard error of about 1 % of the width.
        let tolerance = 0.04 * (case.mean[1] - case.mean[0]);
        close(mean.low, case.mean[0], tolerance);
        close(mean.high, case.mean[1], tolerance);
        let rho = percentile_interval(n, 10_000, 0.95, &mut Pcg32::new(2), |indices| {
            spearman(&take(&case.x, indices), &take(&case.y, indices)).ok()
        })
        .unwrap();
        let tolerance = 0.05 * (case.spearman[1] - case.spearman[0]);
        close(rho.low, case.spearman[0], tolerance);
        close(rho.high, case.spearman[1], tolerance);
    }
}
