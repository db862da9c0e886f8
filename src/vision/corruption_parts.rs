//! What several corruptions are made of, on channels-last values of 0 to 1 of a square picture.

use super::picture::SIDE;
use crate::stats::rng::Pcg32;

/// Weights of a Gaussian, cut off at `truncate` standard deviations, adding up to 1 (`SciPy`'s `gaussian_filter1d`).
fn gaussian_weights(sigma: f64, truncate: f64) -> Vec<f32> {
    let radius = (truncate * sigma + 0.5) as i64;
    let raw: Vec<f64> = (-radius..=radius).map(|x| libm::exp(-0.5 * (x * x) as f64 / (sigma * sigma))).collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|weight| (weight / sum) as f32).collect()
}

/// What lies beyond the edge.
#[derive(Debug, Clone, Copy)]
pub(super) enum Edge {
    /// The last pixel again (`a a | a b c`).
    Nearest,
    /// Mirrored at the pixel's border (`b a | a b c`).
    Reflect,
    /// Mirrored at the last pixel (`c b | a b c`).
    Mirror,
}

impl Edge {
    pub(super) fn place(self, at: i64, size: usize) -> usize {
        let size = size as i64;
        let folded = match self {
            Self::Nearest => at.clamp(0, size - 1),
            Self::Reflect => {
                let at = at.rem_euclid(2 * size);
                if at < size { at } else { 2 * size - 1 - at }
            }
            Self::Mirror => {
                let period = (2 * size - 2).max(1);
                let at = at.rem_euclid(period);
                if at < size { at } else { period - at }
            }
        };
        folded as usize
    }
}

/// `values`: (SIDE, SIDE, channels), blurred along columns and rows with the same odd number of weights.
pub(super) fn blur(values: &[f32], channels: usize, weights: &[f32], edge: Edge) -> Vec<f32> {
    let radius = weights.len() as i64 / 2;
    let row = SIDE * channels;
    let mut down = vec![0.0; values.len()];
    for (y, out) in down.chunks_exact_mut(row).enumerate() {
        for (offset, weight) in (-radius..).zip(weights) {
            let from = edge.place(y as i64 + offset, SIDE) * row;
            for (out, value) in out.iter_mut().zip(&values[from..from + row]) {
                *out += weight * value;
            }
        }
    }
    let mut across = vec![0.0; values.len()];
    for (line, out) in down.chunks_exact(row).zip(across.chunks_exact_mut(row)) {
        for (x, out) in out.chunks_exact_mut(channels).enumerate() {
            for (offset, weight) in (-radius..).zip(weights) {
                let from = edge.place(x as i64 + offset, SIDE) * channels;
                for (out, value) in out.iter_mut().zip(&line[from..from + channels]) {
                    *out += weight * value;
                }
            }
        }
    }
    across
}

/// A Gaussian blur.
pub(super) fn gaussian(values: &[f32], channels: usize, sigma: f64, truncate: f64, edge: Edge) -> Vec<f32> {
    blur(values, channels, &gaussian_weights(sigma, truncate), edge)
}

