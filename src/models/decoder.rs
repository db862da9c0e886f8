//! The forward pass of a pre-norm decoder, appended to a recording as a straight line.

use std::collections::BTreeMap;

use crate::gpu::kernels::heads::{Heads, Style};
use crate::gpu::kernels::matvec::{self, Added, Folded};
use crate::gpu::kernels::{add, attend_one, attention, embed, gated, matmul, rms_norm, split_heads};
use crate::gpu::{Gpu, GpuError, Layout, Recording, Tensor};

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
    /// What recordings made from now on add to the residual stream: `F32[n_embd]` by layer, 0 after the embeddings,
    /// else after so many blocks.
    pub steering: BTreeMap<usize, Tensor>,
}

impl Decoder {
    /// Takes uploaded weights and makes an empty cache.
    ///
    /// # Errors
    /// What the device says.
    pub fn new(gpu: &Gpu, spec: DecoderSpec, weights: Weights) -> Result<Self, GpuError> {
        let cache = KvCache::new(gpu, &spec)?;
        Ok(Self { spec, weights, cache, steering: BTreeMap::new() })
    }

    /// Reads `tokens: U32[M]` at the position in `state` and writes their keys and values; gives the residual
    /// stream after the last block, `F32[M, n_embd]`, before the last norm. `places: U32[M, 4]` says what each row sees
    /// (see [`split_heads`]); a single row sees all before it.
    pub fn forward(&self, rec: &mut Recording, tokens: &Tensor, places: &Tensor, state: &Tensor) -> Tensor {
        self.forward_with(rec, tokens, places, state, &mut |_, _, _| {})
    }

    /// As [`Self::forward`] for more than one row; `tap` may record what reads the residual stream before the first
    /// block (layer 0) and after each.
    pub fn forward_with(
        &self,
        rec: &mut Recording,
        tokens: &Tensor,
        places: &Tensor,
        state: &Tensor,
        tap: &mut dyn FnMut(&mut Recording, usize, &Tensor),
    ) -> Tensor {
        let mut x = embed::record(rec, &self.weights.token_embd, tokens, self.spec.embd_scale, state);
        let mut product = None;
        x = self.steered(rec, 0, x, state);
        tap(rec, 0, &x);
        for (layer, (weights, (keys, values))) in self.weights.layers.iter().zip(&self.cache.layers).enumerate() {
            let heads = self.heads(layer, weights);
            if x.rows() == 1 {
                (x, product) = self.block_of_one(rec, x, product, weights, &heads, (keys, values), state);
            } else {
                self.block(rec, &x, weights, &heads, (keys, values), places, state);
            }
            // What waits to be added to a single row commutes with this.
            x = self.steered(rec, layer + 1, x, state);
            tap(rec, layer + 1, &x);
        }
        let last_norm = self.weights.layers.last().and_then(|layer| layer.ffn_post_norm.as_ref());
        if let (Some(product), Some(gain)) = (product, last_norm) {
            rms_norm::record(rec, &product, gain, self.spec.rms_eps, Some(&x), state);
        }
        x
    }

    fn steered(&self, rec: &mut Recording, layer: usize, x: Tensor, state: &Tensor) -> Tensor {
        match self.steering.get(&layer) {
            Some(vector) => add(rec, &x, vector, state),
            None => x,
        }
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

    /// The same for one token in five dispatches: launches are what a decoded token costs. Where what a layer adds is
    /// normed first, that waits for the next layer to read it: `product`, of the block before and of this one.
    fn block_of_one(
        &self,
        rec: &mut Recording,
        x: Tensor,
        product: Option<Tensor>,
        weights: &LayerWeights,
        heads: &Heads,
        cache: (&Tensor, &Tensor),
        state: &Tensor,
    ) -> (Tensor, Option<Tensor>) {
        let waiting = |product: Option<Tensor>, gains: &Option<Tensor>| product.zip(gains.clone());
        let (qkv, x) = self.read_one(
            rec,
            x,
            waiting(product, &weights.attn_norms),
            (&weights.attn_qkv, &weights.attn_norm),
            None,
            state,
        );
        let attended = attend_one(rec, &qkv, heads, cache, state);
        let product = Self::add_one(rec, &x, &weights.attn_output, &attended, weights.attn_post_norm.is_some(), state);

        let at_once = weights.ffn_gate_up.parts().len() == 1;
        let (mut activated, x) = self.read_one(
            rec,
            x,
            waiting(product, &weights.ffn_norms),
            (&weights.ffn_gate_up, &weights.ffn_norm),
            at_once.then(|| self.activation()),
            state,
        );
        if !at_once {
            activated = gated::record(rec, &activated, self.activation(), state);
        }
        let product = Self::add_one(rec, &x, &weights.ffn_down, &activated, weights.ffn_post_norm.is_some(), state);
        (x, product)
    }

    /// What a layer of one token reads: `w` times the normed residual stream, and the stream with what waited to be
    /// added to it.
    fn read_one(
        &self,
        rec: &mut Recording,
        x: Tensor,
        waiting: Option<(Tensor, Tensor)>,
        (w, gain): (&Tensor, &Tensor),
        gated: Option<gated::Activation>,
        state: &Tensor,
    ) -> (Tensor, Tensor) {
        let folded = Folded { norm: Some((gain, self.spec.rms_eps)), gated, ..Folded::default() };
        let Some((product, gains)) = waiting else {
            return (matvec::record(rec, w, &x, folded, state), x);
        };
        let sum = rec.scratch("settled", x.shape(), Layout::F32);
        let added = Some(Added { product: &product, gains: &gains, sum: &sum });
        (matvec::record(rec, w, &x, Folded { added, ..folded }, state), sum)
    }

    /// Adds `w` times `y` to the residual stream of one token; gives it instead where it is normed first.
    fn add_one(
        rec: &mut Recording,
        x: &Tensor,
        w: &Tensor,
        y: &Tensor,
        is_normed: bool,
        state: &Tensor,
    ) -> Option<Tensor> {
        let add_to = (!is_normed).then_some(x);
        let product = matvec::record(rec, w, y, Folded { add_to, ..Folded::default() }, state);
        is_normed.then_some(product)
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
