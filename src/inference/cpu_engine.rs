//! The processor path for browsers without WebGPU: the forward pass on plain slices, one thread.

use std::collections::BTreeMap;

use crate::cpu::ops::{Heads, Rotation, add, attention, gelu_gate, rms_norm, silu_gate};
use crate::cpu::{Activations, Matrix, dequantize};
use crate::eval::engine::{Control, EngineError, Steering};
use crate::formats::FormatError;
use crate::formats::gguf::GgufHeader;
use crate::formats::source::ByteSource;
use crate::models::names::{NameTable, of_layer};
use crate::models::spec::{Activation, DecoderSpec, RopeStyle};
use crate::models::weights::{CHUNK_BYTES, check_tensors};

use super::forward::{CpuModel, Forward, Gather, TargetLogprob, check_tokens, steering_sums};
use super::load::CPU_KL_LIMIT;

/// Tokens of a prompt that are read at once.
const CHUNK_TOKENS: usize = 64;
/// Tokens that are scored at once; their logits are that many times the vocabulary.
const SCORE_TOKENS: usize = 32;
/// The cache grows by so many positions.
const CACHE_STEP: usize = 256;
/// Longest stretch of work, in milliseconds, after which other work of the thread (a cancel) gets a turn.
const BREATH_MILLIS: f64 = 40.0;

struct Layer {
    attn_norm: Vec<f32>,
    attn_q: Matrix,
    attn_k: Matrix,
    attn_v: Matrix,
    /// Biases of queries, keys and values, where the model has them.
    attn_biases: Option<[Vec<f32>; 3]>,
    /// Weights of the norms of each head's queries and keys, where the model has them.
    attn_head_norms: Option<[Vec<f32>; 2]>,
    attn_output: Matrix,
    attn_post_norm: Option<Vec<f32>>,
    ffn_norm: Vec<f32>,
    ffn_gate: Matrix,
    ffn_up: Matrix,
    ffn_down: Matrix,
    ffn_post_norm: Option<Vec<f32>>,
    /// Positions that a token sees, itself included; `None` for all.
    window: Option<usize>,
    /// Keys after rotation, (positions, `n_kv`).
    keys: Vec<f32>,
    /// Values, (positions, `n_kv`).
    values: Vec<f32>,
}

/// A decoder on the processor.
pub struct CpuForward {
    spec: DecoderSpec,
    context_length: usize,
    token_embd: Matrix,
    layers: Vec<Layer>,
    output_norm: Vec<f32>,
    /// `None` if the embeddings serve.
    output: Option<Matrix>,
    /// Radians a position, (`head_dim` / 2), of the blocks that see everything and of those with a window.
    freqs: [Vec<f32>; 2],
    /// Positions that every layer's cache holds.
    n_cached: usize,
    scratch: Scratch,
    /// What is added to the residual stream, by layer, each (`n_embd`).
    steering: BTreeMap<usize, Vec<f32>>,
}

/// Room for what one chunk computes, kept from call to call.
#[derive(Default)]
struct Scratch {
    activations: Activations,
    x: Vec<f32>,
    normed: Vec<f32>,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    attended: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    delta: Vec<f32>,
    logits: Vec<f32>,
}

impl std::fmt::Debug for CpuForward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CpuForward").field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// Reads tensors of one file, one at a time and in chunks.
struct Reader<'a, S> {
    source: &'a S,
    header: &'a GgufHeader,
    bytes: Vec<u8>,
    done: u64,
    progress: &'a dyn Fn(u64),
}

impl<S: ByteSource> Reader<'_, S> {
    async fn read(&mut self, range: std::ops::Range<u64>) -> Result<(), FormatError> {
        self.source.read(range, &mut self.bytes).await?;
        self.done += self.bytes.len() as u64;
        (self.progress)(self.done);
        Ok(())
    }

    async fn vector(&mut self, name: &str) -> Result<Vec<f32>, FormatError> {
        let entry = self.header.tensor(name)?;
        self.read(entry.range()).await?;
        dequantize(entry.dtype, &self.bytes)
    }

    async fn matrix(&mut self, name: &str) -> Result<Matrix, FormatError> {
        let entry = self.header.tensor(name)?;
        let (&[rows, cols], dtype) = (&*entry.shape, entry.dtype) else {
            return Err(FormatError::Shape { name: name.to_owned(), expected: vec![0; 2], found: entry.shape.clone() });
        };
        let mut matrix = Matrix::with_capacity(dtype, rows, cols)?;
        let row_bytes = entry.size_bytes / (rows as u64).max(1);
        let rows_a_chunk = (CHUNK_BYTES as u64 / row_bytes.max(1)).next_multiple_of(Matrix::ROW_STEP as u64);
        let range = entry.range();
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start + rows_a_chunk * row_bytes);
            self.read(start..end).await?;
            matrix.push_rows(&self.bytes)?;
            start = end;
        }
        Ok(matrix)
    }
}

