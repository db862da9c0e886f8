//! The truth that both backends are checked against: a decoder on candle-core with every weight and product in `f32`.

use std::collections::BTreeMap;

use candle_core::quantized::ggml_file::qtensor_from_ggml;
use candle_core::{D, DType, Device, Tensor};

use super::forward::{CpuModel, Forward, Gather, TargetLogprob, check_tokens, steering_sums};
use super::load::GPU_KL_LIMIT;
use crate::eval::engine::{Control, EngineError, Steering};
use crate::formats::FormatError;
use crate::formats::gguf::GgufHeader;
use crate::formats::quant::{Dtype, aligned};
use crate::formats::source::ByteSource;
use crate::models::names::{NameTable, of_layer};
use crate::models::spec::{Activation, DecoderSpec, RopeStyle};
use crate::models::weights::check_tensors;

/// Tokens of a prompt that are read at once; a cancel is heard between chunks and layers.
const CHUNK_TOKENS: usize = 32;

/// Queries, keys or values: a product, then a bias and a norm of each head where the model has them.
struct Projection {
    /// (`n_embd`, heads · `head_dim`).
    matrix: Tensor,
    n_heads: usize,
    bias: Option<Tensor>,
    norm: Option<Tensor>,
}

impl Projection {
    /// `x`: (T, `n_embd`) to (heads, T, `head_dim`).
    fn apply(&self, x: &Tensor, spec: &DecoderSpec) -> candle_core::Result<Tensor> {
        let mut projected = x.matmul(&self.matrix)?;
        if let Some(bias) = &self.bias {
            projected = projected.broadcast_add(bias)?;
        }
        let projected = heads(&projected, self.n_heads, spec.head_dim)?;
        match &self.norm {
            Some(norm) => rms_norm(&projected, norm, spec.rms_eps),
            None => Ok(projected),
        }
    }
}

/// Weights of one block; matrices are transposed, (columns, rows).
struct Layer {
    attn_norm: Tensor,
    attn_q: Projection,
    attn_k: Projection,
    attn_v: Projection,
    attn_output: Tensor,
    attn_post_norm: Option<Tensor>,
    ffn_norm: Tensor,
    ffn_gate: Tensor,
    ffn_up: Tensor,
    ffn_down: Tensor,
    ffn_post_norm: Option<Tensor>,
    /// Positions that a token sees, itself included; `None` for all.
    window: Option<usize>,
    /// Keys after rotation and values so far, each (`n_kv_heads`, positions, `head_dim`).
    cache: Option<(Tensor, Tensor)>,
}

/// A decoder in `f32`.
pub struct Oracle {
    spec: DecoderSpec,
    context_length: usize,
    /// (`n_vocab`, `n_embd`).
    embedding: Tensor,
    layers: Vec<Layer>,
    output_norm: Tensor,
    /// Output head, (`n_embd`, `n_vocab`): the embeddings where the file has none.
    output: Tensor,
    /// Cosines and sines of the blocks that see everything and of those with a window, each (positions,
    /// `head_dim` / 2).
    rotations: [(Tensor, Tensor); 2],
    /// What is added to the residual stream, by layer, each (`n_embd`).
    steering: BTreeMap<usize, Tensor>,
}

impl std::fmt::Debug for Oracle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Oracle").field("spec", &self.spec).finish_non_exhaustive()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands errors over")]
fn backend(error: candle_core::Error) -> EngineError {
    EngineError::Backend { detail: error.to_string() }
}

fn unreadable(name: &str, error: &candle_core::Error) -> FormatError {
    FormatError::Header { detail: format!("tensor {name}: {error}") }
}

/// Reads tensors of one file, one at a time.
struct Reader<'a, S> {
    source: &'a S,
    header: &'a GgufHeader,
}

impl<S: ByteSource> Reader<'_, S> {
    async fn dense(&self, name: &str) -> Result<Tensor, FormatError> {
        let entry = self.header.tensor(name)?;
        let mut bytes = Vec::new();
        self.source.read(entry.range(), &mut bytes).await?;
        let tensor = aligned(&bytes, |bytes| {
            qtensor_from_ggml(entry.dtype.ggml(), bytes, entry.shape.clone(), &Device::Cpu)
                .and_then(|quantized| quantized.dequantize(&Device::Cpu)?.to_dtype(DType::F32))
        });
        tensor.map_err(|error| unreadable(name, &error))
    }

    /// A vector of a block that only some models have.
    async fn dense_if(&self, is_there: bool, pattern: &str, layer: usize) -> Result<Option<Tensor>, FormatError> {
        if is_there { self.dense(&of_layer(pattern, layer)).await.map(Some) } else { Ok(None) }
    }

    /// A matrix, transposed.
    async fn matrix(&self, name: &str) -> Result<Tensor, FormatError> {
        let weight = self.dense(name).await?;
        weight.t().and_then(|transposed| transposed.contiguous()).map_err(|error| unreadable(name, &error))
    }
}

