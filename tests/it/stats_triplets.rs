//! Triplet embeddings against cblearn; the numbers come from `tests/golden/make/stats_triplets.py`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use likewise::stats::rng::Pcg32;
use likewise::stats::triplet_embedding::{Objective, Triplet, TripletModel, accuracy, embed, loss_and_gradient};
use serde::Deserialize;

use crate::stats::{cases, close};

fn triplets(rows: &[[usize; 3]]) -> Vec<Triplet> {
    rows.iter().map(|&[anchor, near, far]| Triplet { anchor, near, far }).collect()
}

#[derive(Deserialize)]
struct LossCase {
    points: Vec<Vec<f64>>,
    triplets: Vec<[usize; 3]>,
    alpha: f64,
    margin: f64,
    ste: Loss,
    tste: Loss,
    soe: Loss,
}

#[derive(Deserialize)]
struct Loss {
    loss: f64,
    gradient: Vec<Vec<f64>>,
}

#[test]
fn losses_and_gradients_agree_with_cblearn() {
    for case in cases::<LossCase>(include_str!("../golden/stats/triplet_loss.json")) {
        for (objective, expected) in [
            (Objective::Likelihood(TripletModel::Ste), &case.ste),
            (Objective::Likelihood(TripletModel::TSte { alpha: case.alpha }), &case.tste),
            (Objective::Soe { margin: case.margin }, &case.soe),
        ] {
            let (loss, gradient) = loss_and_gradient(&case.points, &triplets(&case.triplets), objective).unwrap();
            close(loss, expected.loss, 1e-8);
            for (found, expected) in gradient.iter().flatten().zip(expected.gradient.iter().flatten()) {
                close(*found, *expected, 1e-8);
            }
        }
    }
}

#[derive(Deserialize)]
struct FitCase {
    n: usize,
    dims: usize,
    train: Vec<[usize; 3]>,
    held_out: Vec<[usize; 3]>,
    alpha: f64,
    margin: f64,
    ste: Fitted,
    tste: Fitted,
    soe: Fitted,
}

#[derive(Deserialize)]
struct Fitted {
    loss: f64,
    held_out_accuracy: f64,
}

/// The starts differ, so the best of ten may end in another valley: ours must be no worse than theirs, and predict held
/// out answers about as well.
#[test]
fn fits_are_no_worse_than_those_of_cblearn() {
    for case in cases::<FitCase>(include_str!("../golden/stats/triplet_fit.json")) {
        for (objective, expected) in [
            (Objective::Likelihood(TripletModel::Ste), &case.ste),
            (Objective::Likelihood(TripletModel::TSte { alpha: case.alpha }), &case.tste),
            (Objective::Soe { margin: case.margin }, &case.soe),
        ] {
            let found =
                embed(case.n, case.dims, &triplets(&case.train), objective, 10, 5000, &mut Pcg32::new(1)).unwrap();
            assert!(found.loss <= expected.loss * 1.005 + 1e-6, "{objective:?} {} {}", found.loss, expected.loss);
            let held_out = accuracy(&found.points, &triplets(&case.held_out)).unwrap();
            close(held_out, expected.held_out_accuracy, 0.05);
        }
    }
}