impl CpuModel for CpuForward {
    const KL_LIMIT: f64 = CPU_KL_LIMIT;
    const ADAPTER: &'static str = "processor (16-bit activations)";

    fn bytes_for(header: &GgufHeader) -> u64 {
        let bytes = |shape: &[usize], dtype| {
            let cols = shape.last().copied().unwrap_or(1);
            Matrix::bytes_for(dtype, shape.iter().product::<usize>() / cols.max(1), cols)
        };
        header.tensors.iter().map(|tensor| bytes(&tensor.shape, tensor.dtype)).sum()
    }

    fn quantization(header: &GgufHeader) -> String {
        header.main_dtype().map_or_else(String::new, |main| main.name().to_owned())
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
        let mut reader = Reader { source, header, bytes: Vec::new(), done: 0, progress };
        let token_embd = reader.matrix(names.token_embd).await?;
        let mut layers = Vec::with_capacity(spec.n_layers);
        for i in 0..spec.n_layers {
            let of = |pattern| of_layer(pattern, i);
            let attn_biases = if spec.qkv_bias {
                let (q, k) =
                    (reader.vector(&of(names.attn_q_bias)).await?, reader.vector(&of(names.attn_k_bias)).await?);
                Some([q, k, reader.vector(&of(names.attn_v_bias)).await?])
            } else {
                None
            };
            let attn_head_norms = if spec.qk_norm {
                Some([reader.vector(&of(names.attn_q_norm)).await?, reader.vector(&of(names.attn_k_norm)).await?])
            } else {
                None
            };
            let (attn_post_norm, ffn_post_norm) = if spec.post_norms {
                let attn = reader.vector(&of(names.attn_post_norm)).await?;
                (Some(attn), Some(reader.vector(&of(names.ffn_post_norm)).await?))
            } else {
                (None, None)
            };
            layers.push(Layer {
                attn_biases,
                attn_head_norms,
                attn_post_norm,
                ffn_post_norm,
                window: spec.window_of(i).map(|window| window.size),
                attn_norm: reader.vector(&of_layer(names.attn_norm, i)).await?,
                attn_q: reader.matrix(&of_layer(names.attn_q, i)).await?,
                attn_k: reader.matrix(&of_layer(names.attn_k, i)).await?,
                attn_v: reader.matrix(&of_layer(names.attn_v, i)).await?,
                attn_output: reader.matrix(&of_layer(names.attn_output, i)).await?,
                ffn_norm: reader.vector(&of_layer(names.ffn_norm, i)).await?,
                ffn_gate: reader.matrix(&of_layer(names.ffn_gate, i)).await?,
                ffn_up: reader.matrix(&of_layer(names.ffn_up, i)).await?,
                ffn_down: reader.matrix(&of_layer(names.ffn_down, i)).await?,
                keys: Vec::new(),
                values: Vec::new(),
            });
        }
        let output_norm = reader.vector(names.output_norm).await?;
        let output = match header.tensor(names.output) {
            Ok(_) => Some(reader.matrix(names.output).await?),
            Err(_) => None,
        };
        Ok(Self {
            spec: spec.clone(),
            context_length: spec.context_length.min(max_context).max(1),
            token_embd,
            layers,
            output_norm,
            output,
            freqs: [spec.rope_base, spec.window.map_or(spec.rope_base, |window| window.rope_base)]
                .map(|base| spec.freqs_of_base(base)),
            n_cached: 0,
            scratch: Scratch::default(),
            steering: BTreeMap::new(),
        })
    }
}

/// Gives other work of the thread a turn now and then.
struct Pace {
    last: f64,
}

impl Pace {
    fn new(control: &Control<'_>) -> Self {
        Self { last: (control.now)() }
    }

    async fn step(&mut self, control: &Control<'_>) -> Result<(), EngineError> {
        if (control.now)() - self.last > BREATH_MILLIS {
            (control.breathe)().await;
            self.last = (control.now)();
        }
        if control.cancel.is_cancelled() { Err(EngineError::Cancelled) } else { Ok(()) }
    }
}

/// `x` · `matrix`ᵀ into `out`, whatever it held.
fn apply(matrix: &Matrix, x: &Activations, out: &mut Vec<f32>) {
    out.resize(x.n_rows() * matrix.rows(), 0.0);
    matrix.apply(x, out);
}

