//! Shared helpers of the kernel tests: a device with WebGPU's default limits, references in `f64`, errors.

use crate::formats::quant::Dtype;

use super::device::Gpu;
use super::executor::prepare;
use super::recording::Recording;
use super::tensor::{Layout, Tensor};

/// A device with default limits. A machine without any adapter fails here, it does not skip.
pub(crate) fn gpu() -> Gpu {
    pollster::block_on(Gpu::request(false, "")).unwrap()
}

/// Deterministic values in about [-1, 1].
pub(crate) fn noise(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12345) | 1;
    (0..n)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (f64::from(state) / 2_147_483_648.0 - 1.0) as f32
        })
        .collect()
}

/// Every layout of weights, with ggml's name for it.
pub(crate) const LAYOUTS: [(Layout, Dtype); 11] = [
    (Layout::F32, Dtype::F32),
    (Layout::F16, Dtype::F16),
    (Layout::Bf16, Dtype::Bf16),
    (Layout::Q8_0, Dtype::Q8_0),
    (Layout::Q4_0, Dtype::Q4_0),
    (Layout::Q4_1, Dtype::Q4_1),
    (Layout::Q5_0, Dtype::Q5_0),
    (Layout::Q5_1, Dtype::Q5_1),
    (Layout::Q4K, Dtype::Q4K),
    (Layout::Q5K, Dtype::Q5K),
    (Layout::Q6K, Dtype::Q6K),
];

/// Reads planes by the rule that [`Layout`] documents.
pub(crate) fn dequantize(layout: Layout, planes: &[Vec<u8>]) -> Vec<f32> {
    let word = |at: usize| u32::from_le_bytes(planes[1][4 * at..][..4].try_into().unwrap());
    let scale = |at: usize| f32::from_bits(word(at));
    let half = |bits: u32| half::f16::from_bits(bits as u16).to_f32();
    let nibble = |i: usize| u32::from(planes[0][i / 2]) >> (4 * (i % 2)) & 15;
    let fifth = |at: usize, i: usize| (word(at) >> (i % 32) & 1) << 4;
    // Scale and min of the 32 values that hold value `i`, in blocks of `words` words.
    let scale_min = |i: usize, words: usize| {
        let (at, j) = (i / 256 * words, i % 256 / 32);
        let pair = word(at + 1 + j / 2) >> (16 * (j % 2));
        (half(word(at)) * (pair & 255) as f32, half(word(at) >> 16) * (pair >> 8 & 255) as f32)
    };
    let values = |n: usize, value: &dyn Fn(usize) -> f32| (0..n).map(value).collect();
    let n = planes[0].len() * 2;
    match layout {
        Layout::F32 | Layout::U32 => {
            planes[0].chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
        }
        Layout::F16 => planes[0].chunks_exact(2).map(|b| half(u32::from(b[0]) | u32::from(b[1]) << 8)).collect(),
        Layout::Bf16 => planes[0].chunks_exact(2).map(|b| f32::from_le_bytes([0, 0, b[0], b[1]])).collect(),
        Layout::Q8_0 => values(n / 2, &|i| f32::from(planes[0][i] as i8) * scale(i / 32)),
        Layout::Q4_0 => values(n, &|i| (nibble(i) as f32 - 8.0) * scale(i / 32)),
        Layout::Q4_1 => values(n, &|i| nibble(i) as f32 * half(word(i / 32)) + half(word(i / 32) >> 16)),
        Layout::Q5_0 => values(n, &|i| {
            let at = i / 32 * 2;
            ((nibble(i) | fifth(at, i)) as f32 - 16.0) * scale(at + 1)
        }),
        Layout::Q5_1 => values(n, &|i| {
            let at = i / 32 * 2;
            (nibble(i) | fifth(at, i)) as f32 * half(word(at + 1)) + half(word(at + 1) >> 16)
        }),
        Layout::Q4K => values(n, &|i| {
            let (scale, min) = scale_min(i, 5);
            nibble(i) as f32 * scale - min
        }),
        Layout::Q5K => values(n, &|i| {
            let (scale, min) = scale_min(i, 13);
            (nibble(i) | fifth(i / 256 * 13 + 5 + i % 256 / 32, i)) as f32 * scale - min
        }),
        Layout::Q6K => values(n, &|i| {
            let (at, i_block) = (i / 256 * 21, i % 256);
            let high = word(at + i_block / 16) >> (2 * (i % 16)) & 3;
            let signed = (word(at + 16 + i_block / 64) >> (8 * (i_block / 16 % 4))) as i8;
            scale(at + 20) * f32::from(signed) * ((nibble(i) | high << 4) as f32 - 32.0)
        }),
    }
}