/// The mean over a disk (its center a pixel's center), then a Gaussian of 0.5 or 0.1 pixels over 3 or 5 pixels against
/// its stairs: `ImageNet-C`'s defocus kernel.
pub(super) fn disk_blur(values: &[f32], channels: usize, radius: usize, alias: f64) -> Vec<f32> {
    let radius = radius as i64;
    // Half widths of the disk's rows; as in the reference, a disk of up to 8 lies in a square of 17.
    let reach = if radius <= 8 { 8 } else { radius };
    let halves: Vec<(i64, i64)> = (-reach..=reach)
        .filter(|dy| dy * dy <= radius * radius)
        .map(|dy| (dy, libm::sqrt((radius * radius - dy * dy) as f64) as i64))
        .collect();
    let area: i64 = halves.iter().map(|(_, half)| 2 * half + 1).sum();
    // Sums from the left over a mirrored line make each row of the disk two reads.
    let line = SIDE + 2 * radius as usize;
    let mut sums = vec![0.0_f64; SIDE * (line + 1) * channels];
    for (row, sums) in values.chunks_exact(SIDE * channels).zip(sums.chunks_exact_mut((line + 1) * channels)) {
        for at in 0..line {
            let from = Edge::Mirror.place(at as i64 - radius, SIDE) * channels;
            for channel in 0..channels {
                sums[(at + 1) * channels + channel] = sums[at * channels + channel] + f64::from(row[from + channel]);
            }
        }
    }
    let mut out = vec![0.0; values.len()];
    for (at, out) in out.chunks_exact_mut(channels).enumerate() {
        let (y, x) = ((at / SIDE) as i64, (at % SIDE) as i64);
        for (channel, out) in out.iter_mut().enumerate() {
            let mut sum = 0.0;
            for (dy, half) in &halves {
                let row = Edge::Mirror.place(y + dy, SIDE) * (line + 1);
                let first = row + (x + radius - half) as usize;
                let end = row + (x + radius + half + 1) as usize;
                sum += sums[end * channels + channel] - sums[first * channels + channel];
            }
            *out = (sum / area as f64) as f32;
        }
    }
    let side = if radius <= 8 { 1 } else { 2 };
    let raw: Vec<f64> = (-side..=side).map(|x: i64| libm::exp(-0.5 * (x * x) as f64 / (alias * alias))).collect();
    let total: f64 = raw.iter().sum();
    let weights: Vec<f32> = raw.iter().map(|weight| (weight / total) as f32).collect();
    blur(&out, channels, &weights, Edge::Mirror)
}

/// Shifted copies along an angle in degrees, weighted by the right half of a Gaussian (`imagecorruptions`, after
/// `ImageMagick`'s motion blur); the edge is repeated.
pub(super) fn motion_blur(values: &[f32], channels: usize, radius: usize, sigma: f64, degrees: f64) -> Vec<f32> {
    let width = radius * 2 + 1;
    let raw: Vec<f64> = (0..width).map(|x| libm::exp(-0.5 * (x * x) as f64 / (sigma * sigma))).collect();
    let sum: f64 = raw.iter().sum();
    let angle = degrees.to_radians();
    let (rise, run) = (libm::sin(angle), libm::cos(angle));
    let mut out = vec![0.0; values.len()];
    for (step, weight) in raw.iter().enumerate() {
        let weight = (weight / sum) as f32;
        let dy = -libm::ceil(step as f64 * rise - 0.5) as i64;
        let dx = -libm::ceil(step as f64 * run - 0.5) as i64;
        if dy.unsigned_abs() as usize >= SIDE || dx.unsigned_abs() as usize >= SIDE {
            break;
        }
        for (y, line) in out.chunks_exact_mut(SIDE * channels).enumerate() {
            let row = Edge::Nearest.place(y as i64 - dy, SIDE) * SIDE;
            for (x, pixel) in line.chunks_exact_mut(channels).enumerate() {
                let from = (row + Edge::Nearest.place(x as i64 - dx, SIDE)) * channels;
                for (out, value) in pixel.iter_mut().zip(&values[from..from + channels]) {
                    *out += weight * value;
                }
            }
        }
    }
    out
}

/// The middle, enlarged by `factor` with linear interpolation between corner pixels (`scipy.ndimage.zoom`, order 1);
/// its upper left SIDE x SIDE, as in `ImageNet-C`.
pub(super) fn zoomed(values: &[f32], channels: usize, factor: f64) -> Vec<f32> {
    let part = libm::ceil(SIDE as f64 / factor) as usize;
    let first = (SIDE - part) / 2;
    // Halves to even, as in Python: 225 * 1.14 is 256.
    let size = (part as f64 * factor).round_ties_even() as usize;
    let step = if size > 1 { (part - 1) as f64 / (size - 1) as f64 } else { 0.0 };
    let along: Vec<(usize, usize, f32)> = (0..SIDE)
        .map(|at| {
            let place = (at as f64 * step).min((part - 1) as f64);
            let low = place as usize;
            (first + low, first + (low + 1).min(part - 1), (place - low as f64) as f32)
        })
        .collect();
    let mut out = Vec::with_capacity(values.len());
    for &(top, bottom, down) in &along {
        for &(left, right, across) in &along {
            for channel in 0..channels {
                let at = |y: usize, x: usize| values[(y * SIDE + x) * channels + channel];
                let upper = at(top, left) * (1.0 - across) + at(top, right) * across;
                let lower = at(bottom, left) * (1.0 - across) + at(bottom, right) * across;
                out.push(upper * (1.0 - down) + lower * down);
            }
        }
    }
    out
}