impl CpuModel for Oracle {
    const KL_LIMIT: f64 = GPU_KL_LIMIT;
    const ADAPTER: &'static str = "processor (candle-core)";

    fn bytes_for(header: &GgufHeader) -> u64 {
        header.tensors.iter().map(|tensor| tensor.n_values() as u64 * 4).sum()
    }

    fn quantization(header: &GgufHeader) -> String {
        header.main_dtype().map_or_else(String::new, |main| match main {
            Dtype::F32 => main.name().to_owned(),
            main => format!("{main}, computed as F32"),
        })
    }

    async fn load(
        source: &impl ByteSource,
        header: &GgufHeader,
        spec: &DecoderSpec,
        names: &NameTable,
        max_context: usize,
        progress: &dyn Fn(u64),
    ) -> Result<Self, FormatError> {
        check_tensors(header, spec, names)?;
        let reader = Reader { source, header };
        let embedding = reader.dense(names.token_embd).await?;
        let mut done = header.tensor(names.token_embd)?.size_bytes;
        progress(done);
        let mut layers = Vec::with_capacity(spec.n_layers);
        for i in 0..spec.n_layers {
            layers.push(Layer {
                attn_norm: reader.dense(&of_layer(names.attn_norm, i)).await?,
                attn_q: Projection {
                    matrix: reader.matrix(&of_layer(names.attn_q, i)).await?,
                    n_heads: spec.n_heads,
                    bias: reader.dense_if(spec.qkv_bias, names.attn_q_bias, i).await?,
                    norm: reader.dense_if(spec.qk_norm, names.attn_q_norm, i).await?,
                },
                attn_k: Projection {
                    matrix: reader.matrix(&of_layer(names.attn_k, i)).await?,
                    n_heads: spec.n_kv_heads,
                    bias: reader.dense_if(spec.qkv_bias, names.attn_k_bias, i).await?,
                    norm: reader.dense_if(spec.qk_norm, names.attn_k_norm, i).await?,
                },
                attn_v: Projection {
                    matrix: reader.matrix(&of_layer(names.attn_v, i)).await?,
                    n_heads: spec.n_kv_heads,
                    bias: reader.dense_if(spec.qkv_bias, names.attn_v_bias, i).await?,
                    norm: None,
                },
                attn_output: reader.matrix(&of_layer(names.attn_output, i)).await?,
                attn_post_norm: reader.dense_if(spec.post_norms, names.attn_post_norm, i).await?,
                ffn_norm: reader.dense(&of_layer(names.ffn_norm, i)).await?,
                ffn_gate: reader.matrix(&of_layer(names.ffn_gate, i)).await?,
                ffn_up: reader.matrix(&of_layer(names.ffn_up, i)).await?,
                ffn_down: reader.matrix(&of_layer(names.ffn_down, i)).await?,
                ffn_post_norm: reader.dense_if(spec.post_norms, names.ffn_post_norm, i).await?,
                window: spec.window_of(i).map(|window| window.size),
                cache: None,
            });
            let of_block = of_layer("blk.{}.", i);
            done += header.tensors.iter().filter(|t| t.name.starts_with(&of_block)).map(|t| t.size_bytes).sum::<u64>();
            progress(done);
        }
        let output_norm = reader.dense(names.output_norm).await?;
        let output = match header.tensor(names.output) {
            Ok(_) => reader.matrix(names.output).await?,
            Err(_) => embedding.t().map_err(|error| unreadable(names.token_embd, &error))?,
        };
        let context_length = spec.context_length.min(max_context).max(1);
        let rotation = |base| {
            rotation(base, spec.head_dim, context_length).map_err(|error| unreadable("rotary positions", &error))
        };
        let window_base = spec.window.map_or(spec.rope_base, |window| window.rope_base);
        let rotations = [rotation(spec.rope_base)?, rotation(window_base)?];
        Ok(Self {
            spec: spec.clone(),
            context_length,
            embedding,
            layers,
            output_norm,
            output,
            rotations,
            steering: BTreeMap::new(),
        })
    }
}

