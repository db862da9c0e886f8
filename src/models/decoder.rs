//! The forward pass of a pre-norm decoder, appended to a recording as a straight line.

use crate::gpu::kernels::heads::{Heads, Style};
use crate::gpu::kernels::matvec::{self, Folded};
use crate::gpu::kernels::{attend_one, attention, embed, gated, matmul, rms_norm, split_heads};
use crate::gpu::{Gpu, GpuError, Recording, Tensor};

use super::kv_cache::KvCache;
use super::spec::{Activation, DecoderSpec, RopeStyle};
use super::weights::{LayerWeights, Weights};

/// Everything that stays on the device between two passes.
#[derive(Debug, Clone)]
pub struct Decoder {
    /// Sizes.
    pub spec: DecoderSpec,
    /// Weights.
    pub weights: Weights,
    /// Keys and values.
    pub cache: KvCache,
}

impl Decoder {
    /// Takes uploaded weights and makes an empty cache.
    ///
    /// # Errors
    /// What the device says.
    pub fn new(gpu: &Gpu, spec: DecoderSpec, weights: Weights) -> Result<Self, GpuError> {
        let cache = KvCache::new(gpu, &spec)?;
        Ok(Self { spec, weights, cache })
    }

    /// Reads `tokens: U32[M]` at the position in `state` and writes their keys and values; gives the residual
    /// stream after the last block, `F32[M, n_embd]`, before the last norm. `places: U32[M, 4]` says what each row sees
    /// (see [`split_heads`]); a single row sees all before it.
    pub fn forward(&self, rec: &mut Recording, tokens: &Tensor, places: &Tensor, state: &Tensor) -> Tensor {
        let x = embed::record(rec, &self.weights.token_embd, tokens, self.spec.embd_scale, state);
        for (layer, (weights, (keys, values))) in self.weights.layers.iter().zip(&self.cache.layers).enumerate() {
            let heads = self.heads(layer, weights);
            if x.rows() == 1 {
                self.block_of_one(rec, &x, weights, &heads, (keys, values), state);
            } else {
                self.block(rec, &x, weights, &heads, (keys, values), places, state);
            }
        }
        x
    }

    /// One block, added to the residual stream `x: F32[M, n_embd]`.
    fn block(
        &self,
        rec: &mut Recording,
        x: &Tensor,
        weights: &LayerWeights,
        heads: &Heads,
        cache: (&Tensor, &Tensor),
        places: &Tensor,
        state: &Tensor,
    ) {
        let eps = self.spec.rms_eps;
        let normed = rms_norm::record(rec, x, &weights.attn_norm, eps, None, state);
        let qkv = matmul::record(rec, &weights.attn_qkv, &normed, None, state);
        let q = split_heads(rec, &qkv, heads, cache, places, state);
        let attended = attention::record(rec, &q, heads, cache, places, state);
        self.add(rec, x, &weights.attn_output, &attended, weights.attn_post_norm.as_ref(), state);

        let normed = rms_norm::record(rec, x, &weights.ffn_norm, eps, None, state);
        let gate_up = matmul::record(rec, &weights.ffn_gate_up, &normed, None, state);
        let activated = gated::record(rec, &gate_up, self.activation(), state);
        self.add(rec, x, &weights.ffn_down, &activated, weights.ffn_post_norm.as_ref(), state);
    }

    /// The same for one token in five dispatches (and one more for each norm after a layer): launches are what a
    /// decoded token costs.
    fn block_of_one(
        &self,
        rec: &mut Recording,
        x: &Tensor,
        weights: &LayerWeights,
        heads: &Heads,
        cache: (&Tensor, &Tensor),
        state: &Tensor,
    ) {
        let normed = |gain| Folded { norm: Some((gain, self.spec.rms_eps)), ..Folded::default() };
        let qkv = matvec::record(rec, &weights.attn_qkv, x, normed(&weights.attn_norm), state);
        let attended = attend_one(rec, &qkv, heads, cache, state);
        self.add(rec, x, &weights.attn_output, &attended, weights.attn_post_norm.as_ref(), state);

        let folded = normed(&weights.ffn_norm);
        let activated = if weights.ffn_gate_up.parts().len() == 1 {
            matvec::record(rec, &weights.ffn_gate_up, x, Folded { gated: Some(self.activation()), ..folded }, state)
        } else {
            let gate_up = matvec::record(rec, &weights.ffn_gate_up, x, folded, state);
            gated::record(rec, &gate_up, self.activation(), state)
        };
        self.add(rec, x, &weights.ffn_down, &activated, weights.ffn_post_norm.as_ref(), state);
    }

    /// Adds `w` times `y` to the residual stream, normed first if there is a norm for it.
    fn add(&self, rec: &mut Recording, x: &Tensor, w: &Tensor, y: &Tensor, post_norm: Option<&Tensor>, state: &Tensor) {
        let Some(gain) = post_norm else {
            matmul::record(rec, w, y, Some(x), state);
            return;
        };
        let product = matmul::record(rec, w, y, None, state);
        rms_norm::record(rec, &product, gain, self.spec.rms_eps, Some(x), state);
    }

    fn activation(&self) -> gated::Activation {
        match self.spec.activation {
            Activation::Silu => gated::Activation::Silu,
            Activation::GeluTanh => gated::Activation::GeluTanh,
        }
    }

    fn heads(&self, layer: usize, weights: &LayerWeights) -> Heads {
        let spec = &self.spec;
        Heads {
            n_heads: spec.n_heads,
            n_kv_heads: spec.n_kv_heads,
            head_dim: spec.head_dim,
            style: match spec.rope_style {
                RopeStyle::Interleaved => Style::Interleaved,
                RopeStyle::Half => Style::Half,
            },
            scale: 1.0 / (spec.head_dim as f32).sqrt(),
            window: spec.window_of(layer).map_or(0, |window| window.size),
            norm_eps: spec.qk_norm.then_some(spec.rms_eps),
            biased: spec.qkv_bias,
            vectors: weights.attn_vectors.clone(),
        }
    }

    /// Logits of `x: F32[M, n_embd]`, `F32[M, n_vocab]`.
    pub fn head(&self, rec: &mut Recording, x: &Tensor, state: &Tensor) -> Tensor {
        let Weights { output_norm, output, .. } = &self.weights;
        if x.rows() == 1 {
            let folded = Folded { norm: Some((output_norm, self.spec.rms_eps)), ..Folded::default() };
            return matvec::record(rec, output, x, folded, state);
        }
        let normed = rms_norm::record(rec, x, output_norm, self.spec.rms_eps, None, state);
        matmul::record(rec, output, &normed, None, state)
    }
}
