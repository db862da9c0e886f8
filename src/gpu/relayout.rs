//! From ggml's blocks (<https://github.com/ggml-org/ggml>, `ggml-common.h`) to the planes of [`Layout`]. Pure
//! functions over any whole number of blocks, so that a loader holds one chunk at a time.

use super::error::GpuError;
use super::tensor::Layout;

/// Bytes of `rows` rows of `cols` values as a GGUF file stores them.
pub fn ggml_bytes(layout: Layout, rows: usize, cols: usize) -> u64 {
    rows as u64 * cols as u64 / layout.block_len() as u64 * ggml_block_bytes(layout) as u64
}

/// Bytes of one block (one value where there are no blocks) in a GGUF file.
fn ggml_block_bytes(layout: Layout) -> usize {
    match layout {
        Layout::F32 | Layout::U32 => 4,
        Layout::F16 | Layout::Bf16 => 2,
        Layout::Q8_0 => 34,
        Layout::Q4_0 => 18,
        Layout::Q4_1 => 20,
        Layout::Q5_0 => 22,
        Layout::Q5_1 => 24,
        Layout::Q4K => 144,
        Layout::Q5K => 176,
        Layout::Q6K => 210,
    }
}

/// The bytes of each plane for consecutive ggml blocks.
///
/// # Errors
/// [`GpuError::Shape`] if the bytes are not whole blocks (whole values for unquantized layouts).
pub fn relayout(layout: Layout, ggml: &[u8]) -> Result<Vec<Vec<u8>>, GpuError> {
    let unit = ggml_block_bytes(layout);
    if !ggml.len().is_multiple_of(unit) {
        return Err(GpuError::shape("relayout", format!("{} bytes are not whole {layout:?} blocks", ggml.len())));
    }
    let n_values = ggml.len() / unit * layout.block_len();
    let mut planes: Vec<Vec<u8>> =
        layout.plane_bytes(1, n_values).into_iter().map(|bytes| Vec::with_capacity(bytes as usize)).collect();
    if let [values] = planes.as_mut_slice() {
        values.extend_from_slice(ggml);
        values.resize(values.len().next_multiple_of(4), 0);
    } else if let [quants, side] = planes.as_mut_slice() {
        let block: fn(&[u8], &mut Vec<u8>, &mut Vec<u8>) = match layout {
            Layout::Q4_0 => q4_0,
            Layout::Q4_1 => q4_1,
            Layout::Q5_0 => q5_0,
            Layout::Q5_1 => q5_1,
            Layout::Q4K => q4_k,
            Layout::Q5K => q5_k,
            Layout::Q6K => q6_k,
            Layout::F32 | Layout::U32 | Layout::F16 | Layout::Bf16 | Layout::Q8_0 => q8_0,
        };
        for bytes in ggml.chunks_exact(unit) {
            block(bytes, quants, side);
        }
    }
    Ok(planes)
}

fn q8_0(block: &[u8], quants: &mut Vec<u8>, side: &mut Vec<u8>) {
    side.extend_from_slice(&half_to_f32(block));
    quants.extend_from_slice(&block[2..]);
}

fn q4_0(block: &[u8], quants: &mut Vec<u8>, side: &mut Vec<u8>) {
    side.extend_from_slice(&half_to_f32(block));
    nibbles(&block[2..], quants);
}

fn q4_1(block: &[u8], quants: &mut Vec<u8>, side: &mut Vec<u8>) {
    side.extend_from_slice(&block[..4]);
    nibbles(&block[4..], quants);
}

fn q5_0(block: &[u8], quants: &mut Vec<u8>, side: &mut Vec<u8>) {
    side.extend_from_slice(&block[2..6]);
    side.extend_from_slice(&half_to_f32(block));
    nibbles(&block[6..], quants);
}

fn q5_1(block: &[u8], quants: &mut Vec<u8>, side: &mut Vec<u8>) {
    side.extend_from_slice(&block[4..8]);
    side.extend_from_slice(&block[..4]);
    nibbles(&block[8..], quants);
}

fn q4_k(block: &[u8], quants: &mut Vec<u8>, side: &mut Vec<u8>) {
    side.extend_from_slice(&block[..4]);
    six_bit_pairs(&block[4..16], side);
    halves_of_64(&block[16..], quants);
}

