//! The sixteen operations of `VisAlign`'s eighth category at ten severities, on pictures of 256 x 256.
//!
//! They follow `ImageNet-C` (Hendrycks and Dietterich 2019) by way of the `imagecorruptions` package, with `VisAlign`'s
//! longer lists of severities. What is ours, and why:
//! - noise comes from one seeded generator, and one picture gets the same noise at every severity, only more of it;
//! - glass blur really swaps pixels (the package's swap of array views copies one over the other);
//! - frost is drawn, because the original lays photographs of ice over the picture;
//! - the paper's list of brightness (1.5 to 10 added to a value of at most 1) would be the same at each step; it is
//!   read as tenths;
//! - where only the ends of a list are known (glass blur), or only its first five steps (snow, elastic), the steps
//!   between or after are ours.

use super::corruption_parts::{Edge, disk_blur, gaussian, motion_blur, plasma, poisson, zoomed};
use super::jpeg;
use super::picture::{Filter, Picture, SIDE, byte};
use crate::eval::sight::{MAX_SEVERITY, Operation};
use crate::stats::rng::Pcg32;

const GAUSSIAN_NOISE: [f64; 10] = [0.08, 0.12, 0.18, 0.26, 0.38, 0.5, 0.72, 1.0, 2.0, 3.0];
const SHOT_NOISE: [f64; 10] = [60.0, 25.0, 12.0, 5.0, 3.0, 1.0, 0.5, 0.3, 0.1, 0.01];
const IMPULSE_NOISE: [f64; 10] = [0.03, 0.06, 0.09, 0.17, 0.27, 0.35, 0.5, 0.62, 0.78, 0.9];
const DEFOCUS_BLUR: [usize; 10] = [3, 4, 6, 8, 10, 15, 20, 30, 40, 50];
/// Standard deviation, farthest swap, rounds.
const GLASS_BLUR: [(f64, usize, usize); 10] = [
    (0.7, 1, 2),
    (0.9, 2, 2),
    (1.0, 3, 2),
    (1.2, 4, 2),
    (1.5, 5, 2),
    (2.0, 7, 2),
    (3.0, 10, 2),
    (4.0, 15, 2),
    (5.5, 22, 2),
    (7.0, 30, 2),
];
const MOTION_BLUR: [(usize, f64); 10] = [
    (10, 3.0),
    (15, 5.0),
    (15, 8.0),
    (15, 12.0),
    (20, 15.0),
    (23, 18.0),
    (25, 22.0),
    (30, 30.0),
    (40, 40.0),
    (50, 55.0),
];
/// Upper factor (exclusive) and step.
const ZOOM_BLUR: [(f64, f64); 10] = [
    (1.11, 0.01),
    (1.16, 0.01),
    (1.21, 0.02),
    (1.26, 0.02),
    (1.31, 0.03),
    (1.36, 0.03),
    (1.41, 0.03),
    (1.86, 0.03),
    (2.0, 0.04),
    (3.0, 0.08),
];
const FOG: [(f32, f64); 10] = [
    (1.5, 2.0),
    (2.0, 2.0),
    (2.5, 1.7),
    (2.5, 1.5),
    (3.0, 1.4),
    (3.3, 1.4),
    (3.6, 1.2),
    (4.0, 1.2),
    (5.0, 1.1),
    (6.0, 1.0),
];
/// Weight of the picture, weight of the frost.
const FROST: [(f32, f32); 10] = [
    (1.0, 0.4),
    (0.8, 0.6),
    (0.7, 0.7),
    (0.65, 0.7),
    (0.6, 0.75),
    (0.5, 0.8),
    (0.4, 0.85),
    (0.3, 0.9),
    (0.2, 0.95),
    (0.1, 1.0),
];
/// Mean and deviation of the flakes, their zoom, threshold, streak radius and deviation, weight of the picture.
const SNOW: [(f64, f64, f64, f32, usize, f64, f32); 10] = [
    (0.1, 0.3, 3.0, 0.5, 10, 4.0, 0.8),
    (0.2, 0.3, 2.0, 0.5, 12, 4.0, 0.7),
    (0.55, 0.3, 4.0, 0.9, 12, 8.0, 0.7),
    (0.55, 0.3, 4.5, 0.85, 12, 8.0, 0.65),
    (0.55, 0.3, 2.5, 0.85, 12, 12.0, 0.55),
    (0.6, 0.3, 2.5, 0.8, 12, 12.0, 0.5),
    (0.65, 0.3, 3.0, 0.75, 14, 12.0, 0.42),
    (0.7, 0.35, 3.0, 0.7, 15, 14.0, 0.34),
    (0.8, 0.4, 3.5, 0.6, 16, 16.0, 0.25),
    (0.9, 0.4, 4.0, 0.5, 18, 18.0, 0.15),
];
const CONTRAST: [f32; 10] = [0.4, 0.3, 0.2, 0.1, 0.05, 0.045, 0.04, 0.035, 0.03, 0.025];
const BRIGHTNESS: [f32; 10] = [0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95, 1.0];
const JPEG: [u8; 10] = [25, 18, 15, 10, 7, 5, 4, 3, 2, 1];
const PIXELATE: [f64; 10] = [0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.08, 0.05];
/// Pixels that a smoothed field of -1.28 to 1.28 is multiplied with.
const ELASTIC: [f32; 10] = [12.5, 16.25, 21.25, 25.0, 30.0, 50.0, 87.5, 150.0, 250.0, 400.0];
/// Pixels that are left of 335.
const CROPPING: [usize; 10] = [300, 250, 200, 150, 100, 50, 40, 30, 20, 10];

