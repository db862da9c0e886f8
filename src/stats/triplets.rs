//! Judgments of three things: odd one out, and which of two is nearer to a third. Probabilities, accuracy, ceilings.
//!
//! An odd-one-out answer equals two anchored ones that are not independent: count it once in any interval. Accuracy
//! must not be estimated on triplets that were chosen adaptively.

use super::StatError;

/// Probability that each pair of three things is kept, the third being the odd one, as in `SPoSE` (Hebart et al. 2020): a
/// softmax of the three similarities. Order: (1, 2), (1, 3), (2, 3), so that the odd ones are 3, 2, 1.
///
/// # Errors
/// `NotFinite` for a similarity that is not a number.
pub fn odd_one_out_probabilities(similarities: [f64; 3]) -> Result<[f64; 3], StatError> {
    if similarities.iter().any(|value| !value.is_finite()) {
        return Err(StatError::NotFinite);
    }
    let largest = similarities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights = similarities.map(|value| libm::exp(value - largest));
    let sum: f64 = weights.iter().sum();
    Ok(weights.map(|weight| weight / sum))
}

/// How often a similarity puts the odd one out where a person did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TripletAccuracy {
    /// Share right; a similarity that ties several candidates gets an equal share of each. Chance is 1/3.
    pub accuracy: f64,
    /// Triplets judged.
    pub n: usize,
    /// Triplets left out because a similarity is missing.
    pub missing: usize,
}

/// Accuracy of a similarity on odd-one-out answers. Each answer is three different items with the odd one last;
/// `similarity` gives a pair's value or `None`.
///
/// # Errors
/// `TooFew` if no triplet has all its similarities, `Range` for a triplet that names an item twice.
pub fn odd_one_out_accuracy(
    answers: &[[usize; 3]],
    similarity: impl Fn(usize, usize) -> Option<f64>,
) -> Result<TripletAccuracy, StatError> {
    let (mut right, mut n, mut missing) = (0.0, 0_usize, 0_usize);
    for &[a, b, odd] in answers {
        if a == b || a == odd || b == odd {
            return Err(StatError::Range { what: "an item of a triplet" });
        }
        let (Some(kept), Some(first), Some(second)) = (similarity(a, b), similarity(a, odd), similarity(b, odd)) else {
            missing += 1;
            continue;
        };
        if kept.is_nan() || first.is_nan() || second.is_nan() {
            missing += 1;
            continue;
        }
        n += 1;
        if kept >= first && kept >= second {
            right += 1.0 / (1.0 + f64::from(u8::from(first == kept)) + f64::from(u8::from(second == kept)));
        }
    }
    if n == 0 {
        return Err(StatError::TooFew { n: 0, needed: 1 });
    }
    Ok(TripletAccuracy { accuracy: right / n as f64, n, missing })
}

/// Three answers to how well people could be predicted, from triplets that several people judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TripletCeiling {
    /// Mean share of the most frequent answer; optimistic.
    pub modal: f64,
    /// Chance that two people agree, without bias.
    pub agreement: f64,
    /// How often the majority of the others predicts a person; what a perfect predictor could score. Tied majorities
    /// get an equal share of each.
    pub leave_one_out: f64,
    /// Triplets with at least two answers.
    pub n: usize,
}

/// Ceilings from answer counts, one row a triplet, one count an answer; rows with fewer than two answers are left out.
///
/// # Errors
/// `TooFew` if no triplet has two answers.
pub fn triplet_ceiling(counts: &[[u32; 3]]) -> Result<TripletCeiling, StatError> {
    let (mut modal, mut agreement, mut leave_one_out, mut n) = (0.0, 0.0, 0.0, 0_usize);
    for row in counts {
        let total: u32 = row.iter().sum();
        if total < 2 {
            continue;
        }
        n += 1;
        let total = f64::from(total);
        modal += f64::from(row.iter().copied().max().unwrap_or(0)) / total;
        agreement +=
            row.iter().map(|&count| f64::from(count) * (f64::from(count) - 1.0)).sum::<f64>() / (total * (total - 1.0));
        for (answer, &count) in row.iter().enumerate().filter(|(_, count)| **count > 0) {
            let mut others = *row;
            others[answer] -= 1;
            let most = others.iter().copied().max().unwrap_or(0);
            let tied = others.iter().filter(|count| **count == most).count();
            if others[answer] == most {
                leave_one_out += f64::from(count) / (total * tied as f64);
            }
        }
    }
    if n == 0 {
        return Err(StatError::TooFew { n: 0, needed: 1 });
    }
    let mean = |sum: f64| sum / n as f64;
    Ok(TripletCeiling { modal: mean(modal), agreement: mean(agreement), leave_one_out: mean(leave_one_out), n })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_ceilings() {
        let found = triplet_ceiling(&[[20, 3, 2], [10, 10, 5], [24, 1, 0], [1, 0, 0]]).unwrap();
        assert_eq!(found.n, 3);
        assert!((found.modal - 0.72).abs() < 1e-12);
        assert!((found.agreement - 0.633_333).abs() < 1e-6);
        assert!((found.leave_one_out - 0.586_667).abs() < 1e-6);
        assert!(triplet_ceiling(&[[1, 0, 0]]).is_err());
    }

    #[test]
    fn published_probabilities() {
        let found = odd_one_out_probabilities([1.2, 0.4, 0.1]).unwrap();
        for (found, expected) in found.iter().zip([0.561_104, 0.252_120, 0.186_775]) {
            assert!((found - expected).abs() < 1e-6);
        }
        assert_eq!(odd_one_out_probabilities([1e9, -1e9, 0.0]), Ok([1.0, 0.0, 0.0]));
    }

    #[test]
    fn ties_share_and_missing_pairs_are_counted() {
        let flat = odd_one_out_accuracy(&[[0, 1, 2], [2, 1, 0]], |_, _| Some(0.5)).unwrap();
        assert!((flat.accuracy - 1.0 / 3.0).abs() < 1e-12);
        let line = |a: usize, b: usize| (a + b != 5).then(|| -(a.abs_diff(b) as f64));
        let found = odd_one_out_accuracy(&[[0, 1, 3], [0, 3, 1], [1, 2, 3]], line).unwrap();
        assert_eq!((found.accuracy, found.n, found.missing), (0.5, 2, 1));
        assert!(odd_one_out_accuracy(&[[0, 0, 1]], line).is_err());
    }
}
