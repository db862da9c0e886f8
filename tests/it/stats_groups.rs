//! Latent classes against `StepMix` and discretion against `SciPy`; the numbers come from `tests/golden/make/stats_groups.py`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;

use likewise::stats::discretion::{arbitrariness, discrepancy, priorities, supremacy};
use likewise::stats::latent_class::{Answers, Kind, Settings, fit};
use likewise::stats::rng::Pcg32;
use serde::Deserialize;

use crate::stats::{cases, close};

#[derive(Deserialize)]
struct ClassCase {
    answers: Vec<Vec<Option<u8>>>,
    fits: BTreeMap<String, Fits>,
}

#[derive(Deserialize)]
struct Fits {
    log_likelihood: f64,
    weights: Vec<f64>,
}

#[test]
fn the_best_likelihood_of_latent_classes_is_that_of_stepmix() {
    for case in cases::<ClassCase>(include_str!("../golden/stats/latent_class.json")) {
        let row = |row: &Vec<Option<u8>>| -> Vec<(usize, f64)> {
            row.iter().enumerate().filter_map(|(place, it)| Some((place, f64::from((*it)?)))).collect()
        };
        let answers = Answers {
            kind: Kind::Category,
            n_questions: case.answers[0].len(),
            rows: case.answers.iter().map(row).collect(),
        };
        for (classes, expected) in case.fits {
            let settings = Settings { smoothing: 0.0, restarts: 200, steps: 3000 };
            let found = fit(&answers, classes.parse().unwrap(), settings, &mut Pcg32::new(3)).unwrap();
            close(found.log_likelihood, expected.log_likelihood, 1e-4);
            let mut weights = found.weights;
            weights.sort_by(|a, b| b.total_cmp(a));
            for (found, expected) in weights.iter().zip(&expected.weights) {
                close(*found, *expected, 1e-2);
            }
        }
    }
}

#[derive(Deserialize)]
struct DiscretionCase {
    principles: Vec<Vec<i8>>,
    annotators: Vec<Annotator>,
    discrepancy: f64,
}

#[derive(Deserialize)]
struct Annotator {
    verdicts: Vec<i8>,
    arbitrariness: f64,
    n: usize,
    supremacy: Vec<Vec<f64>>,
    conflicts: Vec<Vec<u32>>,
    priority: Vec<f64>,
}

#[test]
fn discretion_agrees_with_the_formulas_of_its_paper() {
    for case in cases::<DiscretionCase>(include_str!("../golden/stats/discretion.json")) {
        let mut weights = Vec::new();
        for annotator in &case.annotators {
            let mut rng = Pcg32::new(1);
            let found = arbitrariness(&annotator.verdicts, &case.principles, (1000, 0.95), &mut rng).unwrap();
            close(found.share, annotator.arbitrariness, 1e-12);
            assert_eq!(found.n, annotator.n);
            let interval = found.interval.unwrap();
            assert!(interval.low < found.share && found.share < interval.high);
            let counts = supremacy(&annotator.verdicts, &case.principles).unwrap();
            assert_eq!(counts.n, annotator.conflicts);
            for (p, row) in annotator.supremacy.iter().enumerate() {
                for (q, share) in row.iter().enumerate() {
                    if let Some(found) = counts.share(p, q) {
                        close(found, *share, 1e-12);
                    }
                }
            }
            let own = priorities(&counts).unwrap();
            for (found, expected) in own.iter().zip(&annotator.priority) {
                close(found.unwrap(), *expected, 1e-6);
            }
            weights.push(own);
        }
        let (found, n) = discrepancy(&weights[0], &weights[1]).unwrap();
        close(found, case.discrepancy, 1e-12);
        assert_eq!(n, case.principles.len());
    }
}