/// Norm and quantization before the matrices that follow.
fn norm_into(activations: &mut Activations, normed: &mut Vec<f32>, x: &[f32], weight: &[f32], eps: f32) {
    normed.resize(x.len(), 0.0);
    rms_norm(x, weight, eps, normed);
    activations.set(normed, weight.len());
}

/// Adds `delta` to the residual stream, normed first if there is a norm for it.
fn add_normed(s: &mut Scratch, post_norm: Option<&[f32]>, eps: f32) {
    if let Some(weight) = post_norm {
        s.normed.resize(s.delta.len(), 0.0);
        rms_norm(&s.delta, weight, eps, &mut s.normed);
        std::mem::swap(&mut s.delta, &mut s.normed);
    }
    add(&mut s.x, &s.delta);
}

impl Layer {
    /// `s.x`: (T, `n_embd`) at positions `pos..pos + T`, in place.
    fn forward(&mut self, s: &mut Scratch, pos: usize, spec: &DecoderSpec, rotation: &Rotation) {
        norm_into(&mut s.activations, &mut s.normed, &s.x, &self.attn_norm, spec.rms_eps);
        apply(&self.attn_q, &s.activations, &mut s.q);
        apply(&self.attn_k, &s.activations, &mut s.k);
        apply(&self.attn_v, &s.activations, &mut s.v);
        if let Some(biases) = &self.attn_biases {
            for (x, bias) in [&mut s.q, &mut s.k, &mut s.v].into_iter().zip(biases) {
                x.chunks_exact_mut(bias.len()).for_each(|row| add(row, bias));
            }
        }
        if let Some(norms) = &self.attn_head_norms {
            for (x, weight) in [&mut s.q, &mut s.k].into_iter().zip(norms) {
                s.normed.resize(x.len(), 0.0);
                rms_norm(x, weight, spec.rms_eps, &mut s.normed);
                std::mem::swap(x, &mut s.normed);
            }
        }
        let (step, distance) = match spec.rope_style {
            RopeStyle::Interleaved => (2, 1),
            RopeStyle::Half => (1, spec.head_dim / 2),
        };
        rotation.apply(&mut s.q, step, distance);
        rotation.apply(&mut s.k, step, distance);
        for (cache, new) in [(&mut self.keys, &s.k), (&mut self.values, &s.v)] {
            cache.truncate(pos * spec.n_kv());
            if cache.capacity() < cache.len() + new.len() {
                cache.reserve_exact(new.len().next_multiple_of(CACHE_STEP * spec.n_kv()));
            }
            cache.extend_from_slice(new);
        }
        let DecoderSpec { n_heads, n_kv_heads, head_dim, .. } = *spec;
        let heads = Heads { n_heads, n_kv_heads, head_dim, window: self.window };
        s.attended.resize(s.q.len(), 0.0);
        attention(&s.q, &self.keys, &self.values, pos, heads, &mut s.attended);
        s.activations.set(&s.attended, spec.n_q());
        apply(&self.attn_output, &s.activations, &mut s.delta);
        add_normed(s, self.attn_post_norm.as_deref(), spec.rms_eps);

        norm_into(&mut s.activations, &mut s.normed, &s.x, &self.ffn_norm, spec.rms_eps);
        apply(&self.ffn_gate, &s.activations, &mut s.gate);
        apply(&self.ffn_up, &s.activations, &mut s.up);
        match spec.activation {
            Activation::Silu => silu_gate(&mut s.gate, &s.up),
            Activation::GeluTanh => gelu_gate(&mut s.gate, &s.up),
        }
        s.activations.set(&s.gate, spec.n_ff);
        apply(&self.ffn_down, &s.activations, &mut s.delta);
        add_normed(s, self.ffn_post_norm.as_deref(), spec.rms_eps);
    }
}

