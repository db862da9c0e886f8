//! Several p-values at once.

use super::StatError;

/// Holm's (1979) adjusted p-values, in the order given: with all hypotheses true, the chance that any falls below a
/// level is at most that level.
///
/// # Errors
/// `Range` for a value outside of [0, 1].
pub fn holm(p: &[f64]) -> Result<Vec<f64>, StatError> {
    if p.iter().any(|value| !(0.0..=1.0).contains(value)) {
        return Err(StatError::Range { what: "a p-value" });
    }
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut largest = 0.0_f64;
    for (place, &index) in order.iter().enumerate() {
        largest = largest.max(((p.len() - place) as f64 * p[index]).min(1.0));
        adjusted[index] = largest;
    }
    Ok(adjusted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_values_are_errors_and_nothing_is_nothing() {
        assert!(holm(&[0.5, f64::NAN]).is_err());
        assert_eq!(holm(&[]), Ok(vec![]));
    }
}
