//! Kernels. Each `record` adds one dispatch and returns its output; shape errors stay in the recording.
//!
//! `state` is `U32[4]`: position of the first row, number of rows in use, tokens drawn, 0. Rows at or after the second are
//! skipped, so one recording for M rows serves every smaller number. The third counts the tokens drawn on the device.

pub mod add;
pub mod attention;
pub mod draw;
pub mod embed;
pub mod gated;
pub mod heads;
pub mod matmul;
pub mod matvec;
pub mod pool_rows;
pub mod rms_norm;
pub mod take_rows;
pub mod target_logprobs;

use super::kernel::{Access, Kernel};
use super::recording::Recording;
use super::tensor::{Layout, Tensor};

pub use add::record as add;
pub use attention::record as attention;
pub use draw::record as draw;
pub use embed::record as embed;
pub use gated::record as gated;
pub use heads::{attend_one, split_heads};
pub use matmul::record as matmul;
pub use matvec::record as matvec;
pub use pool_rows::record as pool_rows;
pub use rms_norm::record as rms_norm;
pub use take_rows::record as take_rows;
pub use target_logprobs::record as target_logprobs;

/// Every kernel.
pub fn all() -> Vec<&'static Kernel> {
    let mut all = vec![
        &rms_norm::KERNEL,
        &rms_norm::LANES,
        &heads::SPLIT,
        &heads::SPLIT_LANES,
        &heads::ATTEND_ONE,
        &attention::KERNEL,
        &attention::LANES,
        &add::KERNEL,
        &gated::KERNEL,
        &take_rows::KERNEL,
        &pool_rows::KERNEL,
        &draw::KERNEL,
        &target_logprobs::KERNEL,
        &target_logprobs::LANES,
    ];
    all.extend(
        [&embed::KERNELS, &matvec::KERNELS, &matvec::SETTLED, &matmul::TILED, &matmul::WIDE].into_iter().flatten(),
    );
    all
}

const HALF: &str = include_str!("prelude/half.wgsl");
const BLOCK: &str = include_str!("prelude/block.wgsl");
const REDUCE: &str = include_str!("prelude/reduce.wgsl");
const NIBBLES: &str = include_str!("prelude/nibbles.wgsl");
const FIVE: &str = include_str!("prelude/five.wgsl");
const ACTIVATION: &str = include_str!("prelude/activation.wgsl");
const K_SCALE: &str = include_str!("prelude/k_scale.wgsl");
const F32: &str = include_str!("prelude/f32.wgsl");
const F16: &str = include_str!("prelude/f16.wgsl");
const BF16: &str = include_str!("prelude/bf16.wgsl");
const Q8_0: &str = include_str!("prelude/q8_0.wgsl");
const Q4_0: &str = include_str!("prelude/q4_0.wgsl");
const Q4_1: &str = include_str!("prelude/q4_1.wgsl");
const Q5_0: &str = include_str!("prelude/q5_0.wgsl");
const Q5_1: &str = include_str!("prelude/q5_1.wgsl");
const Q4_K: &str = include_str!("prelude/q4_k.wgsl");
const Q5_K: &str = include_str!("prelude/q5_k.wgsl");
const Q6_K: &str = include_str!("prelude/q6_k.wgsl");

/// One kernel for each layout of weights: `weight_block` of the layout, then the shader that calls it. Bindings 1 to 3
/// are input, output and state; those of the last argument and the planes of the weights, from the shader's `W0` on,
/// follow. [`of_layout`] finds one.
macro_rules! weight_kernels {
    ($name:literal, $source:expr, $params_size:literal, $extra:ident) => {
        weight_kernels!(@all $name, $source, $params_size, $extra,
            ("f32", 1, [super::F32]),
            ("f16", 1, [super::HALF, super::F16]),
            ("bf16", 1, [super::BF16]),
            ("q8_0", 2, [super::Q8_0]),
            ("q4_0", 2, [super::NIBBLES, super::Q4_0]),
            ("q4_1", 2, [super::NIBBLES, super::Q4_1]),
            ("q5_0", 2, [super::NIBBLES, super::FIVE, super::Q5_0]),
            ("q5_1", 2, [super::NIBBLES, super::FIVE, super::Q5_1]),
            ("q4_k", 2, [super::NIBBLES, super::K_SCALE, super::Q4_K]),
            ("q5_k", 2, [super::NIBBLES, super::FIVE, super::K_SCALE, super::Q5_K]),
            ("q6_k", 2, [super::NIBBLES, super::Q6_K]))
    };
    (@all $name:literal, $source:expr, $params_size:literal, $extra:ident,
        $(($layout:literal, $n_planes:literal, [$($part:path),*])),*) => {
        [$(crate::gpu::kernel::Kernel {
            name: concat!($name, "_", $layout),
            sources: &[super::BLOCK, super::ACTIVATION, $($part,)* $source],
            bindings: super::Extra::$extra.bindings($n_planes),
            params_size: $params_size,
        }),*]
    };
}
use weight_kernels;

/// Kernels of one operation, one for each layout of weights.
pub type WeightKernels = [Kernel; 11];

/// What a kernel binds between the state and the weights.
enum Extra {
    /// Nothing.
    Nothing,
    /// One input.
    Gain,
    /// Two inputs and an output.
    Settled,
}

impl Extra {
    const fn bindings(self, n_planes: usize) -> &'static [Access] {
        use Access::{Read, Write};
        const READ: &[Access] = &[Read, Write, Read, Read, Read, Read];
        const SETTLED: &[Access] = &[Read, Write, Read, Read, Read, Write, Read, Read];
        match self {
            Self::Nothing => READ.split_at(3 + n_planes).0,
            Self::Gain => READ.split_at(4 + n_planes).0,
            Self::Settled => SETTLED.split_at(6 + n_planes).0,
        }
    }
}

/// The kernel that reads weights of a layout; `U32` is read as `F32`, which callers refuse before.
fn of_layout(kernels: &'static WeightKernels, layout: Layout) -> &'static Kernel {
    &kernels[match layout {
        Layout::F32 | Layout::U32 => 0,
        Layout::F16 => 1,
        Layout::Bf16 => 2,
        Layout::Q8_0 => 3,
        Layout::Q4_0 => 4,
        Layout::Q4_1 => 5,
        Layout::Q5_0 => 6,
        Layout::Q5_1 => 7,
        Layout::Q4K => 8,
        Layout::Q5K => 9,
        Layout::Q6K => 10,
    }]
}

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