/// The picture (made 256 x 256 if it is not), corrupted; severity 0 changes nothing, one above 10 counts as 10. The same
/// seed gives the same picture on every target.
#[must_use]
pub fn corrupt(picture: &Picture, operation: Operation, severity: u8, seed: u64) -> Picture {
    let prepared =
        if (picture.width(), picture.height()) == (SIDE, SIDE) { picture.clone() } else { picture.prepared() };
    let Some(step) = usize::from(severity.min(MAX_SEVERITY)).checked_sub(1) else { return prepared };
    // Operations do not share their chance.
    let mut rng = Pcg32::with_stream(seed, operation as u64);
    match operation {
        Operation::Jpeg => return jpeg::compressed(&prepared, JPEG[step]),
        Operation::Pixelate => return pixelated(&prepared, PIXELATE[step]),
        Operation::Cropping => {
            let left = CROPPING[step];
            return prepared.resized(335, 335, Filter::Bilinear).cropped(left, left).resized(
                SIDE,
                SIDE,
                Filter::Bilinear,
            );
        }
        _ => {}
    }
    let mut x: Vec<f32> = prepared.pixels().iter().map(|value| f32::from(*value) / 255.0).collect();
    match operation {
        Operation::GaussianNoise => {
            for value in &mut x {
                *value += (GAUSSIAN_NOISE[step] * rng.normal()) as f32;
            }
        }
        Operation::ShotNoise => {
            let rate = SHOT_NOISE[step];
            for value in &mut x {
                *value = (poisson(f64::from(*value) * rate, rng.unit()) / rate) as f32;
            }
        }
        Operation::ImpulseNoise => {
            for value in &mut x {
                let (hit, white) = (rng.unit(), rng.unit());
                if hit < IMPULSE_NOISE[step] {
                    *value = if white < 0.5 { 1.0 } else { 0.0 };
                }
            }
        }
        Operation::DefocusBlur => x = disk_blur(&x, 3, DEFOCUS_BLUR[step], if step == 0 { 0.1 } else { 0.5 }),
        Operation::GlassBlur => x = glass(&x, GLASS_BLUR[step], &mut rng),
        Operation::MotionBlur => {
            let (radius, sigma) = MOTION_BLUR[step];
            x = motion_blur(&x, 3, radius, sigma, 90.0 * rng.unit() - 45.0);
        }
        Operation::ZoomBlur => x = zoom_blur(&x, ZOOM_BLUR[step]),
        Operation::Fog => fog(&mut x, FOG[step], &mut rng),
        Operation::Frost => frost(&mut x, FROST[step], &mut rng),
        Operation::Snow => snow(&mut x, step, &mut rng),
        Operation::Contrast => contrast(&mut x, CONTRAST[step]),
        Operation::Brightness => brighten(&mut x, BRIGHTNESS[step]),
        Operation::Elastic => x = elastic(&x, ELASTIC[step], &mut rng),
        Operation::Jpeg | Operation::Pixelate | Operation::Cropping => {}
    }
    let pixels = x.iter().map(|value| byte(value * 255.0)).collect();
    Picture::new(SIDE, SIDE, pixels).unwrap_or(prepared)
}

