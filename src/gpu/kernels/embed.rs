//! Rows of a table of any layout.

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{BLOCK, HALF, check_state, groups, planes};

/// The shader.
pub static F32: Kernel = Kernel {
    name: "embed_f32",
    sources: &[BLOCK, include_str!("prelude/f32.wgsl"), include_str!("embed.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read],
    params_size: 16,
};

/// The shader.
pub static F16: Kernel = Kernel {
    name: "embed_f16",
    sources: &[HALF, BLOCK, include_str!("prelude/f16.wgsl"), include_str!("embed.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read],
    params_size: 16,
};

/// The shader.
pub static Q8_0: Kernel = Kernel {
    name: "embed_q8_0",
    sources: &[BLOCK, include_str!("prelude/q8_0.wgsl"), include_str!("embed.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read, Access::Read],
    params_size: 16,
};

/// The shader.
pub static Q4_0: Kernel = Kernel {
    name: "embed_q4_0",
    sources: &[BLOCK, include_str!("prelude/q4_0.wgsl"), include_str!("embed.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read, Access::Read],
    params_size: 16,
};

/// The shader.
pub static Q4_1: Kernel = Kernel {
    name: "embed_q4_1",
    sources: &[BLOCK, include_str!("prelude/q4_1.wgsl"), include_str!("embed.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read, Access::Read],
    params_size: 16,
};

/// Looks up `tokens: U32[M]` in `table: [V, C]` (any layout, C a multiple of 32) and gives `F32[M, C]`. A token
/// past the end reads the last row.
pub fn record(rec: &mut Recording, table: &Tensor, tokens: &Tensor, state: &Tensor) -> Tensor {
    let (m, c) = (tokens.len(), table.cols());
    let kernel = match table.layout() {
        Layout::F16 => &F16,
        Layout::Q8_0 => &Q8_0,
        Layout::Q4_0 => &Q4_0,
        Layout::Q4_1 => &Q4_1,
        Layout::F32 | Layout::U32 => &F32,
    };
    check_state(rec, "embed", state);
    let ok = c % 32 == 0 && !table.is_empty() && m > 0 && tokens.layout() == Layout::U32 && table.layout() != Layout::U32;
    rec.check(ok, "embed", || format!("table {:?} {:?}, tokens {:?}", table.layout(), table.shape(), tokens.shape()));
    let out = rec.scratch("embedded", &[m, c], Layout::F32);
    let mut bindings = vec![(tokens, 0), (&out, 0), (state, 0)];
    bindings.extend(planes(table));
    let blocks = c / 32;
    rec.dispatch(kernel, &[blocks as u32, m as u32, table.rows() as u32, 0], &bindings, [groups(blocks, 32), m as u32, 1]);
    out
}
