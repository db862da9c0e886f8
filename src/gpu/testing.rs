//! Shared helpers of the kernel tests: a device with WebGPU's default limits, references in `f64`, errors.

use super::device::Gpu;
use super::executor::prepare;
use super::recording::Recording;
use super::relayout::relayout;
use super::tensor::{Layout, Tensor};

/// A device with default limits. A machine without any adapter fails here, it does not skip.
pub(crate) fn gpu() -> Gpu {
    pollster::block_on(Gpu::request(false)).unwrap()
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

/// Reads planes by the rule that [`Layout`] documents.
pub(crate) fn dequantize(layout: Layout, planes: &[Vec<u8>]) -> Vec<f32> {
    let f32s = |bytes: &[u8]| -> Vec<f32> {
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    };
    let f16 = |bytes: &[u8]| half::f16::from_le_bytes(bytes.try_into().unwrap()).to_f32();
    match layout {
        Layout::F32 | Layout::U32 => f32s(&planes[0]),
        Layout::F16 => planes[0].chunks_exact(2).map(f16).collect(),
        Layout::Q8_0 => {
            let scales = f32s(&planes[1]);
            planes[0].iter().enumerate().map(|(i, &q)| f32::from(q as i8) * scales[i / 32]).collect()
        }
        Layout::Q4_0 => {
            let scales = f32s(&planes[1]);
            let n = planes[0].len() * 2;
            (0..n).map(|i| (f32::from(planes[0][i / 2] >> (4 * (i % 2)) & 15) - 8.0) * scales[i / 32]).collect()
        }
        Layout::Q4_1 => {
            let n = planes[0].len() * 2;
            (0..n)
                .map(|i| {
                    let block = &planes[1][i / 32 * 4..][..4];
                    f32::from(planes[0][i / 2] >> (4 * (i % 2)) & 15) * f16(&block[..2]) + f16(&block[2..])
                })
                .collect()
        }
    }
}

/// ggml bytes of a layout with plausible scales, deterministic.
pub(crate) fn ggml_noise(layout: Layout, n: usize, seed: u32) -> Vec<u8> {
    let values = noise(n, seed);
    let half = |x: f32| half::f16::from_f32(x).to_le_bytes();
    let byte = |x: f32| ((x + 1.0) * 127.0) as u8;
    match layout {
        Layout::F32 | Layout::U32 => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Layout::F16 => values.iter().flat_map(|&x| half(x)).collect(),
        Layout::Q8_0 | Layout::Q4_0 | Layout::Q4_1 => values
            .chunks_exact(32)
            .flat_map(|block| {
                let mut bytes = half(0.01 + 0.01 * block[0].abs()).to_vec();
                if layout == Layout::Q4_1 {
                    bytes.extend(half(-0.1 * block[1].abs()));
                }
                let quants = if layout == Layout::Q8_0 { 32 } else { 16 };
                bytes.extend(block.iter().take(quants).map(|&x| byte(x)));
                bytes
            })
            .collect(),
    }
}

/// A tensor from ggml bytes, and its values.
pub(crate) fn weights(gpu: &Gpu, layout: Layout, shape: &[usize], seed: u32) -> (Tensor, Vec<f32>) {
    let bytes = ggml_noise(layout, shape.iter().product(), seed);
    let tensor = gpu.create("w", shape, layout).unwrap();
    gpu.write_rows(&tensor, 0, &bytes).unwrap();
    (tensor, dequantize(layout, &relayout(layout, &bytes).unwrap()))
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

/// Runs a recording of one output and reads it.
pub(crate) fn run(gpu: &Gpu, record: impl FnOnce(&mut Recording) -> Tensor) -> Vec<f32> {
    let mut rec = Recording::new();
    let out = record(&mut rec);
    rec.keep(&out);
    let prepared = prepare(gpu, &rec).unwrap();
    gpu.submit(&prepared, 1).unwrap();
    pollster::block_on(gpu.read_f32(&out, 0..out.len())).unwrap()
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
