//! Rows of activations, quantized to 16 bits.

use super::BLOCK;

/// 32 activations: value `i` is about `scale` · `q[i]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct ActivationBlock {
    /// `q[2p]` in the low and `q[2p + 1]` in the high half of pair `p`, which is `pairs[p / 4][p % 4]`.
    pub(super) pairs: [[i32; 4]; 4],
    /// Largest magnitude / 32767.
    pub(super) scale: f32,
    /// Sum of the values.
    pub(super) sum: f32,
}

/// A matrix of activations, (T, `cols`), as [`super::Matrix`] wants it on its right side.
#[derive(Debug, Clone, Default)]
pub struct Activations {
    cols: usize,
    values: Vec<f32>,
    blocks: Vec<ActivationBlock>,
}

/// 1.5 · 2^23: added to a number below 2^22, it leaves the nearest integer in the low bits.
const ROUNDER: f32 = 12_582_912.0;

fn quantize(values: &[f32]) -> ActivationBlock {
    let mut padded = [0.0_f32; BLOCK];
    padded[..values.len()].copy_from_slice(values);
    let mut largest = 0.0_f32;
    // Not a number, or infinity, times zero is not a number: it must come out of the product, not vanish in rounding.
    let mut poison = 0.0_f32;
    for value in padded {
        largest = if value.abs() > largest { value.abs() } else { largest };
        poison += value * 0.0;
    }
    let inverse = if largest > 0.0 { 32767.0 / largest } else { 0.0 };
    // The inverse of a subnormal number is infinite; the whole block is nothing beside any other.
    let inverse = if inverse.is_finite() { inverse } else { 0.0 };
    let round = |value: f32| ((value * inverse + ROUNDER).to_bits() as i32).wrapping_sub(ROUNDER.to_bits() as i32);
    let (mut pairs, mut sum) = ([[0; 4]; 4], 0_i32);
    for (pairs, values) in pairs.iter_mut().zip(padded.chunks_exact(8)) {
        for (pair, values) in pairs.iter_mut().zip(values.chunks_exact(2)) {
            let (low, high) = (round(values[0]), round(values[1]));
            sum = sum.wrapping_add(low).wrapping_add(high);
            *pair = low & 0xffff | high << 16;
        }
    }
    let scale = largest / 32767.0 + poison;
    ActivationBlock { pairs, scale, sum: scale * sum as f32 }
}

impl Activations {
    /// Takes the rows of `x`: (T, `cols`), row by row.
    pub fn set(&mut self, x: &[f32], cols: usize) {
        assert!(cols > 0 && x.len().is_multiple_of(cols), "{} activations in rows of {cols}", x.len());
        self.cols = cols;
        self.values.clear();
        self.values.extend_from_slice(x);
        self.blocks.clear();
        for row in x.chunks_exact(cols) {
            self.blocks.extend(row.chunks(BLOCK).map(quantize));
        }
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.values.len().checked_div(self.cols).unwrap_or_default()
    }

    /// Values in a row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The rows unquantized.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.cols.max(1))
    }

    /// All blocks, row by row; a row has `cols` / 32 of them, rounded up.
    pub(super) fn blocks(&self) -> &[ActivationBlock] {
        &self.blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_keep_what_an_outlier_would_drown_in_eight() {
        let mut x: Vec<f32> = (0..BLOCK).map(|i| (i as f32 * 0.7).sin()).collect();
        x[7] = -900.0;
        let block = quantize(&x);
        let mut sum = 0.0;
        for (i, value) in x.iter().enumerate() {
            let pair = block.pairs[i / 8][i / 2 % 4];
            let q = if i % 2 == 0 { pair as i16 } else { (pair >> 16) as i16 };
            let back = f32::from(q) * block.scale;
            assert!((back - value).abs() <= 900.0 / 32767.0 * 0.501, "{i}: {back} {value}");
            sum += back;
        }
        assert!((sum - block.sum).abs() < 1e-2);
    }

    #[test]
    fn what_is_no_number_stays_none() {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut x = [1.0; BLOCK];
            x[3] = bad;
            assert!(quantize(&x).scale.is_nan());
        }
        let zero = quantize(&[0.0; 5]);
        assert_eq!((zero.scale, zero.sum, zero.pairs), (0.0, 0.0, [[0; 4]; 4]));
        assert_eq!(quantize(&[1e-44; 5]).sum, 0.0);
    }
}