/// ggml bytes of a layout with plausible scales and quants of any bits, deterministic.
pub(crate) fn ggml_noise(layout: Layout, n: usize, seed: u32) -> Vec<u8> {
    let values = noise(n, seed);
    let half = |x: f32| half::f16::from_f32(x).to_le_bytes();
    let bytes = |block: &[f32], n: usize| -> Vec<u8> {
        block.iter().cycle().take(n).enumerate().map(|(i, &x)| ((x + 1.0) * 127.0) as u8 ^ (i / 32) as u8).collect()
    };
    match layout {
        Layout::F32 | Layout::U32 => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Layout::F16 => values.iter().flat_map(|&x| half(x)).collect(),
        Layout::Bf16 => values.iter().flat_map(|&x| half::bf16::from_f32(x).to_le_bytes()).collect(),
        _ => values
            .chunks_exact(layout.block_len())
            .flat_map(|block| {
                let scale = half(0.01 + 0.01 * block[0].abs());
                let min = half(-0.1 * block[1].abs());
                match layout {
                    Layout::Q8_0 => [scale.to_vec(), bytes(block, 32)].concat(),
                    Layout::Q4_0 => [scale.to_vec(), bytes(block, 16)].concat(),
                    Layout::Q4_1 => [scale.to_vec(), min.to_vec(), bytes(block, 16)].concat(),
                    Layout::Q5_0 => [scale.to_vec(), bytes(block, 20)].concat(),
                    Layout::Q5_1 => [scale.to_vec(), min.to_vec(), bytes(block, 20)].concat(),
                    Layout::Q4K => [scale.to_vec(), min.to_vec(), bytes(block, 140)].concat(),
                    Layout::Q5K => [scale.to_vec(), min.to_vec(), bytes(block, 172)].concat(),
                    _ => [bytes(block, 208), half(0.001 * block[0]).to_vec()].concat(),
                }
            })
            .collect(),
    }
}

/// A tensor from ggml bytes, and its values as candle-core reads them.
pub(crate) fn weights(gpu: &Gpu, layout: Layout, shape: &[usize], seed: u32) -> (Tensor, Vec<f32>) {
    weights_within(gpu, layout, shape, seed, gpu.max_plane_bytes())
}

/// The same in parts of at most `max_plane_bytes` a plane.
pub(crate) fn weights_within(
    gpu: &Gpu,
    layout: Layout,
    shape: &[usize],
    seed: u32,
    max_plane_bytes: u64,
) -> (Tensor, Vec<f32>) {
    let bytes = ggml_noise(layout, shape.iter().product(), seed);
    let tensor = gpu.create_table_within("w", shape, layout, max_plane_bytes).unwrap();
    gpu.write_rows(&tensor, 0, &bytes).unwrap();
    let dtype = LAYOUTS.iter().find(|(known, _)| *known == layout).unwrap().1;
    (tensor, crate::formats::quant::dequantize(dtype, &bytes).unwrap())
}

/// An F32 tensor.
pub(crate) fn tensor(gpu: &Gpu, shape: &[usize], values: &[f32]) -> Tensor {
    let tensor = gpu.create("t", shape, Layout::F32).unwrap();
    gpu.write_f32(&tensor, 0, values).unwrap();
    tensor
}

/// A U32 tensor.
pub(crate) fn tensor_u32(gpu: &Gpu, values: &[u32]) -> Tensor {
    let tensor = gpu.create("u", &[values.len()], Layout::U32).unwrap();
    gpu.write_u32(&tensor, 0, values).unwrap();
    tensor
}

/// `state` of a call.
pub(crate) fn state(gpu: &Gpu, pos: usize, n_rows: usize) -> Tensor {
    tensor_u32(gpu, &[pos as u32, n_rows as u32, 0, 0])
}

/// Runs a recording of one output and reads it; the ways of a GPU and of a processor must agree.
pub(crate) fn run(gpu: &Gpu, record: impl Fn(&mut Recording) -> Tensor) -> Vec<f32> {
    let [found, software] = [Recording::new(), Recording::for_software()].map(|mut rec| {
        let out = record(&mut rec);
        rec.keep(&out);
        let prepared = prepare(gpu, &rec).unwrap();
        gpu.submit(&prepared, 1).unwrap();
        pollster::block_on(gpu.read_f32(&out, 0..out.len())).unwrap()
    });
    let expected: Vec<f64> = software.iter().map(|&value| f64::from(value)).collect();
    close("the two ways", &found, &expected, 1e-10);
    found
}

/// Normalized mean squared error.
pub(crate) fn nmse(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let error: f64 = found.iter().zip(expected).map(|(&f, e)| (f64::from(f) - e).powi(2)).sum();
    let norm: f64 = expected.iter().map(|e| e * e).sum();
    error / norm.max(1e-30)
}

/// Fails unless the error is small for `f32` arithmetic. NaN fails too.
pub(crate) fn close(what: &str, found: &[f32], expected: &[f64], limit: f64) {
    let error = nmse(found, expected);
    assert!(error <= limit, "{what}: NMSE {error:e} above {limit:e}");
}
