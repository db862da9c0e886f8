//! Gated activation (`SwiGLU`, Shazeer 2020).

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{check_f32, check_state, groups};

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "gated",
    sources: &[include_str!("gated.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read, Access::Read],
    params_size: 16,
};

/// `silu(gate) * up` for two `F32[M, C]`.
pub fn record(rec: &mut Recording, gate: &Tensor, up: &Tensor, state: &Tensor) -> Tensor {
    let (m, c) = (gate.rows(), gate.cols());
    check_state(rec, KERNEL.name, state);
    check_f32(rec, KERNEL.name, &[gate, up]);
    let ok = gate.shape() == up.shape() && !gate.is_empty();
    rec.check(ok, KERNEL.name, || format!("{:?} and {:?}", gate.shape(), up.shape()));
    let out = rec.scratch("gated", gate.shape(), Layout::F32);
    let bindings = [(gate, 0), (&out, 0), (state, 0), (up, 0)];
    rec.dispatch(&KERNEL, &[c as u32, m as u32, 0, 0], &bindings, [groups(c, 64), m as u32, 1]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::*;

    #[test]
    fn equals_the_f64_reference_also_far_out() {
        let gpu = gpu();
        for (m, c, size) in [(1, 1, 1.0), (3, 65, 5.0), (2, 1537, 200.0)] {
            let x: Vec<f32> = noise(m * c, 1).iter().map(|v| v * size).collect();
            let y = noise(m * c, 2);
            let (a, b, state) = (tensor(&gpu, &[m, c], &x), tensor(&gpu, &[m, c], &y), state(&gpu, 0, m));
            let found = run(&gpu, |rec| record(rec, &a, &b, &state));
            let expected: Vec<f64> =
                x.iter().zip(&y).map(|(&g, &u)| f64::from(g) / (1.0 + (-f64::from(g)).exp()) * f64::from(u)).collect();
            close(&format!("{m}x{c}"), &found, &expected, 1e-11);
        }
    }
}
