//! New keys or values into the cache.

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{check_f32, check_state, groups};

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "kv_write",
    sources: &[include_str!("kv_write.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read],
    params_size: 16,
};

/// Writes `x: F32[M, C]` into rows `state[0]..` of `cache: F32[max_pos, C]`; rows past its end are dropped.
pub fn record(rec: &mut Recording, x: &Tensor, cache: &Tensor, state: &Tensor) {
    let (m, c) = (x.rows(), x.cols());
    check_state(rec, KERNEL.name, state);
    check_f32(rec, KERNEL.name, &[x, cache]);
    let ok = cache.cols() == c && !x.is_empty() && x.layout() == Layout::F32;
    rec.check(ok, KERNEL.name, || format!("x {:?}, cache {:?}", x.shape(), cache.shape()));
    let params = [c as u32, m as u32, cache.rows() as u32, 0];
    rec.dispatch(&KERNEL, &params, &[(x, 0), (cache, 0), (state, 0)], [groups(c, 64), m as u32, 1]);
}