impl Oracle {
    /// Reads one chunk at `pos` and returns the normed states, (T, `n_embd`). `tap` sees the residual stream before the
    /// first block (layer 0) and after each.
    async fn read_chunk(
        &mut self,
        tokens: &[u32],
        pos: usize,
        control: &Control<'_>,
        mut tap: impl FnMut(usize, &Tensor) -> candle_core::Result<()>,
    ) -> Result<Tensor, EngineError> {
        let ids = Tensor::new(tokens, &Device::Cpu).map_err(backend)?;
        let scale = f64::from(self.spec.embd_scale);
        let mut x = self.embedding.index_select(&ids, 0).and_then(|rows| rows * scale).map_err(backend)?;
        let at = |table: &Tensor| table.narrow(0, pos, tokens.len()).map_err(backend);
        let [(cos, sin), (window_cos, window_sin)] = &self.rotations;
        let (full, windowed) = ((at(cos)?, at(sin)?), (at(window_cos)?, at(window_sin)?));
        let steered = |layer: usize, x: Tensor| match self.steering.get(&layer) {
            Some(vector) => x.broadcast_add(vector),
            None => Ok(x),
        };
        x = steered(0, x).map_err(backend)?;
        tap(0, &x).map_err(backend)?;
        for (index, layer) in self.layers.iter_mut().enumerate() {
            (control.breathe)().await;
            if control.cancel.is_cancelled() {
                return Err(EngineError::Cancelled);
            }
            let (cos, sin) = if layer.window.is_some() { &windowed } else { &full };
            x = layer.forward(&x, pos, &self.spec, cos, sin).and_then(|x| steered(index + 1, x)).map_err(backend)?;
            tap(index + 1, &x).map_err(backend)?;
        }
        rms_norm(&x, &self.output_norm, self.spec.rms_eps).map_err(backend)
    }

    /// Logits of states, (T, `n_vocab`).
    fn logits(&self, states: &Tensor) -> Result<Vec<Vec<f32>>, EngineError> {
        let logits = states.matmul(&self.output).and_then(|logits| logits.to_vec2::<f32>()).map_err(backend)?;
        if logits.iter().flatten().all(|value| value.is_finite()) { Ok(logits) } else { Err(EngineError::NotANumber) }
    }

    fn check(&self, tokens: &[u32], pos: usize) -> Result<(), EngineError> {
        check_tokens(tokens, pos, self.spec.n_vocab, self.context_length)?;
        let cached = |layer: &Layer| layer.cache.as_ref().map_or(Ok(0), |(keys, _)| keys.dim(1));
        for layer in &self.layers {
            if cached(layer).map_err(backend)? < pos {
                return Err(EngineError::Backend { detail: format!("position {pos} is past the end of the cache") });
            }
        }
        Ok(())
    }
}

impl Layer {
    /// `x`: (T, `n_embd`) at positions `pos..pos + T`.
    fn forward(
        &mut self,
        x: &Tensor,
        pos: usize,
        spec: &DecoderSpec,
        cos: &Tensor,
        sin: &Tensor,
    ) -> candle_core::Result<Tensor> {
        let normed = rms_norm(x, &self.attn_norm, spec.rms_eps)?;
        let q = rotate(&self.attn_q.apply(&normed, spec)?, cos, sin, spec.rope_style)?;
        let k = rotate(&self.attn_k.apply(&normed, spec)?, cos, sin, spec.rope_style)?;
        let v = self.attn_v.apply(&normed, spec)?;
        let (k, v) = match self.cache.take() {
            Some((keys, values)) if pos > 0 => {
                (Tensor::cat(&[&keys.narrow(1, 0, pos)?, &k], 1)?, Tensor::cat(&[&values.narrow(1, 0, pos)?, &v], 1)?)
            }
            _ => (k, v),
        };
        self.cache = Some((k.clone(), v.clone()));
        let post_normed = |added: Tensor, norm: &Option<Tensor>| match norm {
            Some(norm) => rms_norm(&added, norm, spec.rms_eps),
            None => Ok(added),
        };
        let attended = attention(&q, &k, &v, pos, self.window)?.matmul(&self.attn_output)?;
        let x = (x + post_normed(attended, &self.attn_post_norm)?)?;

        let normed = rms_norm(&x, &self.ffn_norm, spec.rms_eps)?;
        let gate = normed.matmul(&self.ffn_gate)?;
        let activated = match spec.activation {
            Activation::Silu => gate.silu()?,
            // candle's `gelu` is the tanh approximation.
            Activation::GeluTanh => gate.gelu()?,
        };
        let down = (activated * normed.matmul(&self.ffn_up)?)?.matmul(&self.ffn_down)?;
        &x + post_normed(down, &self.ffn_post_norm)?
    }
}

