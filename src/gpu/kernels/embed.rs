//! Rows of a table of any layout.

use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{WeightKernels, check_state, groups, of_layout, planes, weight_kernels};

/// The shaders.
pub static KERNELS: WeightKernels = weight_kernels!("embed", include_str!("embed.wgsl"), 32, Nothing);

/// Looks up `tokens: U32[M]` in `table: [V, C]` (any layout, C a multiple of 32) and gives `F32[M, C]`, times
/// `scale`. A token past the end reads the last row. One dispatch a part of the table.
pub fn record(rec: &mut Recording, table: &Tensor, tokens: &Tensor, scale: f32, state: &Tensor) -> Tensor {
    let (m, c) = (tokens.len(), table.cols());
    check_state(rec, "embed", state);
    let ok =
        c % 32 == 0 && !table.is_empty() && m > 0 && tokens.layout() == Layout::U32 && table.layout() != Layout::U32;
    rec.check(ok, "embed", || format!("table {:?} {:?}, tokens {:?}", table.layout(), table.shape(), tokens.shape()));
    let out = rec.scratch("embedded", &[m, c], Layout::F32);
    let blocks = c / 32;
    for (first, part) in table.parts() {
        let mut bindings = vec![(tokens, 0), (&out, 0), (state, 0)];
        bindings.extend(planes(&part));
        let sizes = [blocks, table.rows(), first, part.rows()].map(|n| n as u32);
        let params = [sizes[0], sizes[1], sizes[2], sizes[3], scale.to_bits(), 0, 0, 0];
        rec.dispatch(of_layout(&KERNELS, table.layout()), &params, &bindings, [groups(blocks, 32), m as u32, 1]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::*;

    #[test]
    fn copies_the_rows_exactly() {
        let gpu = gpu();
        // The last one is past the end.
        let tokens = [4_u32, 0, 4, 2, 6, 9];
        let (token_tensor, state) = (tensor_u32(&gpu, &tokens), state(&gpu, 0, 6));
        for (layout, _) in LAYOUTS {
            for (c, limit) in [(32, 4096), (576, 1024), (1152, 1 << 20), (256, 1 << 20), (1280, 2600)] {
                if c % layout.block_len() != 0 {
                    continue;
                }
                let (table, values) = weights_within(&gpu, layout, &[7, c], 3, limit);
                let found = run(&gpu, |rec| record(rec, &table, &token_tensor, 2.0, &state));
                let expected: Vec<f64> = tokens
                    .iter()
                    .flat_map(|&t| values[t.min(6) as usize * c..][..c].iter().map(|&v| 2.0 * f64::from(v)))
                    .collect();
                // Exact up to whether scale * q + min is fused.
                close(&format!("{layout:?} {c}"), &found, &expected, 1e-13);
            }
        }
    }
}