/// Blurred by moving at this angle in degrees; what [`corrupt`] does with an angle of its own.
#[must_use]
pub fn moved(picture: &Picture, severity: u8, degrees: f64) -> Picture {
    let prepared = picture.prepared();
    let Some((radius, sigma)) = usize::from(severity).checked_sub(1).and_then(|step| MOTION_BLUR.get(step)) else {
        return prepared;
    };
    let x: Vec<f32> = prepared.pixels().iter().map(|value| f32::from(*value)).collect();
    let pixels = motion_blur(&x, 3, *radius, *sigma, degrees).into_iter().map(byte).collect();
    Picture::new(SIDE, SIDE, pixels).unwrap_or(prepared)
}

fn pixelated(picture: &Picture, scale: f64) -> Picture {
    let size = (SIDE as f64 * scale) as usize;
    let small = picture.resized(size, size, Filter::Area);
    let near = |at: usize| ((at as f64 + 0.5) * size as f64 / SIDE as f64) as usize;
    let pixels = (0..SIDE * SIDE)
        .flat_map(|at| {
            let from = (near(at / SIDE) * size + near(at % SIDE)) * 3;
            [0, 1, 2].map(|channel| small.pixels()[from + channel])
        })
        .collect();
    Picture::new(SIDE, SIDE, pixels).unwrap_or_else(|_| picture.clone())
}

fn glass(x: &[f32], (sigma, far, rounds): (f64, usize, usize), rng: &mut Pcg32) -> Vec<f32> {
    let mut x = gaussian(x, 3, sigma, 4.0, Edge::Nearest);
    for _ in 0..rounds {
        for row in (far + 1..=SIDE - far).rev() {
            for column in (far + 1..=SIDE - far).rev() {
                let (dx, dy) = (rng.below(2 * far), rng.below(2 * far));
                let (row, column) = (row.min(SIDE - 1), column.min(SIDE - 1));
                let other = ((row + dy - far).min(SIDE - 1), (column + dx - far).min(SIDE - 1));
                for channel in 0..3 {
                    x.swap((row * SIDE + column) * 3 + channel, (other.0 * SIDE + other.1) * 3 + channel);
                }
            }
        }
    }
    gaussian(&x, 3, sigma, 4.0, Edge::Nearest)
}

fn zoom_blur(x: &[f32], (end, step): (f64, f64)) -> Vec<f32> {
    let mut sum = x.to_vec();
    // NumPy's arange: as many steps from 1 as begin below the end.
    let layers = libm::ceil((end - 1.0) / step) as usize;
    for layer in 0..layers {
        for (sum, value) in sum.iter_mut().zip(zoomed(x, 3, 1.0 + layer as f64 * step)) {
            *sum += value;
        }
    }
    for value in &mut sum {
        *value /= (layers + 1) as f32;
    }
    sum
}

fn fog(x: &mut [f32], (strength, decay): (f32, f64), rng: &mut Pcg32) {
    let brightest = x.iter().copied().fold(0.0, f32::max);
    let cloud = plasma(decay, rng);
    for (pixel, cloud) in x.chunks_exact_mut(3).zip(&cloud) {
        for value in pixel {
            *value = (*value + strength * cloud) * brightest / (brightest + strength);
        }
    }
}

