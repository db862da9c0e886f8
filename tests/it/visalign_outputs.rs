//! The rules of `VisAlign` against the authors' own code; the numbers come from
//! `tests/golden/make/visalign_outputs.py`, which calls it.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use likewise::eval::abstention::{Abstention, Example, Judge};
use likewise::eval::sight::{CLASSES, Evidence, Labels, SLOTS, abstention_rate, eleven_slots, hellinger, slot_of};
use likewise::stats::outlier::Mahalanobis;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Theirs {
    order: BTreeMap<String, usize>,
    predictions: Vec<[f64; 10]>,
    labels: Vec<[f64; SLOTS]>,
    distances: BTreeMap<String, Vec<f64>>,
    bank: Vec<Vec<f32>>,
    classes: Vec<usize>,
    queries: Vec<Vec<f32>>,
    nearest: Vec<f64>,
    mahalanobis: Vec<f64>,
}

fn theirs() -> Theirs {
    serde_json::from_str(include_str!("../golden/sight/visalign_outputs.json")).unwrap()
}

/// Single precision is theirs.
const TOLERANCE: f64 = 2e-6;

fn ends(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| (low.min(*it), high.max(*it)))
}

fn entropy(p: &[f64; 10]) -> f64 {
    -p.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>()
}

#[test]
fn the_classes_have_their_order() {
    let theirs = theirs();
    assert_eq!(theirs.order.len(), CLASSES.len());
    for (name, at) in &theirs.order {
        assert_eq!(slot_of(name), Some(*at), "{name}");
    }
}

/// Ours beside theirs for these values of an abstention function; the picture with the largest value is told apart.
fn agree(theirs: &Theirs, method: &str, values: &[f64]) {
    let scale = ends(values);
    for (at, expected) in theirs.distances[method].iter().enumerate() {
        let distance = |rate: f64| hellinger(&eleven_slots(&theirs.predictions[at], rate), &theirs.labels[at]);
        let found = distance(abstention_rate(values[at], scale));
        if values[at] >= scale.1 {
            // Scaled to one in 32 bits, which may come out above one; their code then has it abstain.
            let abstains = (distance(1.0) - expected).abs() < TOLERANCE;
            assert!(abstains || (found - expected).abs() < TOLERANCE, "{method} {at}: {found} {expected}");
        } else {
            assert!((found - expected).abs() < TOLERANCE, "{method} {at}: {found} {expected}");
        }
    }
}

#[test]
fn scaling_slots_and_distance_are_theirs() {
    let theirs = theirs();
    agree(&theirs, "knn", &theirs.nearest);
    agree(&theirs, "mds", &theirs.mahalanobis);
    // Their sign for entropies, which we do not follow.
    agree(&theirs, "msp", &theirs.predictions.iter().map(entropy).collect::<Vec<f64>>());
}

#[test]
fn their_entropy_lets_the_surest_abstain_and_ours_the_least_sure() {
    let theirs = theirs();
    let evidence: Vec<Evidence> = theirs
        .predictions
        .iter()
        .map(|p| {
            let logits = p.map(f64::ln).to_vec();
            Evidence { labels: Labels::Prompts, logits, log_sum_exp: 0.5, features: Vec::new(), crops: Vec::new() }
        })
        .collect();
    let examples: Vec<Example<'_>> =
        evidence.iter().map(|evidence| Example { source: "a", class: None, evidence }).collect();
    let judge = Judge::new(Abstention::Entropy, &examples).unwrap();
    let entropies: Vec<f64> = theirs.predictions.iter().map(entropy).collect();
    let scale = ends(&entropies);
    for (evidence, entropy) in evidence.iter().zip(&entropies) {
        let (own, of_theirs) = (judge.rate("a", evidence).unwrap(), abstention_rate(*entropy, scale));
        assert!((own - (1.0 - of_theirs)).abs() < TOLERANCE, "one is the other turned around: {own} {of_theirs}");
    }
}

#[test]
fn distances_of_features_are_theirs() {
    let theirs = theirs();
    let of = |features: &Vec<f32>| Evidence {
        labels: Labels::Prompts,
        logits: vec![0.0; 10],
        log_sum_exp: 3.0,
        features: features.clone(),
        crops: Vec::new(),
    };
    let bank: Vec<(String, Evidence)> =
        theirs.bank.iter().enumerate().map(|(at, row)| (format!("bank{at}"), of(row))).collect();
    let examples: Vec<Example<'_>> = bank
        .iter()
        .zip(&theirs.classes)
        .map(|((source, evidence), class)| Example { source, class: Some(*class), evidence })
        .collect();
    let nearest = Judge::new(Abstention::Nearest, &examples).unwrap();
    for (query, expected) in theirs.queries.iter().zip(&theirs.nearest) {
        let found = nearest.confidence("query", &of(query)).unwrap();
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
    // Half the square, by a covariance that is not shrunk. Ours is shrunk to equal spread in all directions, which is how
    // these were drawn.
    let wide = |row: &Vec<f32>| row.iter().map(|it| f64::from(*it)).collect::<Vec<f64>>();
    let rows: Vec<Vec<f64>> = theirs.bank.iter().map(wide).collect();
    let fitted = Mahalanobis::new(&rows, &theirs.classes).unwrap();
    for (query, expected) in theirs.queries.iter().zip(&theirs.mahalanobis) {
        let found = -0.5 * fitted.squared(&wide(query)).unwrap();
        assert!((found / expected - 1.0).abs() < 0.2, "{found} {expected}");
    }
}
