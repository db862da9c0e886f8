//! Causal attention over a key-value cache, with fewer key than query heads if wanted (GQA, Ainslie et al. 2023).

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{check_f32, check_state};

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "attention",
    sources: &[include_str!("attention.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read, Access::Read],
    params_size: 32,
};

/// `q: F32[M, n_heads * head_dim]` against `k_cache`, `v_cache: F32[max_pos, n_kv_heads * head_dim]`; row `m` at
/// position `state[0] + m` sees keys up to itself. Scores are scaled by `1 / sqrt(head_dim)`. `head_dim` is a
/// multiple of 4 up to 256. Gives the shape of `q`.
pub fn record(
    rec: &mut Recording,
    q: &Tensor,
    k_cache: &Tensor,
    v_cache: &Tensor,
    state: &Tensor,
    n_heads: usize,
    n_kv_heads: usize,
    head_dim: usize,
) -> Tensor {
    let m = q.rows();
    check_state(rec, KERNEL.name, state);
    check_f32(rec, KERNEL.name, &[q, k_cache, v_cache]);
    let ok = head_dim > 0
        && head_dim <= 256
        && head_dim % 4 == 0
        && n_kv_heads > 0
        && n_heads % n_kv_heads == 0
        && q.cols() == n_heads * head_dim
        && k_cache.cols() == n_kv_heads * head_dim
        && k_cache.shape() == v_cache.shape()
        && !q.is_empty();
    rec.check(ok, KERNEL.name, || {
        format!("q {:?}, cache {:?}, {n_heads} and {n_kv_heads} heads of {head_dim}", q.shape(), k_cache.shape())
    });
    let out = rec.scratch("attended", q.shape(), Layout::F32);
    let scale = 1.0 / (head_dim as f32).sqrt();
    let params =
        [n_heads as u32, n_kv_heads as u32, head_dim as u32, m as u32, k_cache.rows() as u32, scale.to_bits(), 0, 0];
    let bindings = [(q, 0), (&out, 0), (state, 0), (k_cache, 0), (v_cache, 0)];
    rec.dispatch(&KERNEL, &params, &bindings, [n_heads as u32, m as u32, 1]);
    out
}
