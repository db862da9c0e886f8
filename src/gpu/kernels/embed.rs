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
    let ok =
        c % 32 == 0 && !table.is_empty() && m > 0 && tokens.layout() == Layout::U32 && table.layout() != Layout::U32;
    rec.check(ok, "embed", || format!("table {:?} {:?}, tokens {:?}", table.layout(), table.shape(), tokens.shape()));
    let out = rec.scratch("embedded", &[m, c], Layout::F32);
    let mut bindings = vec![(tokens, 0), (&out, 0), (state, 0)];
    bindings.extend(planes(table));
    let blocks = c / 32;
    rec.dispatch(
        kernel,
        &[blocks as u32, m as u32, table.rows() as u32, 0],
        &bindings,
        [groups(blocks, 32), m as u32, 1],
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::*;

    #[test]
    fn copies_the_rows_exactly() {
        let gpu = gpu();
        let tokens = [4_u32, 0, 4, 2, 6];
        let (token_tensor, state) = (tensor_u32(&gpu, &tokens), state(&gpu, 0, 5));
        for layout in [Layout::F32, Layout::F16, Layout::Q8_0, Layout::Q4_0, Layout::Q4_1] {
            for c in [32, 576, 1152] {
                let (table, values) = weights(&gpu, layout, &[7, c], 3);
                let found = run(&gpu, |rec| record(rec, &table, &token_tensor, &state));
                let expected: Vec<f64> =
                    tokens.iter().flat_map(|&t| values[t as usize * c..][..c].iter().map(|&v| f64::from(v))).collect();
                // Exact up to whether scale * q + min is fused.
                close(&format!("{layout:?} {c}"), &found, &expected, 1e-13);
            }
        }
    }
}
