//! Maps, trees and CKA against scikit-learn and `SciPy`; the numbers come from `tests/golden/make/stats_structure.py`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use likewise::stats::cka::{linear_cka, procrustes_r2};
use likewise::stats::cluster::{average_linkage, leaf_order};
use likewise::stats::mds::{classical, smacof};
use likewise::stats::rdm::Rdm;
use serde::Deserialize;

use crate::stats::{cases, close};

#[derive(Deserialize)]
struct ClassicalCase {
    rdm: Vec<f64>,
    dims: usize,
    distances: Vec<f64>,
    stress: f64,
}

/// Maps are free to turn, so distances are compared.
#[test]
fn classical_scaling_agrees_with_scikit_learn() {
    for case in cases::<ClassicalCase>(include_str!("../golden/stats/mds.json")) {
        let found = classical(&Rdm::from_values(case.rdm).unwrap(), case.dims).unwrap();
        let mut expected = case.distances.iter();
        for (i, a) in found.points.iter().enumerate() {
            assert_eq!(a.len(), case.dims);
            for b in &found.points[i + 1..] {
                let squared: f64 = a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum();
                close(squared.sqrt(), *expected.next().unwrap(), 1e-9);
            }
        }
        close(found.stress, case.stress, 1e-9);
    }
}

#[derive(Deserialize)]
struct SmacofCase {
    rdm: Vec<Option<f64>>,
    start: Vec<Vec<f64>>,
    steps: usize,
    points: Vec<Vec<f64>>,
    stress: f64,
}

/// The same start and number of steps must lead to the same points.
#[test]
fn smacof_agrees_with_scikit_learn_step_by_step() {
    for case in cases::<SmacofCase>(include_str!("../golden/stats/smacof.json")) {
        let values = case.rdm.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
        let rdm = Rdm::from_values(values).unwrap();
        let found = smacof(&rdm, &case.start, case.steps, -1.0).unwrap();
        assert_eq!(found.steps, case.steps);
        for (point, expected) in found.points.iter().flatten().zip(case.points.iter().flatten()) {
            close(*point, *expected, 1e-9);
        }
        close(found.stress, case.stress, 1e-9);
    }
}

#[derive(Deserialize)]
struct LinkageCase {
    rdm: Vec<f64>,
    merges: Vec<[f64; 4]>,
    leaves: Vec<usize>,
}

#[test]
fn average_linkage_agrees_with_scipy() {
    for case in cases::<LinkageCase>(include_str!("../golden/stats/linkage.json")) {
        let merges = average_linkage(&Rdm::from_values(case.rdm).unwrap()).unwrap();
        assert_eq!(merges.len(), case.merges.len());
        for (merge, expected) in merges.iter().zip(&case.merges) {
            assert_eq!(
                [merge.first as f64, merge.second as f64, merge.size as f64],
                [expected[0], expected[1], expected[3]]
            );
            close(merge.height, expected[2], 1e-12);
        }
        assert_eq!(leaf_order(&merges), case.leaves);
    }
}

#[derive(Deserialize)]
struct CkaCase {
    x: Vec<Vec<f64>>,
    y: Vec<Vec<f64>>,
    cka: f64,
    procrustes_r2: f64,
}

#[test]
fn cka_and_procrustes_agree_with_numpy_and_scipy() {
    for case in cases::<CkaCase>(include_str!("../golden/stats/cka.json")) {
        close(linear_cka(&case.x, &case.y).unwrap(), case.cka, 1e-9);
        close(procrustes_r2(&case.x, &case.y).unwrap(), case.procrustes_r2, 1e-9);
    }
}
