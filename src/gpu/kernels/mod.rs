//! Kernels. Each `record` adds one dispatch and returns its output; shape errors stay in the recording.
//!
//! `state` is `U32[4]`: position of the first row, number of rows in use, 0, 0. Rows at or after the second are
//! skipped, so one recording for M rows serves every smaller number.

pub mod add;
pub mod argmax;
pub mod attention;
pub mod embed;
pub mod gated;
pub mod kv_write;
pub mod last_row;
pub mod matmul;
pub mod rms_norm;
pub mod rope;
pub mod target_logprobs;

use super::kernel::Kernel;
use super::recording::Recording;
use super::tensor::{Layout, Tensor};

pub use add::record as add;
pub use argmax::record as argmax;
pub use attention::record as attention;
pub use embed::record as embed;
pub use gated::record as gated;
pub use kv_write::record as kv_write;
pub use last_row::record as last_row;
pub use matmul::record as matmul;
pub use rms_norm::record as rms_norm;
pub use rope::record as rope;
pub use target_logprobs::record as target_logprobs;

/// Every kernel.
pub static ALL: &[&Kernel] = &[
    &embed::F32,
    &embed::F16,
    &embed::Q8_0,
    &embed::Q4_0,
    &embed::Q4_1,
    &rms_norm::KERNEL,
    &matmul::MATVEC_F32,
    &matmul::MATVEC_F16,
    &matmul::MATVEC_Q8_0,
    &matmul::MATVEC_Q4_0,
    &matmul::MATVEC_Q4_1,
    &matmul::MATMUL_F32,
    &matmul::MATMUL_F16,
    &matmul::MATMUL_Q8_0,
    &matmul::MATMUL_Q4_0,
    &matmul::MATMUL_Q4_1,
    &rope::KERNEL,
    &kv_write::KERNEL,
    &attention::KERNEL,
    &add::KERNEL,
    &gated::KERNEL,
    &last_row::KERNEL,
    &argmax::KERNEL,
    &target_logprobs::KERNEL,
];

const HALF: &str = include_str!("prelude/half.wgsl");
const BLOCK: &str = include_str!("prelude/block.wgsl");
const REDUCE: &str = include_str!("prelude/reduce.wgsl");

/// Whether `state` looks as documented.
fn check_state(rec: &mut Recording, kernel: &'static str, state: &Tensor) {
    rec.check(state.layout() == Layout::U32 && state.len() == 4, kernel, || "state is not U32[4]".to_owned());
}

/// Whether all are F32.
fn check_f32(rec: &mut Recording, kernel: &'static str, tensors: &[&Tensor]) {
    for tensor in tensors {
        rec.check(tensor.layout() == Layout::F32, kernel, || {
            format!("{} is {:?} where F32 is needed", tensor.name(), tensor.layout())
        });
    }
}

/// The quantized or plain weights' planes as bindings.
fn planes(weights: &Tensor) -> impl Iterator<Item = (&Tensor, usize)> {
    (0..weights.layout().n_planes()).map(move |plane| (weights, plane))
}

/// Workgroups for `n` items, `each` at a time.
fn groups(n: usize, each: usize) -> u32 {
    u32::try_from(n.div_ceil(each)).unwrap_or(u32::MAX)
}