impl CpuForward {
    /// Reads one chunk at `pos`; the residual stream after the last block, (T, `n_embd`), stays in the scratch. `tap` sees
    /// it before the first block (layer 0) and after each.
    async fn read_chunk(
        &mut self,
        tokens: &[u32],
        pos: usize,
        control: &Control<'_>,
        pace: &mut Pace,
        tap: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<(), EngineError> {
        self.n_cached = pos;
        let rotations = self.freqs.each_ref().map(|freqs| Rotation::new(freqs, pos, tokens.len()));
        self.scratch.x.resize(tokens.len() * self.spec.n_embd, 0.0);
        for (&token, x) in tokens.iter().zip(self.scratch.x.chunks_exact_mut(self.spec.n_embd)) {
            self.token_embd.row(token as usize, x);
            for x in x.iter_mut() {
                *x *= self.spec.embd_scale;
            }
        }
        let steering = &self.steering;
        let steer = |layer: usize, x: &mut [f32]| {
            if let Some(vector) = steering.get(&layer) {
                x.chunks_exact_mut(vector.len()).for_each(|row| add(row, vector));
            }
        };
        steer(0, &mut self.scratch.x);
        tap(0, &self.scratch.x);
        for (index, layer) in self.layers.iter_mut().enumerate() {
            pace.step(control).await?;
            let [full, windowed] = &rotations;
            let rotation = if layer.window.is_some() { windowed } else { full };
            layer.forward(&mut self.scratch, pos, &self.spec, rotation);
            steer(index + 1, &mut self.scratch.x);
            tap(index + 1, &self.scratch.x);
        }
        self.n_cached = pos + tokens.len();
        Ok(())
    }

    /// Logits of the last `n` tokens of the chunk, (n, `n_vocab`).
    fn logits(&mut self, n: usize) -> Result<&[f32], EngineError> {
        let s = &mut self.scratch;
        let last = s.x.len() - n * self.spec.n_embd;
        norm_into(&mut s.activations, &mut s.normed, &s.x[last..], &self.output_norm, self.spec.rms_eps);
        apply(self.output.as_ref().unwrap_or(&self.token_embd), &s.activations, &mut s.logits);
        if s.logits.iter().all(|value| value.is_finite()) { Ok(&s.logits) } else { Err(EngineError::NotANumber) }
    }

    fn check(&self, tokens: &[u32], pos: usize) -> Result<(), EngineError> {
        check_tokens(tokens, pos, self.spec.n_vocab, self.context_length)?;
        if pos > self.n_cached {
            return Err(EngineError::Backend { detail: format!("position {pos} is past the end of the cache") });
        }
        Ok(())
    }
}

impl Forward for CpuForward {
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
        let mut pace = Pace::new(control);
        let mut done = 0;
        for chunk in tokens.chunks(CHUNK_TOKENS) {
            self.read_chunk(chunk, pos + done, control, &mut pace, &mut |_, _| {}).await?;
            done += chunk.len();
            progress(done);
        }
        self.logits(1).map(<[f32]>::to_vec)
    }

    fn steer(&mut self, steering: &[Steering]) -> Result<(), EngineError> {
        self.steering.clear();
        self.steering = steering_sums(steering, self.spec.n_layers, self.spec.n_embd)?;
        Ok(())
    }

    async fn hidden_states(
        &mut self,
        tokens: &[u32],
        gather: Gather<'_>,
        control: &Control<'_>,
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        self.check(tokens, 0)?;
        let mut pace = Pace::new(control);
        let n_embd = self.spec.n_embd;
        let mut gathered = vec![Vec::new(); self.layers.len() + 1];
        for (index, chunk) in tokens.chunks(CHUNK_TOKENS).enumerate() {
            let first = index * CHUNK_TOKENS;
            let mut tap = |layer: usize, rows: &[f32]| {
                if let Some(gathered) = gathered.get_mut(layer) {
                    gather.take(gathered, rows, first, n_embd);
                }
            };
            self.read_chunk(chunk, first, control, &mut pace, &mut tap).await?;
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
        let mut pace = Pace::new(control);
        let mut scored = Vec::with_capacity(tokens.len());
        for (chunk, targets) in tokens.chunks(SCORE_TOKENS).zip(targets.chunks(SCORE_TOKENS)) {
            self.read_chunk(chunk, pos + scored.len(), control, &mut pace, &mut |_, _| {}).await?;
            let n_vocab = self.spec.n_vocab;
            let logits = self.logits(chunk.len())?;
            for (logits, &target) in logits.chunks_exact(n_vocab).zip(targets) {
                scored.push(TargetLogprob::of(logits, target, n_top)?);
            }
        }
        Ok(scored)
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden;
    use super::*;

    /// Logits (of up to 9) and scores of transformers: only the rounding of activations to 16 bits comes in between,
    /// which these random models amplify. The bound is a measurement: 1.0e-3 was seen; 8 bits gave 256 times that.
    #[test]
    fn logits_agree_with_transformers() {
        for (file, golden) in golden::MODELS {
            let mut model: CpuForward = golden::load(file);
            for case in golden::cases(golden) {
                golden::check(&mut model, &case, 4e-3);
            }
        }
    }

    #[test]
    fn requests_are_checked() {
        golden::bad_requests_are_errors::<CpuForward>();
        golden::chunks_do_not_change_the_result::<CpuForward>();
    }
}
