//! From ggml's blocks (<https://github.com/ggml-org/ggml>, `ggml-common.h`) to the planes of [`Layout`]. Pure
//! functions over any whole number of blocks, so that a loader holds one chunk at a time.

use super::error::GpuError;
use super::tensor::Layout;

/// Values of a quantized block.
pub const BLOCK: usize = 32;

/// Bytes of `rows` rows of `cols` values as a GGUF file stores them.
pub fn ggml_bytes(layout: Layout, rows: usize, cols: usize) -> u64 {
    let n = rows as u64 * cols as u64;
    let blocks = n / BLOCK as u64;
    match layout {
        Layout::F32 | Layout::U32 => n * 4,
        Layout::F16 => n * 2,
        Layout::Q8_0 => blocks * 34,
        Layout::Q4_0 => blocks * 18,
        Layout::Q4_1 => blocks * 20,
    }
}

/// Bytes of each plane.
pub fn planes(layout: Layout, rows: usize, cols: usize) -> Vec<u64> {
    layout.plane_bytes(rows, cols)
}

/// The bytes of each plane for consecutive ggml blocks.
///
/// # Errors
/// [`GpuError::Shape`] if the bytes are not whole blocks (whole values for unquantized layouts).
pub fn relayout(layout: Layout, ggml: &[u8]) -> Result<Vec<Vec<u8>>, GpuError> {
    let unit = match layout {
        Layout::F32 | Layout::U32 => 4,
        Layout::F16 => 2,
        Layout::Q8_0 => 34,
        Layout::Q4_0 => 18,
        Layout::Q4_1 => 20,
    };
    if !ggml.len().is_multiple_of(unit) {
        return Err(GpuError::shape("relayout", format!("{} bytes are not whole {layout:?} blocks", ggml.len())));
    }
    let blocks = ggml.len() / unit;
    match layout {
        Layout::F32 | Layout::U32 => Ok(vec![ggml.to_vec()]),
        Layout::F16 => {
            let mut halves = ggml.to_vec();
            halves.resize(halves.len().next_multiple_of(4), 0);
            Ok(vec![halves])
        }
        Layout::Q8_0 => {
            let (mut quants, mut scales) = (Vec::with_capacity(blocks * 32), Vec::with_capacity(blocks * 4));
            for block in ggml.chunks_exact(unit) {
                scales.extend_from_slice(&half_to_f32(block));
                quants.extend_from_slice(&block[2..]);
            }
            Ok(vec![quants, scales])
        }
        Layout::Q4_0 => {
            let (mut quants, mut scales) = (Vec::with_capacity(blocks * 16), Vec::with_capacity(blocks * 4));
            for block in ggml.chunks_exact(unit) {
                scales.extend_from_slice(&half_to_f32(block));
                nibbles(&block[2..], &mut quants);
            }
            Ok(vec![quants, scales])
        }
        Layout::Q4_1 => {
            let (mut quants, mut scales) = (Vec::with_capacity(blocks * 16), Vec::with_capacity(blocks * 4));
            for block in ggml.chunks_exact(unit) {
                scales.extend_from_slice(&block[..4]);
                nibbles(&block[4..], &mut quants);
            }
            Ok(vec![quants, scales])
        }
    }
}

fn half_to_f32(block: &[u8]) -> [u8; 4] {
    half::f16::from_le_bytes([block[0], block[1]]).to_f32().to_le_bytes()
}

/// ggml keeps value `j` in the low and `j + 16` in the high nibble of byte `j`; ours go `2j`, `2j + 1`.
fn nibbles(packed: &[u8], into: &mut Vec<u8>) {
    let (mut low, mut high) = ([0_u8; 8], [0_u8; 8]);
    for (j, (low, high)) in low.iter_mut().zip(&mut high).enumerate() {
        let (a, b) = (packed[2 * j], packed[2 * j + 1]);
        *low = (a & 15) | (b & 15) << 4;
        *high = a >> 4 | b & 0xf0;
    }
    into.extend_from_slice(&low);
    into.extend_from_slice(&high);
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::{GgmlDType, QTensor};
    use candle_core::{Device, Tensor as Candle};

    use super::*;
    use crate::gpu::testing::{dequantize, noise};

    /// Our planes, read back by the documented rule, are bit-equal to candle's dequantization.
    #[test]
    fn planes_hold_exactly_what_candle_reads() {
        for (layout, dtype) in
            [(Layout::Q8_0, GgmlDType::Q8_0), (Layout::Q4_0, GgmlDType::Q4_0), (Layout::Q4_1, GgmlDType::Q4_1)]
        {
            for (rows, cols) in [(1, 32), (3, 96), (7, 576)] {
                let values = noise(rows * cols, 7);
                let tensor = Candle::from_vec(values, (rows, cols), &Device::Cpu).unwrap();
                let quantized = QTensor::quantize(&tensor, dtype).unwrap();
                let bytes = quantized.data().unwrap();
                assert_eq!(bytes.len() as u64, ggml_bytes(layout, rows, cols));
                let ours = relayout(layout, &bytes).unwrap();
                let sizes: Vec<u64> = ours.iter().map(|plane| plane.len() as u64).collect();
                assert_eq!(sizes, planes(layout, rows, cols));
                let expected: Vec<f32> =
                    quantized.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap();
                assert_eq!(dequantize(layout, &ours), expected, "{layout:?} {rows}x{cols}");
            }
        }
    }

    #[test]
    fn chunks_join_to_the_whole() {
        let bytes: Vec<u8> = (0..20 * 11_u32).map(|i| (i * 37 % 251) as u8).collect();
        let whole = relayout(Layout::Q4_1, &bytes).unwrap();
        let (head, tail) = bytes.split_at(20 * 5);
        let (head, tail) = (relayout(Layout::Q4_1, head).unwrap(), relayout(Layout::Q4_1, tail).unwrap());
        for plane in 0..2 {
            assert_eq!(whole[plane], [head[plane].clone(), tail[plane].clone()].concat());
        }
    }

    #[test]
    fn a_cut_block_is_an_error() {
        assert!(relayout(Layout::Q4_1, &[0; 21]).is_err());
    }
}
