//! Axis geometry: ticks at round numbers, projection to pixels.

use super::figure::Axis;

/// A linear map from values to a stretch of the drawing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Smallest and largest value.
    pub domain: (f64, f64),
    /// Where they are drawn; may run backwards, as vertical axes do.
    pub extent: (f64, f64),
}

impl Scale {
    /// A scale for an axis. A domain without width or with a value that is not finite is widened to one that can be
    /// drawn, so that projections are always finite.
    pub fn new(axis: &Axis, extent: (f64, f64)) -> Self {
        Self { domain: drawable(axis.range), extent }
    }

    /// Where a value is drawn; values outside are moved to the nearest end.
    pub fn project(&self, value: f64) -> f64 {
        let (low, high) = self.domain;
        let share = if value.is_finite() { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 };
        self.extent.0 + share * (self.extent.1 - self.extent.0)
    }
}

fn drawable((low, high): (f64, f64)) -> (f64, f64) {
    match (low.is_finite(), high.is_finite()) {
        (true, true) if low < high => (low, high),
        (true, true) if low > high => (high, low),
        (true, _) => (low - 0.5, low + 0.5),
        (false, true) => (high - 0.5, high + 0.5),
        (false, false) => (0.0, 1.0),
    }
}

/// Round values inside of the range, about `wanted` of them (2 to 12), at steps of 1, 2 or 5 times a power of ten.
pub fn ticks(range: (f64, f64), wanted: usize) -> Vec<f64> {
    let (low, high) = drawable(range);
    let raw = (high - low) / wanted.clamp(2, 12) as f64;
    let power = libm::pow(10.0, libm::floor(libm::log10(raw)));
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= raw * 0.999_999)
        .unwrap_or(10.0 * power);
    // A thousandth of a step forgives rounding at the ends.
    let first = libm::ceil(low / step - 1e-3);
    let last = libm::floor(high / step + 1e-3);
    let n = (last - first).max(0.0) as usize;
    // Adding zero turns -0 into 0.
    (0..=n.min(64)).map(|index| round_to(step, (first + index as f64) * step) + 0.0).collect()
}

/// Removes binary noise such as 0.30000000000000004 from a multiple of a round step.
fn round_to(step: f64, value: f64) -> f64 {
    let digits = decimals(step);
    if digits == 0 {
        return libm::round(value);
    }
    let factor = libm::pow(10.0, f64::from(digits));
    libm::round(value * factor) / factor
}

/// Decimals needed to write multiples of a round step.
fn decimals(step: f64) -> i32 {
    (-libm::floor(libm::log10(step) + 1e-9)).clamp(0.0, 12.0) as i32
}

/// A tick as text, with just the decimals that its neighbors need.
pub fn tick_label(axis: &Axis, all: &[f64], value: f64) -> String {
    let factor = if axis.percent { 100.0 } else { 1.0 };
    let step = match all {
        [first, second, ..] => (second - first).abs() * factor,
        _ => 1.0,
    };
    let places = if step > 0.0 { decimals(step) as usize } else { 0 };
    let percent = if axis.percent { " %" } else { "" };
    format!("{:.places$}{percent}", value * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(range: (f64, f64), wanted: usize, expected: &[f64]) {
        assert_eq!(ticks(range, wanted), expected, "{range:?} {wanted}");
    }

    #[test]
    fn ticks_are_round_and_inside() {
        check((0.0, 1.0), 5, &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        check((1.0, 7.0), 6, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        check((-1.0, 1.0), 4, &[-1.0, -0.5, 0.0, 0.5, 1.0]);
        check((0.0, 48.0), 5, &[0.0, 10.0, 20.0, 30.0, 40.0]);
        check((3.0, 3.0), 2, &[2.5, 3.0, 3.5]);
        check((f64::NAN, f64::INFINITY), 2, &[0.0, 0.5, 1.0]);
    }

    #[test]
    fn projection_is_finite_and_stays_inside() {
        let axis = |range| Axis { label: String::new(), range, percent: false };
        let scale = Scale::new(&axis((0.0, 10.0)), (100.0, 0.0));
        assert_eq!(scale.project(2.5), 75.0);
        assert_eq!(scale.project(-5.0), 100.0);
        assert_eq!(scale.project(11.0), 0.0);
        assert!(scale.project(f64::NAN).is_finite());
        let flat = Scale::new(&axis((4.0, 4.0)), (0.0, 10.0));
        assert_eq!(flat.project(4.0), 5.0);
    }

    #[test]
    fn labels_have_the_decimals_they_need() {
        let axis = |percent| Axis { label: String::new(), range: (0.0, 1.0), percent };
        assert_eq!(tick_label(&axis(true), &[0.0, 0.2], 0.2), "20 %");
        assert_eq!(tick_label(&axis(false), &[0.0, 0.2], 0.6), "0.6");
        assert_eq!(tick_label(&axis(false), &[0.0, 10.0], 20.0), "20");
    }
}
