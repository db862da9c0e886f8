//! Rotary position embedding (Su et al. 2021).

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{check_f32, check_state, groups};

/// Which values of a head form a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// (2i, 2i + 1), as Llama in GGUF files.
    Interleaved,
    /// (i, i + `head_dim` / 2), as GPT-NeoX, Qwen, Gemma.
    Half,
}

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "rope",
    sources: &[include_str!("rope.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read],
    params_size: 16,
};

/// Rotates `x: F32[M, heads * head_dim]`, row `m` standing at position `state[0] + m`; `freqs: F32[head_dim / 2]`
/// are radians a position.
pub fn record(rec: &mut Recording, x: &Tensor, freqs: &Tensor, style: Style, state: &Tensor) -> Tensor {
    let (m, half) = (x.rows(), freqs.len());
    check_state(rec, KERNEL.name, state);
    check_f32(rec, KERNEL.name, &[x, freqs]);
    let heads = x.cols() / (2 * half).max(1);
    let ok = half > 0 && heads > 0 && heads * half * 2 == x.cols() && m > 0;
    rec.check(ok, KERNEL.name, || format!("x {:?}, freqs {:?}", x.shape(), freqs.shape()));
    let out = rec.scratch("rotated", x.shape(), Layout::F32);
    let params = [heads as u32, half as u32, m as u32, u32::from(style == Style::Half)];
    let grid = [groups(heads * half, 64), m as u32, 1];
    rec.dispatch(&KERNEL, &params, &[(x, 0), (&out, 0), (state, 0), (freqs, 0)], grid);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::*;

    #[test]
    fn equals_the_f64_reference_at_near_and_far_positions() {
        let gpu = gpu();
        for style in [Style::Interleaved, Style::Half] {
            for (heads, half, m, pos) in [(1, 1, 1, 0), (3, 5, 3, 7), (9, 32, 5, 2000), (4, 32, 2, 131_000)] {
                let dim = 2 * half;
                let x = noise(m * heads * dim, 1);
                let freqs: Vec<f32> = (0..half).map(|i| 1e4_f64.powf(-(i as f64) / half as f64) as f32).collect();
                let (a, f, state) =
                    (tensor(&gpu, &[m, heads * dim], &x), tensor(&gpu, &[half], &freqs), state(&gpu, pos, m));
                let found = run(&gpu, |rec| record(rec, &a, &f, style, &state));
                let mut expected = vec![0.0; x.len()];
                for row in 0..m {
                    for head in 0..heads {
                        for (i, &freq) in freqs.iter().enumerate() {
                            let start = (row * heads + head) * dim;
                            let (p, q) = match style {
                                Style::Interleaved => (start + 2 * i, start + 2 * i + 1),
                                Style::Half => (start + i, start + i + half),
                            };
                            let (s, c) = ((pos + row) as f64 * f64::from(freq)).sin_cos();
                            let (u, v) = (f64::from(x[p]), f64::from(x[q]));
                            expected[p] = u * c - v * s;
                            expected[q] = u * s + v * c;
                        }
                    }
                }
                // The angle itself is an f32: its rounding at far positions is the error.
                let limit = if pos < 3000 { 1e-8 } else { 1e-5 };
                close(&format!("{style:?} {heads}x{dim} at {pos}"), &found, &expected, limit);
            }
        }
    }
}