/// Splits (T, heads · `head_dim`) into (heads, T, `head_dim`).
fn heads(x: &Tensor, n_heads: usize, head_dim: usize) -> candle_core::Result<Tensor> {
    x.reshape(((), n_heads, head_dim))?.transpose(0, 1)?.contiguous()
}

/// Causal attention of `q`: (heads, T, `head_dim`) at positions `pos..` over `k`, `v`: (`kv_heads`, pos + T,
/// `head_dim`), of which a token sees those of its window; consecutive query heads share a key head. Returns (T, heads · `head_dim`).
fn attention(q: &Tensor, k: &Tensor, v: &Tensor, pos: usize, window: Option<usize>) -> candle_core::Result<Tensor> {
    let (n_heads, n_tokens, head_dim) = q.dims3()?;
    let (n_kv_heads, n_positions, _) = k.dims3()?;
    let group = n_heads / n_kv_heads;
    // The queries of one group are rows of one product, so keys are not repeated.
    let q = q.reshape((n_kv_heads, group * n_tokens, head_dim))?;
    let scores = (q.matmul(&k.t()?.contiguous()?)? * (1.0 / (head_dim as f64).sqrt()))?;
    let mask: Vec<f32> = (0..n_tokens)
        .flat_map(|t| (0..n_positions).map(move |p| (p, pos + t)))
        .map(|(p, at)| if p > at || window.is_some_and(|size| p + size <= at) { f32::NEG_INFINITY } else { 0.0 })
        .collect();
    let mask = Tensor::from_vec(mask, (1, 1, n_tokens, n_positions), q.device())?;
    let scores = scores.reshape((n_kv_heads, group, n_tokens, n_positions))?.broadcast_add(&mask)?;
    let shifted = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
    let weights = shifted.broadcast_div(&shifted.sum_keepdim(D::Minus1)?)?;
    let mixed = weights.reshape((n_kv_heads, group * n_tokens, n_positions))?.matmul(v)?;
    mixed.reshape((n_heads, n_tokens, head_dim))?.transpose(0, 1)?.reshape((n_tokens, n_heads * head_dim))
}

/// `x / sqrt(mean(x²) + eps) · weight` over the last dimension.
fn rms_norm(x: &Tensor, weight: &Tensor, eps: f32) -> candle_core::Result<Tensor> {
    let mean_square = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(mean_square + f64::from(eps))?.sqrt()?)?.broadcast_mul(weight)
}

/// Cosines and sines of position · base^(−2i / `head_dim`), each (positions, `head_dim` / 2).
fn rotation(base: f32, head_dim: usize, n_positions: usize) -> candle_core::Result<(Tensor, Tensor)> {
    let half = head_dim / 2;
    let angle = |position: usize, i: usize| position as f64 * f64::from(base).powf(-2.0 * i as f64 / head_dim as f64);
    let table = |f: fn(f64) -> f64| {
        let values: Vec<f32> = (0..n_positions).flat_map(|p| (0..half).map(move |i| f(angle(p, i)) as f32)).collect();
        Tensor::from_vec(values, (n_positions, half), &Device::Cpu)
    };
    Ok((table(f64::cos)?, table(f64::sin)?))
}

/// Rotates `x`: (heads, T, `head_dim`) by the angles of its positions.
fn rotate(x: &Tensor, cos: &Tensor, sin: &Tensor, style: RopeStyle) -> candle_core::Result<Tensor> {
    let (n_heads, n_tokens, head_dim) = x.dims3()?;
    let half = head_dim / 2;
    let (a, b, pair_dim) = match style {
        RopeStyle::Interleaved => {
            let pairs = x.reshape((n_heads, n_tokens, half, 2))?;
            (pairs.narrow(3, 0, 1)?.squeeze(3)?, pairs.narrow(3, 1, 1)?.squeeze(3)?, 3)
        }
        RopeStyle::Half => (x.narrow(2, 0, half)?, x.narrow(2, half, half)?, 2),
    };
    let rotated_a = (a.broadcast_mul(cos)? - b.broadcast_mul(sin)?)?;
    let rotated_b = (a.broadcast_mul(sin)? + b.broadcast_mul(cos)?)?;
    Tensor::stack(&[rotated_a, rotated_b], pair_dim)?.reshape((n_heads, n_tokens, head_dim))
}

