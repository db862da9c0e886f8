//! What JPEG loses: color made coarse, each 8 x 8 block rounded in the frequency domain. The bits are never written,
//! because storing them loses nothing more. Tables and quality as in libjpeg (ITU T.81, annex K), color halved in both
//! directions and smoothed when it is enlarged again, as Pillow does by default.

use super::picture::{Picture, byte};

const LUMINANCE: [u16; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
];
const CHROMINANCE: [u16; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99,
];

fn table(base: &[u16; 64], quality: u8) -> [f32; 64] {
    let quality = u32::from(quality.clamp(1, 100));
    let scale = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    base.map(|value| ((u32::from(value) * scale + 50) / 100).clamp(1, 255) as f32)
}

/// cos((2x + 1) u pi / 16) with the orthonormal factor of u.
fn basis() -> [[f32; 8]; 8] {
    std::array::from_fn(|u| {
        let factor = if u == 0 { libm::sqrt(0.125) } else { 0.5 };
        std::array::from_fn(|x| {
            (factor * libm::cos((2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / 16.0)) as f32
        })
    })
}

/// Transforms, rounds and transforms back each block of a plane whose sides are multiples of 8; bytes in, bytes out.
fn lose(plane: &mut [f32], width: usize, table: &[f32; 64]) {
    let basis = basis();
    for top in (0..plane.len() / width).step_by(8) {
        for left in (0..width).step_by(8) {
            let mut block: [[f32; 8]; 8] =
                std::array::from_fn(|y| std::array::from_fn(|x| plane[(top + y) * width + left + x] - 128.0));
            let rows = block.map(|row| basis.map(|wave| wave.iter().zip(row).map(|(a, b)| a * b).sum::<f32>()));
            for v in 0..8 {
                for u in 0..8 {
                    let sum: f32 = (0..8).map(|y| basis[v][y] * rows[y][u]).sum();
                    let step = table[v * 8 + u];
                    block[v][u] = (sum / step).round() * step;
                }
            }
            let columns: [[f32; 8]; 8] = std::array::from_fn(|y| {
                std::array::from_fn(|u| (0..8).map(|v| basis[v][y] * block[v][u]).sum::<f32>())
            });
            for y in 0..8 {
                for x in 0..8 {
                    let value: f32 = (0..8).map(|u| basis[u][x] * columns[y][u]).sum();
                    plane[(top + y) * width + left + x] = f32::from(byte(value + 128.0));
                }
            }
        }
    }
}

/// Enlarges by two in both directions, three quarters of the nearer and one of the farther (libjpeg's triangle filter).
fn enlarged(plane: &[f32], width: usize, height: usize) -> Vec<f32> {
    let near = |at: usize, size: usize| {
        let half = at / 2;
        let other = if at.is_multiple_of(2) { half.saturating_sub(1) } else { (half + 1).min(size - 1) };
        (half, other)
    };
    let mut out = Vec::with_capacity(width * height * 4);
    for y in 0..height * 2 {
        let (row, far_row) = near(y, height);
        for x in 0..width * 2 {
            let (column, far) = near(x, width);
            let at = |column: usize| 0.75 * plane[row * width + column] + 0.25 * plane[far_row * width + column];
            out.push(0.75 * at(column) + 0.25 * at(far));
        }
    }
    out
}

/// A picture whose sides are multiples of 16, as it comes back from a JPEG file of this quality (1 to 100); others are
/// returned as they are.
#[must_use]
pub fn compressed(picture: &Picture, quality: u8) -> Picture {
    let (width, height) = (picture.width(), picture.height());
    if !width.is_multiple_of(16) || !height.is_multiple_of(16) {
        return picture.clone();
    }
    let mut planes: [Vec<f32>; 3] = std::array::from_fn(|_| Vec::with_capacity(width * height));
    for pixel in picture.pixels().chunks_exact(3) {
        let [r, g, b] = [0, 1, 2].map(|c| f32::from(pixel[c]));
        let values = [
            0.299 * r + 0.587 * g + 0.114 * b,
            -0.168_735_9 * r - 0.331_264_1 * g + 0.5 * b + 128.0,
            0.5 * r - 0.418_687_6 * g - 0.081_312_4 * b + 128.0,
        ];
        for (plane, value) in planes.iter_mut().zip(values) {
            plane.push(f32::from(byte(value)));
        }
    }
    let [mut luma, blue, red] = planes;
    lose(&mut luma, width, &table(&LUMINANCE, quality));
    let [blue, red] = [blue, red].map(|plane| {
        let (w, h) = (width / 2, height / 2);
        let mut small: Vec<f32> = (0..w * h)
            .map(|at| {
                let first = at / w * 2 * width + at % w * 2;
                let sum = plane[first] + plane[first + 1] + plane[first + width] + plane[first + width + 1];
                f32::from(byte(sum / 4.0))
            })
            .collect();
        lose(&mut small, w, &table(&CHROMINANCE, quality));
        enlarged(&small, w, h)
    });
    let pixels = luma
        .iter()
        .zip(blue.iter().zip(&red))
        .flat_map(|(y, (cb, cr))| {
            let (cb, cr) = (cb - 128.0, cr - 128.0);
            [y + 1.402 * cr, y - 0.344_136_3 * cb - 0.714_136_3 * cr, y + 1.772 * cb].map(byte)
        })
        .collect();
    Picture::new(width, height, pixels).unwrap_or_else(|_| picture.clone())
}
