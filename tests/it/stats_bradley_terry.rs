//! Bradley-Terry against choix, statsmodels and `SciPy`; the numbers come from
//! `tests/golden/make/stats_bradley_terry.py`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use likewise::stats::bradley_terry::{Fit, Outcome, Settings, Ties, Vote, elo_scale, fit, fit_mm, sandwich};
use serde::Deserialize;

use crate::stats::{cases, close};

#[derive(Deserialize)]
struct VoteRow {
    first: usize,
    second: usize,
    outcome: String,
    participant: usize,
}

fn votes(rows: &[VoteRow]) -> Vec<Vote> {
    rows.iter()
        .map(|row| Vote {
            first: row.first,
            second: row.second,
            outcome: match row.outcome.as_str() {
                "a" => Outcome::First,
                "b" => Outcome::Second,
                "tie" => Outcome::Tie,
                other => panic!("{other}"),
            },
            participant: row.participant,
        })
        .collect()
}

fn all_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        close(*found, *expected, tolerance);
    }
}

fn with(ties: Ties) -> Settings {
    Settings { ties, ..Settings::default() }
}

#[derive(Deserialize)]
struct Case {
    n: usize,
    votes: Vec<VoteRow>,
    strengths: Vec<f64>,
    se: Vec<f64>,
    sandwich: Vec<f64>,
    log_likelihood: f64,
}

#[test]
fn strengths_and_errors_agree_with_choix_and_statsmodels() {
    for case in cases::<Case>(include_str!("../golden/stats/bradley_terry.json")) {
        let votes = votes(&case.votes);
        let found = fit(case.n, &votes, Settings::default()).unwrap();
        all_close(&found.strengths, &case.strengths, 1e-9);
        all_close(&found.standard_errors, &case.se, 1e-9);
        all_close(&sandwich(case.n, &votes, Settings::default()).unwrap(), &case.sandwich, 1e-9);
        close(found.log_likelihood, case.log_likelihood, 1e-9);
        all_close(&fit_mm(case.n, &votes, 200_000).unwrap(), &case.strengths, 1e-9);
        for ties in [Ties::Davidson, Ties::RaoKupper, Ties::Drop] {
            all_close(&fit(case.n, &votes, with(ties)).unwrap().strengths, &case.strengths, 1e-9);
        }
    }
}

#[derive(Deserialize)]
struct TieCase {
    n: usize,
    votes: Vec<VoteRow>,
    half: TieFit,
    davidson: TieFit,
    rao_kupper: TieFit,
}

#[derive(Deserialize)]
struct TieFit {
    strengths: Vec<f64>,
    tie_parameter: Option<f64>,
    log_likelihood: f64,
}

/// The reference optimizer stops at a flat top, so strengths are compared to 1e-6 and the height to 1e-9: ours must not
/// be lower.
#[test]
fn models_of_ties_agree_with_maximizing_their_likelihood_in_scipy() {
    for case in cases::<TieCase>(include_str!("../golden/stats/ties.json")) {
        let votes = votes(&case.votes);
        for (ties, expected) in
            [(Ties::Half, &case.half), (Ties::Davidson, &case.davidson), (Ties::RaoKupper, &case.rao_kupper)]
        {
            let found = fit(case.n, &votes, with(ties)).unwrap();
            all_close(&found.strengths, &expected.strengths, 1e-6);
            close(found.tie_parameter.unwrap_or(0.0), expected.tie_parameter.unwrap_or(0.0), 1e-6);
            close(found.log_likelihood, expected.log_likelihood, 1e-9);
            assert!(found.log_likelihood >= expected.log_likelihood - 1e-12);
        }
    }
}

/// Votes from counts of (first, second, first wins, second wins, ties); each vote is its own participant.
fn counted(rows: &[(usize, usize, usize, usize, usize)]) -> Vec<Vote> {
    let mut votes = Vec::new();
    for &(first, second, wins, losses, ties) in rows {
        for (outcome, count) in [(Outcome::First, wins), (Outcome::Second, losses), (Outcome::Tie, ties)] {
            for _ in 0..count {
                votes.push(Vote { first, second, outcome, participant: votes.len() });
            }
        }
    }
    votes
}

/// Four items, published on Wikipedia and used by arena-rank's own tests.
#[test]
fn the_worked_example_has_its_published_values() {
    let votes = counted(&[(0, 1, 2, 3, 0), (0, 3, 1, 4, 0), (1, 2, 5, 3, 0), (2, 3, 1, 3, 0)]);
    let Fit { strengths, standard_errors, log_likelihood, .. } = fit(4, &votes, Settings::default()).unwrap();
    all_close(&strengths, &[-0.446_545, 0.042_403, -0.415_803, 0.819_946], 1e-6);
    all_close(&standard_errors, &[0.548_070, 0.481_781, 0.520_401, 0.621_343], 1e-6);
    close(log_likelihood, -13.428_450, 1e-6);
    let sandwich = sandwich(4, &votes, Settings::default()).unwrap();
    all_close(&sandwich, &[0.544_343, 0.484_655, 0.528_173, 0.623_970], 1e-6);
    let elo: Vec<f64> = strengths.iter().map(|theta| elo_scale(*theta)).collect();
    all_close(&elo, &[922.4271, 1007.3661, 927.7676, 1142.4392], 1e-4);
}

#[test]
fn the_worked_example_of_ties_has_its_published_values() {
    let votes = counted(&[(0, 1, 6, 3, 3), (0, 2, 7, 2, 1), (1, 2, 5, 4, 5)]);
    let half = fit(3, &votes, Settings::default()).unwrap();
    all_close(&half.strengths, &[0.517_731, -0.131_992, -0.385_739], 1e-6);
    let davidson = fit(3, &votes, with(Ties::Davidson)).unwrap();
    all_close(&davidson.strengths, &[0.710_215, -0.181_259, -0.528_956], 1e-6);
    close(davidson.tie_parameter.unwrap(), 0.727_276, 1e-6);
    close(davidson.log_likelihood, -36.744_882, 1e-6);
    let rao_kupper = fit(3, &votes, with(Ties::RaoKupper)).unwrap();
    all_close(&rao_kupper.strengths, &[0.588_942, -0.151_738, -0.437_204], 1e-6);
    close(rao_kupper.tie_parameter.unwrap(), 0.570_036, 1e-6);
    close(rao_kupper.log_likelihood, -36.619_278, 1e-6);
}
