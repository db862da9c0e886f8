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
