//! ggml's blocks (<https://github.com/ggml-org/ggml>, `ggml-common.h`, `ggml-quants.c`) as small integers with scales.

use half::{bf16, f16};

use crate::formats::FormatError;
use crate::formats::quant::Dtype;

use super::BLOCK;

/// 32 weights: weight `i` is `scales[i / 16]` · `quants[i]` + `min`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decoded {
    pub(super) quants: [i8; BLOCK],
    pub(super) scales: [f32; 2],
    pub(super) min: f32,
}

impl Decoded {
    /// Weights that are all zero.
    pub(super) const ZERO: Self = Self { quants: [0; BLOCK], scales: [0.0; 2], min: 0.0 };
}

fn half_at(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}

/// Low nibbles of 16 bytes first, then the high ones.
fn nibbles(packed: &[u8]) -> [i8; BLOCK] {
    std::array::from_fn(|i| (packed[i % 16] >> (i / 16 * 4) & 15) as i8)
}

/// Nibbles with a fifth bit from a word that has one bit a value.
fn five_bits(packed: &[u8], high: &[u8]) -> [i8; BLOCK] {
    let high = u32::from_le_bytes([high[0], high[1], high[2], high[3]]);
    let low = nibbles(packed);
    std::array::from_fn(|i| low[i] | ((high >> i & 1) << 4) as i8)
}

/// Scale and minimum `j` of the eight in 12 bytes of six-bit numbers (`get_scale_min_k4`).
fn six_bit_pair(packed: &[u8], j: usize) -> (f32, f32) {
    let (scale, min) = if j < 4 {
        (packed[j] & 63, packed[j + 4] & 63)
    } else {
        (packed[j + 4] & 15 | packed[j - 4] >> 6 << 4, packed[j + 4] >> 4 | packed[j] >> 6 << 4)
    };
    (f32::from(scale), f32::from(min))
}

fn small(dtype: Dtype, b: &[u8]) -> Decoded {
    let d = half_at(b, 0);
    let scales = [d; 2];
    match dtype {
        Dtype::Q4_0 => Decoded { quants: nibbles(&b[2..]), scales, min: -8.0 * d },
        Dtype::Q4_1 => Decoded { quants: nibbles(&b[4..]), scales, min: half_at(b, 2) },
        Dtype::Q5_0 => Decoded { quants: five_bits(&b[6..], &b[2..]).map(|q| q - 16), scales, min: 0.0 },
        Dtype::Q5_1 => Decoded { quants: five_bits(&b[8..], &b[4..]), scales, min: half_at(b, 2) },
        _ => Decoded { quants: std::array::from_fn(|i| b[2 + i] as i8), scales, min: 0.0 },
    }
}

/// The `j`-th 32 values of a `Q4_K` or `Q5_K` block; two neighbors share 32 bytes, low nibbles first.
fn k_with_min(dtype: Dtype, b: &[u8], j: usize) -> Decoded {
    let (scale, min) = six_bit_pair(&b[4..16], j);
    let low = &b[if dtype == Dtype::Q4K { 16 } else { 48 } + j / 2 * 32..];
    let quants = std::array::from_fn(|i| {
        let fifth = if dtype == Dtype::Q4K { 0 } else { b[16 + i] >> j & 1 };
        (low[i] >> (j % 2 * 4) & 15 | fifth << 4) as i8
    });
    Decoded { quants, scales: [half_at(b, 0) * scale; 2], min: -half_at(b, 2) * min }
}

/// The `j`-th 32 values of a `Q6_K` block.
fn q6_k(b: &[u8], j: usize) -> Decoded {
    let (half, quarter) = (j / 4, j % 4);
    let quants = std::array::from_fn(|i| {
        let low = b[half * 64 + quarter % 2 * 32 + i] >> (quarter / 2 * 4) & 15;
        let high = b[128 + half * 32 + i] >> (2 * quarter) & 3;
        (low | high << 4) as i8 - 32
    });
    let d = half_at(b, 208);
    let scale = |at: usize| d * f32::from(b[192 + 2 * j + at] as i8);
    Decoded { quants, scales: [scale(0), scale(1)], min: 0.0 }
}

/// Appends the blocks of 32 in whole ggml blocks of a quantized type.
pub(super) fn decode(dtype: Dtype, bytes: &[u8], into: &mut Vec<Decoded>) {
    let ggml_blocks = bytes.chunks_exact(dtype.block_bytes());
    match dtype {
        Dtype::Q4K | Dtype::Q5K => into.extend(ggml_blocks.flat_map(|b| (0..8).map(move |j| k_with_min(dtype, b, j)))),
        Dtype::Q6K => into.extend(ggml_blocks.flat_map(|b| (0..8).map(|j| q6_k(b, j)))),
        _ => into.extend(ggml_blocks.map(|b| small(dtype, b))),
    }
}

/// The values of whole blocks as `f32`.
///
/// # Errors
/// [`FormatError::Header`] if the bytes are no whole number of blocks, [`FormatError::Quantization`] for types that
/// are not supported.
pub fn dequantize(dtype: Dtype, bytes: &[u8]) -> Result<Vec<f32>, FormatError> {
    if !dtype.is_supported() {
        return Err(FormatError::Quantization { dtype: dtype.name().to_owned(), tensor: String::new() });
    }
    if !bytes.len().is_multiple_of(dtype.block_bytes()) {
        let detail = format!("{} bytes are no whole number of {dtype} blocks", bytes.len());
        return Err(FormatError::Header { detail });
    }
    Ok(match dtype {
        Dtype::F32 => bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        Dtype::F16 => bytes.chunks_exact(2).map(|b| half_at(b, 0)).collect(),
        Dtype::Bf16 => bytes.chunks_exact(2).map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        _ => {
            let mut blocks = Vec::new();
            decode(dtype, bytes, &mut blocks);
            let value = |block: &Decoded, i: usize| block.scales[i / 16] * f32::from(block.quants[i]) + block.min;
            blocks.iter().flat_map(|block| (0..BLOCK).map(move |i| value(block, i))).collect()
        }
    })
}