/// Ridges where two clouds cross their middle, as ice grows from lines, over a pale blue cloud.
fn frost(x: &mut [f32], (picture, ice): (f32, f32), rng: &mut Pcg32) {
    let (fine, coarse, base) = (plasma(1.7, rng), plasma(2.2, rng), plasma(2.5, rng));
    for (((pixel, fine), coarse), base) in x.chunks_exact_mut(3).zip(&fine).zip(&coarse).zip(&base) {
        let ridge = |value: f32, width: f32| (1.0 - (2.0 * value - 1.0).abs() * width).max(0.0);
        let frost = (0.25 * base + 0.45 * ridge(*fine, 4.0) + 0.45 * ridge(*coarse, 8.0) + 0.15).min(1.0);
        for (value, tint) in pixel.iter_mut().zip([0.86, 0.94, 1.0]) {
            *value = picture * *value + ice * frost * tint;
        }
    }
}

fn snow(x: &mut [f32], step: usize, rng: &mut Pcg32) {
    let (mean, deviation, zoom, threshold, radius, sigma, keep) = SNOW[step];
    let flakes: Vec<f32> = (0..SIDE * SIDE).map(|_| (mean + deviation * rng.normal()) as f32).collect();
    let mut layer = zoomed(&flakes, 1, zoom);
    for value in &mut layer {
        *value = if *value < threshold { 0.0 } else { value.clamp(0.0, 1.0) };
    }
    let layer = motion_blur(&layer, 1, radius, sigma, -135.0 + 90.0 * rng.unit());
    let n = layer.len();
    for (at, pixel) in x.chunks_exact_mut(3).enumerate() {
        let gray = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
        // Falling snow and the same turned by 180 degrees.
        let flakes = layer[at] + layer[n - 1 - at];
        for value in pixel {
            *value = keep * *value + (1.0 - keep) * value.max(gray * 1.5 + 0.5) + flakes;
        }
    }
}

fn contrast(x: &mut [f32], factor: f32) {
    for channel in 0..3 {
        let sum: f64 = x.iter().skip(channel).step_by(3).map(|value| f64::from(*value)).sum();
        let mean = (sum / (SIDE * SIDE) as f64) as f32;
        for value in x.iter_mut().skip(channel).step_by(3) {
            *value = (*value - mean) * factor + mean;
        }
    }
}

/// Adds to the V of HSV; hue and saturation stay, so all three values grow by the same factor.
fn brighten(x: &mut [f32], added: f32) {
    for pixel in x.chunks_exact_mut(3) {
        let most = pixel.iter().copied().fold(0.0, f32::max);
        let wanted = (most + added).min(1.0);
        for value in pixel {
            *value = if most > 0.0 { *value * wanted / most } else { wanted };
        }
    }
}

fn elastic(x: &[f32], strength: f32, rng: &mut Pcg32) -> Vec<f32> {
    let most = SIDE as f64 * 0.005;
    let mut field = || {
        let raw: Vec<f32> = (0..SIDE * SIDE).map(|_| ((2.0 * rng.unit() - 1.0) * most) as f32).collect();
        gaussian(&raw, 1, SIDE as f64 * 0.01, 3.0, Edge::Reflect)
    };
    let (dx, dy) = (field(), field());
    let mut out = Vec::with_capacity(x.len());
    for (at, (dx, dy)) in dx.iter().zip(&dy).enumerate() {
        let along = |place: f32| {
            let low = place.floor();
            let at = |place: f32| Edge::Reflect.place(place as i64, SIDE);
            (at(low), at(low + 1.0), place - low)
        };
        let (top, bottom, down) = along((at / SIDE) as f32 + dy * strength);
        let (left, right, across) = along((at % SIDE) as f32 + dx * strength);
        for channel in 0..3 {
            let value = |y: usize, x_at: usize| x[(y * SIDE + x_at) * 3 + channel];
            let upper = value(top, left) * (1.0 - across) + value(top, right) * across;
            let lower = value(bottom, left) * (1.0 - across) + value(bottom, right) * across;
            out.push(upper * (1.0 - down) + lower * down);
        }
    }
    out
}
