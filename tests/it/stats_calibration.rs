//! Calibration and selective prediction against scikit-learn; the numbers come from
//! `tests/golden/make/stats_calibration.py`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use likewise::stats::calibration::{Bin, Binning, brier, brier_multiclass, ece, log_loss, murphy, reliability_bins};
use likewise::stats::selective::{auroc, risk_areas};
use serde::Deserialize;

use crate::stats::{cases, close};

#[derive(Deserialize)]
struct Case {
    kind: String,
    confidence: Vec<f64>,
    correct: Vec<bool>,
    brier: f64,
    log_loss: f64,
    auroc: f64,
    ece_width_10: f64,
    bin_n: Vec<usize>,
    bin_confidence: Vec<f64>,
    bin_accuracy: Vec<f64>,
    ece_width_5: f64,
    ece_mass_5: Option<f64>,
    aurc: f64,
    best: f64,
    augrc: f64,
}

#[test]
fn calibration_agrees_with_scikit_learn() {
    for case in cases::<Case>(include_str!("../golden/stats/calibration.json")) {
        let (confidence, correct) = (&case.confidence, &case.correct);
        close(brier(confidence, correct).unwrap(), case.brier, 1e-12);
        close(log_loss(confidence, correct).unwrap(), case.log_loss, 1e-9);
        let split = murphy(confidence, correct).unwrap();
        close(split.reliability - split.resolution + split.uncertainty, case.brier, 1e-12);
        let width = |bins| reliability_bins(confidence, correct, bins, Binning::Width).unwrap();
        close(ece(&width(5)), case.ece_width_5, 1e-12);
        close(ece(&width(10)), case.ece_width_10, 1e-12);
        let bins: Vec<Bin> = width(10).into_iter().filter(|bin| bin.n > 0).collect();
        assert_eq!(bins.iter().map(|bin| bin.n).collect::<Vec<_>>(), case.bin_n);
        for (bin, (mean, accuracy)) in bins.iter().zip(case.bin_confidence.iter().zip(&case.bin_accuracy)) {
            close(bin.confidence, *mean, 1e-12);
            close(bin.accuracy, *accuracy, 1e-12);
        }
        if let Some(expected) = case.ece_mass_5 {
            close(ece(&reliability_bins(confidence, correct, 5, Binning::Mass).unwrap()), expected, 1e-12);
        }
    }
}

#[test]
fn selective_prediction_agrees_with_scikit_learn_and_its_definition() {
    for case in cases::<Case>(include_str!("../golden/stats/calibration.json")) {
        let found = risk_areas(&case.confidence, &case.correct).unwrap();
        close(auroc(&case.confidence, &case.correct).unwrap(), case.auroc, 1e-12);
        // Ties: the reference is a mean over 20,000 random orders.
        let tolerance = if case.kind == "tied" { 2e-4 } else { 1e-12 };
        close(found.aurc, case.aurc, tolerance);
        close(found.augrc, case.augrc, tolerance);
        close(found.best, case.best, 1e-12);
    }
}

/// Ten answers with known values. The published areas and mass bins part the tie at 0.9 by a sort that keeps the order
/// of the list, downward and upward; ours average over it.
#[test]
fn the_worked_example_has_its_published_values() {
    let correct = [true, true, false, true, true, false, true, false, true, false];
    let tied = [0.95, 0.9, 0.9, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5];
    let (mut downward, mut upward) = (tied, tied);
    downward[1] += 1e-9;
    upward[2] += 1e-9;
    let measure =
        |confidence: &[f64], bins, binning| ece(&reliability_bins(confidence, &correct, bins, binning).unwrap());
    close(brier(&tied, &correct).unwrap(), 0.235, 1e-12);
    close(log_loss(&tied, &correct).unwrap(), 0.681_210, 1e-6);
    close(measure(&tied, 10, Binning::Width), 0.23, 1e-12);
    close(measure(&tied, 5, Binning::Width), 0.15, 1e-12);
    close(measure(&upward, 5, Binning::Mass), 0.19, 1e-9);
    close(measure(&tied, 5, Binning::Mass), 0.13, 1e-12);
    let areas = risk_areas(&downward, &correct).unwrap();
    close(areas.aurc, 0.251_071, 1e-6);
    close(areas.best, 0.112_619, 1e-6);
    close(areas.augrc, 0.17, 1e-12);
    // Half an error at k = 2 on average.
    close(risk_areas(&tied, &correct).unwrap().aurc - areas.aurc, 0.5 / 2.0 / 10.0, 1e-12);
}

#[derive(Deserialize)]
struct MulticlassCase {
    probabilities: Vec<Vec<f64>>,
    label: Vec<usize>,
    brier: f64,
}

#[test]
fn the_brier_score_of_several_classes_agrees_with_scikit_learn() {
    for case in cases::<MulticlassCase>(include_str!("../golden/stats/brier_multiclass.json")) {
        close(brier_multiclass(&case.probabilities, &case.label).unwrap(), case.brier, 1e-12);
    }
}