/// A cloud of 0 to 1 on a torus of SIDE x SIDE by the diamond-square algorithm, as `ImageNet-C` makes its fog; a larger
/// `decay` makes it smoother.
pub(super) fn plasma(decay: f64, rng: &mut Pcg32) -> Vec<f32> {
    let mut map = vec![0.0_f64; SIDE * SIDE];
    let (mut step, mut wibble) = (SIDE, 100.0);
    while step >= 2 {
        let half = step / 2;
        let mut mean = |around: f64| around / 4.0 + wibble * wibble * (2.0 * rng.unit() - 1.0);
        let at = |y: usize, x: usize| y % SIDE * SIDE + x % SIDE;
        for y in (0..SIDE).step_by(step) {
            for x in (0..SIDE).step_by(step) {
                let around = map[at(y, x)] + map[at(y + step, x)] + map[at(y, x + step)] + map[at(y + step, x + step)];
                map[at(y + half, x + half)] = mean(around);
            }
        }
        for y in (0..SIDE).step_by(step) {
            for x in (0..SIDE).step_by(step) {
                for (y, x) in [(y, x + half), (y + half, x)] {
                    let around = map[at(y + SIDE - half, x)]
                        + map[at(y + half, x)]
                        + map[at(y, x + SIDE - half)]
                        + map[at(y, x + half)];
                    map[at(y, x)] = mean(around);
                }
            }
        }
        step /= 2;
        wibble /= decay;
    }
    let least = map.iter().copied().fold(f64::INFINITY, f64::min);
    let most = map.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let width = (most - least).max(f64::MIN_POSITIVE);
    map.iter().map(|value| ((value - least) / width) as f32).collect()
}

/// A Poisson number of this mean, from one uniform number by inversion.
pub(super) fn poisson(mean: f64, uniform: f64) -> f64 {
    let mut p = libm::exp(-mean);
    let (mut count, mut below) = (0.0, p);
    // 200 is beyond any mean used here by ten standard deviations.
    while uniform > below && count < 200.0 {
        count += 1.0;
        p *= mean / count;
        below += p;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_fold_back() {
        let folded = |edge: Edge| (-3..7).map(|at| edge.place(at, 3)).collect::<Vec<_>>();
        assert_eq!(folded(Edge::Nearest), [0, 0, 0, 0, 1, 2, 2, 2, 2, 2]);
        assert_eq!(folded(Edge::Reflect), [2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
        assert_eq!(folded(Edge::Mirror), [1, 2, 1, 0, 1, 2, 1, 0, 1, 2]);
    }

    #[test]
    fn poisson_numbers_have_their_mean_and_variance() {
        let mut rng = Pcg32::new(5);
        for mean in [0.01, 0.5, 3.0, 60.0] {
            let n = 20_000;
            let draws: Vec<f64> = (0..n).map(|_| poisson(mean, rng.unit())).collect();
            let found = draws.iter().sum::<f64>() / f64::from(n);
            let variance = draws.iter().map(|it| (it - found) * (it - found)).sum::<f64>() / f64::from(n);
            // Five standard errors of the mean; the variance is looser.
            assert!((found - mean).abs() < 5.0 * libm::sqrt(mean / f64::from(n)), "{mean}: {found}");
            assert!((variance / mean - 1.0).abs() < 0.35, "{mean}: {variance}");
        }
    }
}
