//! Kappa, alpha, ICC and split halves against scikit-learn, statsmodels, krippendorff and pingouin; the numbers come
//! from `tests/golden/make/stats_agreement.py`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use likewise::stats::icc::icc;
use likewise::stats::kappa::{Weighting, cohen, fleiss};
use likewise::stats::krippendorff::{Level, alpha};
use likewise::stats::reliability::split_half;
use likewise::stats::rng::Pcg32;
use serde::Deserialize;

use crate::stats::{cases, close};

type Ratings = Vec<Vec<Option<f64>>>;

fn table(ratings: &Ratings) -> Vec<Vec<f64>> {
    ratings.iter().map(|row| row.iter().map(|value| value.unwrap_or(f64::NAN)).collect()).collect()
}

#[derive(Deserialize)]
struct KappaCase {
    a: Vec<usize>,
    b: Vec<usize>,
    unweighted: f64,
    linear: f64,
    quadratic: f64,
}

#[test]
fn cohens_kappa_agrees_with_scikit_learn() {
    for case in cases::<KappaCase>(include_str!("../golden/stats/kappa.json")) {
        close(cohen(&case.a, &case.b, Weighting::Unweighted).unwrap(), case.unweighted, 1e-12);
        close(cohen(&case.a, &case.b, Weighting::Linear).unwrap(), case.linear, 1e-12);
        close(cohen(&case.a, &case.b, Weighting::Quadratic).unwrap(), case.quadratic, 1e-12);
    }
}

#[derive(Deserialize)]
struct FleissCase {
    counts: Vec<Vec<u32>>,
    kappa: f64,
}

#[test]
fn fleiss_kappa_agrees_with_statsmodels() {
    for case in cases::<FleissCase>(include_str!("../golden/stats/fleiss.json")) {
        close(fleiss(&case.counts).unwrap(), case.kappa, 1e-12);
    }
}

#[derive(Deserialize)]
struct AlphaCase {
    ratings: Ratings,
    nominal: f64,
    ordinal: f64,
    interval: f64,
    ratio: f64,
}

#[test]
fn alpha_agrees_with_krippendorff_and_the_published_example() {
    let found = cases::<AlphaCase>(include_str!("../golden/stats/krippendorff.json"));
    for case in &found {
        let ratings = table(&case.ratings);
        for (level, expected) in [
            (Level::Nominal, case.nominal),
            (Level::Ordinal, case.ordinal),
            (Level::Interval, case.interval),
            (Level::Ratio, case.ratio),
        ] {
            close(alpha(&ratings, level).unwrap().alpha, expected, 1e-9);
        }
    }
    // The first case is Krippendorff's own, with these published values.
    let ratings = table(&found[0].ratings);
    close(alpha(&ratings, Level::Nominal).unwrap().alpha, 0.691_358, 1e-6);
    close(alpha(&ratings, Level::Ordinal).unwrap().alpha, 0.806_721, 1e-6);
    close(alpha(&ratings, Level::Interval).unwrap().alpha, 0.810_845, 1e-6);
    close(alpha(&ratings, Level::Ratio).unwrap().alpha, 0.808_944, 1e-6);
}

#[derive(Deserialize)]
struct IccCase {
    ratings: Vec<Vec<f64>>,
    rows: Vec<IccRow>,
}

#[derive(Deserialize)]
struct IccRow {
    value: f64,
    f: f64,
    p: f64,
    low: f64,
    high: f64,
    r#type: String,
}

#[test]
fn intraclass_correlations_agree_with_pingouin() {
    for case in cases::<IccCase>(include_str!("../golden/stats/icc.json")) {
        let found = icc(&case.ratings, 0.95).unwrap();
        assert_eq!(case.rows.len(), 6);
        for row in &case.rows {
            let ours = match row.r#type.as_str() {
                "ICC(1,1)" => found.icc1,
                "ICC(A,1)" => found.icc2,
                "ICC(C,1)" => found.icc3,
                "ICC(1,k)" => found.icc1k,
                "ICC(A,k)" => found.icc2k,
                "ICC(C,k)" => found.icc3k,
                other => panic!("{other}"),
            };
            close(ours.value, row.value, 1e-9);
            close(ours.f / row.f, 1.0, 1e-9);
            close(ours.p, row.p, 1e-9);
            close(ours.low, row.low, 1e-9);
            close(ours.high, row.high, 1e-9);
        }
    }
}

#[derive(Deserialize)]
struct SplitCase {
    ratings: Ratings,
    splits: usize,
    r: f64,
    spearman_brown: f64,
}

#[test]
fn all_split_halves_agree_with_numpy() {
    for case in cases::<SplitCase>(include_str!("../golden/stats/split_half.json")) {
        let found = split_half(&table(&case.ratings), 1000, &mut Pcg32::new(1)).unwrap();
        assert!(found.exact);
        assert_eq!((found.splits, found.undefined), (case.splits, 0));
        close(found.r, case.r, 1e-9);
        close(found.spearman_brown, case.spearman_brown, 1e-9);
    }
}
