//! Gated activation (`SwiGLU`, Shazeer 2020).

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{check_f32, check_state, groups};

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "gated",
    sources: &[super::ACTIVATION, include_str!("gated.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Read],
    params_size: 16,
};

/// What is done to the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// x times the logistic function of x.
    #[default]
    Silu,
    /// GELU by its tanh approximation (Hendrycks and Gimpel 2016).
    GeluTanh,
}

/// `activation(gate) * up` for `x: F32[M, 2 * C]` whose rows are C values of gate and then C of up; C a multiple of 4.
pub fn record(rec: &mut Recording, x: &Tensor, activation: Activation, state: &Tensor) -> Tensor {
    let (m, c) = (x.rows(), x.cols() / 2);
    check_state(rec, KERNEL.name, state);
    check_f32(rec, KERNEL.name, &[x]);
    rec.check(!x.is_empty() && x.cols().is_multiple_of(8), KERNEL.name, || format!("{:?}", x.shape()));
    let out = rec.scratch("gated", &[m, c], Layout::F32);
    let quads = c / 4;
    let bindings = [(x, 0), (&out, 0), (state, 0)];
    let params = [quads as u32, m as u32, u32::from(activation == Activation::GeluTanh), 0];
    rec.dispatch(&KERNEL, &params, &bindings, [groups(quads, 64), m as u32, 1]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::*;

    #[test]
    fn equals_the_f64_reference_also_far_out() {
        let gpu = gpu();
        for (m, c, size) in [(1, 4, 1.0), (3, 68, 5.0), (2, 1536, 200.0)] {
            let x: Vec<f32> = noise(m * c * 2, 1).iter().map(|v| v * size).collect();
            let (a, state) = (tensor(&gpu, &[m, 2 * c], &x), state(&gpu, 0, m));
            let silu = |x: f64| x / (1.0 + (-x).exp());
            let gelu = |x: f64| 0.5 * x * (1.0 + (0.797_884_560_802_865_4 * (x + 0.044_715 * x.powi(3))).tanh());
            let by = |activate: &dyn Fn(f64) -> f64| -> Vec<f64> {
                let rows = x.chunks_exact(2 * c).map(|row| row.split_at(c));
                rows.flat_map(|(gate, up)| gate.iter().zip(up))
                    .map(|(&g, &u)| activate(g.into()) * f64::from(u))
                    .collect()
            };
            for (activation, expected) in [(Activation::Silu, by(&silu)), (Activation::GeluTanh, by(&gelu))] {
                let found = run(&gpu, |rec| record(rec, &a, activation, &state));
                close(&format!("{activation:?} {m}x{c}"), &found, &expected, 1e-11);
            }
        }
    }
}