impl Forward for Oracle {
    fn n_vocab(&self) -> usize {
        self.spec.n_vocab
    }

    fn context_length(&self) -> usize {
        self.context_length
    }

    async fn next_logits(
        &mut self,
        tokens: &[u32],
        pos: usize,
        control: &Control<'_>,
        progress: &dyn Fn(usize),
    ) -> Result<Vec<f32>, EngineError> {
        self.check(tokens, pos)?;
        let mut done = 0;
        let mut last = None;
        for chunk in tokens.chunks(CHUNK_TOKENS) {
            let states = self.read_chunk(chunk, pos + done, control, |_, _| Ok(())).await?;
            done += chunk.len();
            progress(done);
            last = Some(states.narrow(0, chunk.len() - 1, 1).map_err(backend)?);
        }
        let last = last.ok_or(EngineError::EmptyInput)?;
        self.logits(&last)?.pop().ok_or(EngineError::EmptyInput)
    }

    fn steer(&mut self, steering: &[Steering]) -> Result<(), EngineError> {
        self.steering.clear();
        for (layer, sum) in steering_sums(steering, self.spec.n_layers, self.spec.n_embd)? {
            self.steering.insert(layer, Tensor::new(sum, &Device::Cpu).map_err(backend)?);
        }
        Ok(())
    }

    async fn hidden_states(
        &mut self,
        tokens: &[u32],
        gather: Gather<'_>,
        control: &Control<'_>,
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        self.check(tokens, 0)?;
        let n_embd = self.spec.n_embd;
        let mut gathered = vec![Vec::new(); self.layers.len() + 1];
        for (index, chunk) in tokens.chunks(CHUNK_TOKENS).enumerate() {
            let tap = |layer: usize, x: &Tensor| -> candle_core::Result<()> {
                let rows = x.flatten_all()?.to_vec1::<f32>()?;
                if let Some(gathered) = gathered.get_mut(layer) {
                    gather.take(gathered, &rows, index * CHUNK_TOKENS, n_embd);
                }
                Ok(())
            };
            self.read_chunk(chunk, index * CHUNK_TOKENS, control, tap).await?;
        }
        Ok(gathered)
    }

    async fn target_logprobs(
        &mut self,
        tokens: &[u32],
        pos: usize,
        targets: &[u32],
        n_top: usize,
        control: &Control<'_>,
    ) -> Result<Vec<TargetLogprob>, EngineError> {
        self.check(tokens, pos)?;
        if tokens.len() != targets.len() {
            return Err(EngineError::Backend {
                detail: format!("{} targets for {} tokens", targets.len(), tokens.len()),
            });
        }
        let mut scored = Vec::with_capacity(tokens.len());
        for (chunk, targets) in tokens.chunks(CHUNK_TOKENS).zip(targets.chunks(CHUNK_TOKENS)) {
            let states = self.read_chunk(chunk, pos + scored.len(), control, |_, _| Ok(())).await?;
            for (logits, &target) in self.logits(&states)?.iter().zip(targets) {
                scored.push(TargetLogprob::of(logits, target, n_top)?);
            }
        }
        Ok(scored)
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden::{self, argmax, next};
    use super::*;

    /// Logits, scores and 32 greedy tokens of transformers, for every type of weights in the golden models.
    #[test]
    fn oracle_agrees_with_transformers() {
        for (file, golden) in golden::MODELS {
            let mut model: Oracle = golden::load(file);
            for case in golden::cases(golden) {
                golden::check(&mut model, &case, 2e-4);
                let mut tokens = case.tokens.clone();
                let mut greedy = vec![argmax(&next(&mut model, &tokens, 0).unwrap())];
                while greedy.len() < case.greedy.len() {
                    let read = *greedy.last().unwrap();
                    greedy.push(argmax(&next(&mut model, &[read], tokens.len()).unwrap()));
                    tokens.push(read);
                }
                assert_eq!(greedy, case.greedy);
            }
        }
    }

    #[test]
    fn requests_are_checked() {
        golden::bad_requests_are_errors::<Oracle>();
        golden::chunks_do_not_change_the_result::<Oracle>();
    }
}
