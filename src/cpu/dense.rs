//! What every transformer encoder is made of, in `f32`: dense layers, layer normalization, activations, attention.

use crate::formats::FormatError;
use crate::formats::safetensors::Safetensors;

/// `y = W x + b`, row by row.
#[derive(Debug, Clone)]
pub struct Linear {
    /// (outputs, inputs).
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    /// From weights (outputs, inputs), row-major, and one bias an output.
    pub fn new(weight: Vec<f32>, bias: Vec<f32>) -> Self {
        Self { weight, bias }
    }

    /// `name.weight` and `name.bias` of a file.
    ///
    /// # Errors
    /// Those of [`Safetensors::values`].
    pub fn read(file: &Safetensors<'_>, name: &str, n_out: usize, n_in: usize) -> Result<Self, FormatError> {
        Ok(Self {
            weight: file.values(&format!("{name}.weight"), &[n_out, n_in])?,
            bias: file.values(&format!("{name}.bias"), &[n_out])?,
        })
    }

    /// `name.weight` of a file alone.
    ///
    /// # Errors
    /// Those of [`Safetensors::values`].
    pub fn read_without_bias(
        file: &Safetensors<'_>,
        name: &str,
        n_out: usize,
        n_in: usize,
    ) -> Result<Self, FormatError> {
        Ok(Self { weight: file.values(&format!("{name}.weight"), &[n_out, n_in])?, bias: vec![0.0; n_out] })
    }

    /// `x`: (T, inputs) to (T, outputs).
    pub fn apply(&self, x: &[f32]) -> Vec<f32> {
        let n_in = self.weight.len() / self.bias.len().max(1);
        let mut out = Vec::with_capacity(x.len() / n_in.max(1) * self.bias.len());
        for row in x.chunks_exact(n_in.max(1)) {
            out.extend(self.weight.chunks_exact(n_in).zip(&self.bias).map(|(weight, bias)| dot(weight, row) + bias));
        }
        out
    }
}

/// Eight sums side by side, so that the loop becomes SIMD; the order of addition is fixed.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// `x += y`.
pub fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// Layer normalization (Ba et al. 2016).
#[derive(Debug, Clone)]
pub struct LayerNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    eps: f32,
}

impl LayerNorm {
    /// `name.weight` and `name.bias` of a file.
    ///
    /// # Errors
    /// Those of [`Safetensors::values`].
    pub fn read(file: &Safetensors<'_>, name: &str, n: usize, eps: f32) -> Result<Self, FormatError> {
        let weight = file.values(&format!("{name}.weight"), &[n])?;
        Ok(Self { weight, bias: file.values(&format!("{name}.bias"), &[n])?, eps })
    }

    /// In place, row by row.
    pub fn apply(&self, x: &mut [f32]) {
        let n = self.weight.len();
        for row in x.chunks_exact_mut(n.max(1)) {
            let mean = row.iter().sum::<f32>() / n as f32;
            let variance = row.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / n as f32;
            let scale = 1.0 / (variance + self.eps).sqrt();
            for ((value, weight), bias) in row.iter_mut().zip(&self.weight).zip(&self.bias) {
                *value = (*value - mean) * scale * weight + bias;
            }
        }
    }
}

/// What stands between the two dense layers of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x times the normal distribution function of x.
    Gelu,
    /// Its approximation by tanh.
    GeluTanh,
    /// x times the logistic function of 1.702 x, as in CLIP.
    QuickGelu,
}

impl Activation {
    /// By the name that transformers gives it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "gelu" => Some(Self::Gelu),
            "gelu_pytorch_tanh" | "gelu_new" => Some(Self::GeluTanh),
            "quick_gelu" => Some(Self::QuickGelu),
            _ => None,
        }
    }

    /// In place.
    pub fn apply(self, x: &mut [f32]) {
        for value in x {
            let x = f64::from(*value);
            *value = match self {
                Self::Gelu => 0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2)),
                Self::GeluTanh => {
                    let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
                    0.5 * x * (1.0 + libm::tanh(inner))
                }
                Self::QuickGelu => x / (1.0 + libm::exp(-1.702 * x)),
            } as f32;
        }
    }
}

/// Scaled dot-product attention of every row of `q` (T, n) to the rows of `k` and `v` (S, n), head by head; causal: row t
/// sees rows 0 to t only.
pub fn attend(q: &[f32], k: &[f32], v: &[f32], (n, n_heads): (usize, usize), causal: bool) -> Vec<f32> {
    let head = n / n_heads;
    let scale = 1.0 / (head as f32).sqrt();
    let mut out = vec![0.0_f32; q.len()];
    for (row, (q, out)) in q.chunks_exact(n).zip(out.chunks_exact_mut(n)).enumerate() {
        let seen = if causal { (row + 1) * n } else { k.len() }.min(k.len());
        for start in (0..n).step_by(head) {
            let range = start..start + head;
            let mut weights: Vec<f32> =
                k[..seen].chunks_exact(n).map(|k| dot(&q[range.clone()], &k[range.clone()]) * scale).collect();
            let top = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mut sum = 0.0;
            for weight in &mut weights {
                *weight = libm::expf(*weight - top);
                sum += *weight;
            }
            for (weight, v) in weights.iter().zip(v.chunks_exact(n)) {
                for (out, v) in out[range.clone()].iter_mut().zip(&v[range.clone()]) {
                    *out += weight / sum * v;
                }
            }
        }
    }
    out
}