fn q5_k(block: &[u8], quants: &mut Vec<u8>, side: &mut Vec<u8>) {
    side.extend_from_slice(&block[..4]);
    six_bit_pairs(&block[4..16], side);
    // ggml keeps the fifth bit of value `l` of the j-th 32 values in bit j of byte l.
    for j in 0..8 {
        let bits = block[16..48].iter().enumerate().fold(0, |bits, (l, &byte)| bits | u32::from(byte >> j & 1) << l);
        side.extend_from_slice(&bits.to_le_bytes());
    }
    halves_of_64(&block[48..], quants);
}

fn q6_k(block: &[u8], quants: &mut Vec<u8>, side: &mut Vec<u8>) {
    // For each 128 values ggml has 64 bytes of low nibbles: values 0-63 in the low halves, 64-127 in the high ones;
    // and 32 bytes of high pairs: pair j of byte l belongs to value 32j + l.
    for low in block[..128].chunks_exact(64) {
        for shift in [0, 4] {
            quants.extend(low.chunks_exact(2).map(|pair| (pair[0] >> shift & 15) | (pair[1] >> shift & 15) << 4));
        }
    }
    for high in block[128..192].chunks_exact(32) {
        for shift in [0, 2, 4, 6] {
            side.extend(high.chunks_exact(4).map(|four| {
                four.iter().enumerate().fold(0, |byte, (at, &pairs)| byte | (pairs >> shift & 3) << (2 * at))
            }));
        }
    }
    side.extend_from_slice(&block[192..208]);
    side.extend_from_slice(&half_to_f32(&block[208..]));
}

fn half_to_f32(block: &[u8]) -> [u8; 4] {
    half::f16::from_le_bytes([block[0], block[1]]).to_f32().to_le_bytes()
}

/// ggml keeps value `j` in the low and `j + 16` in the high nibble of byte `j`; ours go `2j`, `2j + 1`.
fn nibbles(packed: &[u8], into: &mut Vec<u8>) {
    for shift in [0, 4] {
        into.extend(packed.chunks_exact(2).map(|pair| (pair[0] >> shift & 15) | (pair[1] >> shift & 15) << 4));
    }
}

/// `Q4_K` and `Q5_K` keep 64 values in 32 bytes, the first 32 in the low nibbles.
fn halves_of_64(packed: &[u8], into: &mut Vec<u8>) {
    for bytes in packed.chunks_exact(32) {
        nibbles(bytes, into);
    }
}

/// The eight 6-bit scales and eight 6-bit mins of a `Q4_K` or `Q5_K` block (ggml's `get_scale_min_k4`), as bytes:
/// scale 0, min 0, scale 1 and so on.
fn six_bit_pairs(packed: &[u8], into: &mut Vec<u8>) {
    for j in 0..8 {
        into.extend(if j < 4 {
            [packed[j] & 63, packed[j + 4] & 63]
        } else {
            [(packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4, packed[j + 4] >> 4 | (packed[j] >> 6) << 4]
        });
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::QTensor;
    use candle_core::{Device, Tensor as Candle};

    use super::*;
    use crate::formats::quant;
    use crate::gpu::testing::{LAYOUTS, dequantize, ggml_noise, noise};

    /// Our planes, read back by the documented rule, are bit-equal to candle's dequantization.
    #[test]
    fn planes_hold_exactly_what_candle_reads() {
        for (layout, dtype) in LAYOUTS {
            for (rows, cols) in [(1, 32), (3, 96), (7, 576), (3, 256), (5, 1280)] {
                if cols % layout.block_len() != 0 {
                    continue;
                }
                let tensor = Candle::from_vec(noise(rows * cols, 7), (rows, cols), &Device::Cpu).unwrap();
                let quantized = QTensor::quantize(&tensor, dtype.ggml()).unwrap();
                // Blocks as a quantizer makes them, and blocks of any bits.
                for bytes in [quantized.data().unwrap().to_vec(), ggml_noise(layout, rows * cols, 11)] {
                    assert_eq!(bytes.len() as u64, ggml_bytes(layout, rows, cols));
                    let ours = relayout(layout, &bytes).unwrap();
                    let sizes: Vec<u64> = ours.iter().map(|plane| plane.len() as u64).collect();
                    assert_eq!(sizes, layout.plane_bytes(rows, cols));
                    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
                    let expected = bits(quant::dequantize(dtype, &bytes).unwrap());
                    assert_eq!(bits(dequantize(layout, &ours)), expected, "{layout:?} {rows}x{cols}");
                }
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
