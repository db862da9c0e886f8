//! The forward pass of a pre-norm decoder, appended to a recording as a straight line.

use crate::gpu::kernels::{add, attention, embed, gated, kv_write, matmul, rms_norm, rope};
use crate::gpu::{Gpu, GpuError, Layout, Recording, Tensor};

use super::kv_cache::KvCache;
use super::spec::{DecoderSpec, RopeStyle};
use super::weights::Weights;

/// Everything that stays on the device between two passes.
#[derive(Debug, Clone)]
pub struct Decoder {
    /// Sizes.
    pub spec: DecoderSpec,
    /// Weights.
    pub weights: Weights,
    /// Keys and values.
    pub cache: KvCache,
    /// Rotary frequencies, (`head_dim` / 2), radians a position.
    freqs: Tensor,
}

/// Rotary frequencies base^(-2i / `head_dim`) (Su et al. 2021, section 3.2.2).
pub fn rope_freqs(spec: &DecoderSpec) -> Vec<f32> {
    (0..spec.head_dim / 2)
        .map(|i| libm::pow(f64::from(spec.rope_base), -2.0 * i as f64 / spec.head_dim as f64) as f32)
        .collect()
}

impl Decoder {
    /// Takes uploaded weights and makes an empty cache.
    ///
    /// # Errors
    /// What the device says.
    pub fn new(gpu: &Gpu, spec: DecoderSpec, weights: Weights) -> Result<Self, GpuError> {
        let freqs = gpu.create("rope_freqs", &[spec.head_dim / 2], Layout::F32)?;
        gpu.write_f32(&freqs, 0, &rope_freqs(&spec))?;
        let cache = KvCache::new(gpu, &spec)?;
        Ok(Self { spec, weights, cache, freqs })
    }

    /// Reads `tokens: U32[M]` at the position in `state` and writes their keys and values; gives the residual
    /// stream after the last block, `F32[M, n_embd]`, before the last norm.
    pub fn forward(&self, rec: &mut Recording, tokens: &Tensor, state: &Tensor) -> Tensor {
        let spec = &self.spec;
        let style = match spec.rope_style {
            RopeStyle::Interleaved => rope::Style::Interleaved,
            RopeStyle::Half => rope::Style::Half,
        };
        let mut x = embed::record(rec, &self.weights.token_embd, tokens, state);
        for (weights, (k_cache, v_cache)) in self.weights.layers.iter().zip(&self.cache.layers) {
            let normed = rms_norm::record(rec, &x, &weights.attn_norm, spec.rms_eps, state);
            let q = matmul::record(rec, &weights.attn_q, &normed, state);
            let k = matmul::record(rec, &weights.attn_k, &normed, state);
            let v = matmul::record(rec, &weights.attn_v, &normed, state);
            let q = rope::record(rec, &q, &self.freqs, style, state);
            let k = rope::record(rec, &k, &self.freqs, style, state);
            kv_write::record(rec, &k, k_cache, state);
            kv_write::record(rec, &v, v_cache, state);
            let attended =
                attention::record(rec, &q, k_cache, v_cache, state, spec.n_heads, spec.n_kv_heads, spec.head_dim);
            let out = matmul::record(rec, &weights.attn_output, &attended, state);
            x = add::record(rec, &x, &out, state);

            let normed = rms_norm::record(rec, &x, &weights.ffn_norm, spec.rms_eps, state);
            let gate = matmul::record(rec, &weights.ffn_gate, &normed, state);
            let up = matmul::record(rec, &weights.ffn_up, &normed, state);
            let activated = gated::record(rec, &gate, &up, state);
            let down = matmul::record(rec, &weights.ffn_down, &activated, state);
            x = add::record(rec, &x, &down, state);
        }
        x
    }

    /// Logits of `x: F32[M, n_embd]`, `F32[M, n_vocab]`.
    pub fn head(&self, rec: &mut Recording, x: &Tensor, state: &Tensor) -> Tensor {
        let normed = rms_norm::record(rec, x, &self.weights.output_norm, self.spec.rms_eps, state);
        matmul::record(rec, &self.weights.output, &normed, state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotary_frequencies_fall_from_one_to_nearly_one_over_base() {
        let spec = DecoderSpec {
            n_layers: 1,
            n_embd: 64,
            n_heads: 1,
            n_kv_heads: 1,
            head_dim: 64,
            n_ff: 64,
            n_vocab: 32,
            context_length: 16,
            rope_base: 10_000.0,
            rope_style: RopeStyle::Interleaved,
            rms_eps: 1e-5,
        };
        let freqs = rope_freqs(&spec);
        assert_eq!((freqs.len(), freqs[0]), (32, 1.0));
        // 10000^(-1/2) in the middle, 10000^(-62/64) at the end.
        assert!((freqs[16] - 0.01).abs() < 1e-9);
        assert!((freqs[31] - 1.333_521_4e-4).abs() < 1e-10, "{}", freqs[31]);
    }
}
