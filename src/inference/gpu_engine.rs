//! A decoder on the GPU as a [`Forward`].
//!
//! A recording is prepared once for each number of rows ("bucket"); what changes from call to call is the state
//! (position, rows in use) and the tokens. While it draws tokens itself not even that is written: each token's pass
//! ends with the step to the next, and several are in flight before the first is read back.

use std::collections::VecDeque;

use crate::eval::engine::{Control, EngineError, Sampling, Work};
use crate::gpu::kernels::draw::{self, DRAWN_LEN, MAX_STOP, MAX_TOP, RULE_LEN};
use crate::gpu::kernels::{last_row, target_logprobs};
use crate::gpu::{Gpu, GpuError, Layout, Prepared, Readback, Recording, Tensor, prepare};
use crate::models::decoder::Decoder;

use super::forward::{DrawRule, Drawn, Forward, TargetLogprob};
use super::language_model::LanguageModel;
use super::sampler::top;

/// Rows of the prefill recordings; a prompt is read in the largest ones, its rest in the smallest that holds it.
const PREFILL_ROWS: [usize; 4] = [1, 8, 32, 64];
/// Rows of the scoring recordings. Their logits are rows × vocabulary values, hence the smaller largest one.
const SCORE_ROWS: [usize; 3] = [1, 8, 32];

/// Most tokens that one submission draws.
const MAX_BURST: usize = 16;
/// Submissions in flight while one is waited for.
const MAX_IN_FLIGHT: usize = 2;
/// How long a submission should run, in milliseconds: long enough to hide the wait for it, short enough for a cancel
/// and for the compositor.
const BURST_MILLIS: f64 = 50.0;

/// The engine of the GPU worker.
pub type GpuEngine = LanguageModel<GpuForward>;

/// A recording for up to `rows` tokens with its own input and output tensors.
struct Pass {
    rows: usize,
    tokens: Tensor,
    targets: Tensor,
    prepared: Prepared,
    /// Logits: `F32[1, n_vocab]` after the last row in use, or `F32[rows, n_vocab]` when scoring.
    logits: Tensor,
    /// `F32[rows, 2]`: log-probability of the target and log-sum-exp; only when scoring.
    logprobs: Option<Tensor>,
}

/// The pass that draws a token and prepares the next.
struct DrawPass {
    prepared: Prepared,
    tokens: Tensor,
    /// `U32[MAX_BURST * MAX_IN_FLIGHT, DRAWN_LEN]`, a ring of what was drawn.
    drawn: Tensor,
    rule: Tensor,
    state: Tensor,
}

/// Tokens that were asked of the device together.
struct Burst {
    n: usize,
    readback: Readback,
}

/// Where drawing stands.
#[derive(Default)]
struct Drawing {
    rule: Option<DrawRule>,
    /// The last token that was handed out, and its position.
    next: (u32, usize),
    /// Tokens submitted since the state was written.
    submitted: usize,
    in_flight: VecDeque<Burst>,
    /// Tokens of the next burst.
    burst: usize,
}

/// A decoder with its prepared recordings.
pub struct GpuForward {
    gpu: Gpu,
    decoder: Decoder,
    /// `U32[4]`: position, rows in use, 0, 0.
    state: Tensor,
    prefill: Vec<Pass>,
    score: Vec<Pass>,
    draw: Option<DrawPass>,
    drawing: Drawing,
}

impl GpuForward {
    /// Takes a decoder; recordings are prepared when first used.
    ///
    /// # Errors
    /// What the device says.
    pub fn new(gpu: Gpu, decoder: Decoder) -> Result<Self, GpuError> {
        let state = gpu.create("state", &[4], Layout::U32)?;
        let (prefill, score, drawing) = (Vec::new(), Vec::new(), Drawing::default());
        Ok(Self { gpu, decoder, state, prefill, score, draw: None, drawing })
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Bytes of weights that one token reads: every matrix and norm once (a tied head through the embeddings).
    pub fn weight_bytes(&self) -> u64 {
        let weights = &self.decoder.weights;
        let layers = weights.layers.iter().flat_map(|l| {
            [&l.attn_norm, &l.attn_qkv, &l.attn_vectors, &l.attn_output, &l.ffn_norm, &l.ffn_gate_up, &l.ffn_down]
                .into_iter()
                .chain(&l.attn_post_norm)
                .chain(&l.ffn_post_norm)
        });
        layers.chain([&weights.output_norm, &weights.output]).map(Tensor::size_bytes).sum()
    }

    fn record_draw(&self) -> Result<DrawPass, GpuError> {
        let words = |name: &str, shape: &[usize]| self.gpu.create(name, shape, Layout::U32);
        let tokens = words("draw_tokens", &[1])?;
        let drawn = words("drawn", &[MAX_BURST * MAX_IN_FLIGHT, DRAWN_LEN])?;
        let rule = words("draw_rule", &[RULE_LEN])?;
        let state = words("draw_state", &[4])?;
        let mut rec = Recording::new();
        let x = self.decoder.forward(&mut rec, &tokens, &state);
        let logits = self.decoder.head(&mut rec, &x, &state);
        draw::record(&mut rec, &logits, &drawn, &tokens, &rule, &state);
        Ok(DrawPass { prepared: prepare(&self.gpu, &rec)?, tokens, drawn, rule, state })
    }

    /// Gives the device the tokens after the ones in flight, and their copy, in one submission.
    fn submit_burst(&mut self, n: usize) -> Result<(), GpuError> {
        let Some(pass) = &self.draw else { return Ok(()) };
        let capacity = pass.drawn.rows();
        let first = self.drawing.submitted % capacity;
        // The copy is one range, so a burst ends at the ring's end.
        let n = n.min(capacity - first).max(1);
        let range = first * DRAWN_LEN..(first + n) * DRAWN_LEN;
        let readback = self.gpu.submit_and_read(&pass.prepared, n as u32, &pass.drawn, range)?;
        self.drawing.submitted += n;
        self.drawing.in_flight.push_back(Burst { n, readback });
        Ok(())
    }

    /// Makes the next pass read `after` at `pos`.
    fn begin_drawing(&mut self, after: u32, pos: usize, rule: &DrawRule) -> Result<(), GpuError> {
        if self.draw.is_none() {
            self.draw = Some(self.record_draw()?);
        }
        let Some(pass) = &self.draw else { return Ok(()) };
        let mut words = vec![rule.n_top as u32, rule.stop_ids.len() as u32];
        words.extend_from_slice(&rule.stop_ids);
        self.gpu.write_u32(&pass.rule, 0, &words)?;
        self.gpu.write_u32(&pass.tokens, 0, &[after])?;
        self.gpu.write_u32(&pass.state, 0, &[pos as u32, 1, 0, 0])?;
        let burst = self.drawing.burst.max(1);
        self.drawing = Drawing { rule: Some(rule.clone()), next: (after, pos), burst, ..Drawing::default() };
        Ok(())
    }

    fn record(&self, rows: usize, scoring: bool) -> Result<Pass, GpuError> {
        let tokens = self.gpu.create("tokens", &[rows], Layout::U32)?;
        let targets = self.gpu.create("targets", &[rows], Layout::U32)?;
        let mut rec = Recording::new();
        let x = self.decoder.forward(&mut rec, &tokens, &self.state);
        let (logits, logprobs) = if scoring {
            let logits = self.decoder.head(&mut rec, &x, &self.state);
            let logprobs = target_logprobs::record(&mut rec, &logits, &targets, &self.state);
            rec.keep(&logprobs);
            (logits, Some(logprobs))
        } else {
            let last = if rows == 1 { x } else { last_row::record(&mut rec, &x, &self.state) };
            (self.decoder.head(&mut rec, &last, &self.state), None)
        };
        rec.keep(&logits);
        let prepared = prepare(&self.gpu, &rec)?;
        Ok(Pass { rows, tokens, targets, prepared, logits, logprobs })
    }

    /// The index of the pass that holds `n` rows, or the largest one.
    fn pass_for(&mut self, n: usize, scoring: bool) -> Result<usize, GpuError> {
        let sizes: &[usize] = if scoring { &SCORE_ROWS } else { &PREFILL_ROWS };
        let rows = sizes.iter().copied().find(|&rows| rows >= n).or(sizes.last().copied()).unwrap_or(1);
        let passes = if scoring { &self.score } else { &self.prefill };
        if let Some(index) = passes.iter().position(|pass| pass.rows == rows) {
            return Ok(index);
        }
        let pass = self.record(rows, scoring)?;
        let passes = if scoring { &mut self.score } else { &mut self.prefill };
        passes.push(pass);
        Ok(passes.len() - 1)
    }

    /// Runs one pass over at most its rows of tokens.
    fn run(&self, scoring: bool, index: usize, tokens: &[u32], pos: usize, targets: &[u32]) -> Result<(), GpuError> {
        let passes = if scoring { &self.score } else { &self.prefill };
        let Some(pass) = passes.get(index) else { return Ok(()) };
        self.gpu.write_u32(&self.state, 0, &[pos as u32, tokens.len() as u32, 0, 0])?;
        self.gpu.write_u32(&pass.tokens, 0, tokens)?;
        if scoring {
            self.gpu.write_u32(&pass.targets, 0, targets)?;
        }
        self.gpu.submit(&pass.prepared, 1)
    }

    fn check(&self, tokens: &[u32], pos: usize) -> Result<(), EngineError> {
        if tokens.is_empty() {
            return Err(EngineError::EmptyInput);
        }
        let (end, capacity) = (pos + tokens.len(), self.decoder.cache.capacity);
        if end > capacity {
            return Err(EngineError::ContextTooLong { n_tokens: end as u32, context_length: capacity as u32 });
        }
        Ok(())
    }
}

impl Forward for GpuForward {
    fn n_vocab(&self) -> usize {
        self.decoder.spec.n_vocab
    }

    fn context_length(&self) -> usize {
        self.decoder.cache.capacity
    }

    fn work(&self) -> Option<Work> {
        let counters = self.gpu().counters();
        Some(Work {
            dispatches: counters.dispatches,
            passes: counters.passes,
            submits: counters.submits,
            uploads: counters.uploads,
            upload_bytes: counters.upload_bytes,
            read_bytes: counters.read_bytes,
            peak_bytes: self.gpu().peak_bytes(),
        })
    }

    async fn next_logits(
        &mut self,
        tokens: &[u32],
        pos: usize,
        control: &Control<'_>,
        progress: &dyn Fn(usize),
    ) -> Result<Vec<f32>, EngineError> {
        self.check(tokens, pos)?;
        self.drawing.rule = None;
        let mut done = 0;
        loop {
            let rest = tokens.get(done..).unwrap_or_default();
            let index = self.pass_for(rest.len(), false)?;
            let rows = self.prefill.get(index).map_or(1, |pass| pass.rows).min(rest.len());
            let chunk = rest.get(..rows).unwrap_or_default();
            self.run(false, index, chunk, pos + done, &[])?;
            done += rows;
            if done >= tokens.len() {
                let n_vocab = self.n_vocab();
                let Some(pass) = self.prefill.get(index) else { return Err(EngineError::EmptyInput) };
                let logits = self.gpu.read_f32(&pass.logits, 0..n_vocab).await?;
                progress(done);
                return Ok(logits);
            }
            // Waiting for each chunk keeps progress honest and lets a cancel arrive.
            self.gpu.finish().await?;
            progress(done);
            (control.breathe)().await;
            if control.cancel.is_cancelled() {
                return Err(EngineError::Cancelled);
            }
        }
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
        self.drawing.rule = None;
        let n_vocab = self.n_vocab();
        let mut scored = Vec::with_capacity(tokens.len());
        while scored.len() < tokens.len() {
            if control.cancel.is_cancelled() {
                return Err(EngineError::Cancelled);
            }
            let done = scored.len();
            let rest = tokens.get(done..).unwrap_or_default();
            let index = self.pass_for(rest.len(), true)?;
            let rows = self.score.get(index).map_or(1, |pass| pass.rows).min(rest.len());
            let chunk_targets = targets.get(done..done + rows).unwrap_or_default();
            self.run(true, index, rest.get(..rows).unwrap_or_default(), pos + done, chunk_targets)?;
            let Some(pass) = self.score.get(index) else { return Err(EngineError::EmptyInput) };
            let Some(logprobs) = &pass.logprobs else { return Err(EngineError::EmptyInput) };
            let pairs = self.gpu.read_f32(logprobs, 0..2 * rows).await?;
            for (row, pair) in pairs.chunks_exact(2).enumerate() {
                let &[logprob, log_sum_exp] = pair else { continue };
                let mut best = Vec::new();
                if n_top > 0 {
                    let logits = self.gpu.read_f32(&pass.logits, row * n_vocab..(row + 1) * n_vocab).await?;
                    if logits.iter().any(|logit| !logit.is_finite()) {
                        return Err(EngineError::NotANumber);
                    }
                    best = top(&logits, n_top)
                        .into_iter()
                        .map(|(id, logit)| (id, f64::from(logit) - f64::from(log_sum_exp)))
                        .collect();
                }
                scored.push(TargetLogprob { logprob: f64::from(logprob), top: best });
            }
            (control.breathe)().await;
        }
        Ok(scored)
    }

    fn can_draw(&self, rule: &DrawRule) -> bool {
        let Sampling { temperature, repetition_penalty, .. } = rule.sampling;
        temperature <= 0.0 && repetition_penalty == 1.0 && rule.n_top <= MAX_TOP && rule.stop_ids.len() <= MAX_STOP
    }

    async fn draw(
        &mut self,
        after: u32,
        pos: usize,
        limit: usize,
        rule: &DrawRule,
        control: &Control<'_>,
    ) -> Result<Vec<Drawn>, EngineError> {
        self.check(&[after], pos)?;
        if self.drawing.rule.as_ref() != Some(rule) || self.drawing.next != (after, pos) {
            self.begin_drawing(after, pos, rule)?;
        }
        let started = (control.now)();
        let mut wanted = limit.saturating_sub(self.drawing.in_flight.iter().map(|burst| burst.n).sum());
        while wanted > 0 && self.drawing.in_flight.len() < MAX_IN_FLIGHT {
            let before = self.drawing.submitted;
            self.submit_burst(wanted.min(self.drawing.burst))?;
            wanted = wanted.saturating_sub(self.drawing.submitted - before);
        }
        let Some(Burst { n, readback }) = self.drawing.in_flight.pop_front() else { return Ok(Vec::new()) };
        let words = self.gpu.take(readback).await?;
        if control.cancel.is_cancelled() {
            self.drawing.rule = None;
            return Err(EngineError::Cancelled);
        }
        // Small steps towards a submission that runs as long as it should.
        let millis_each = ((control.now)() - started) / n as f64;
        let target = (BURST_MILLIS / millis_each.max(1e-3)) as usize;
        self.drawing.burst = target.clamp(1, self.drawing.burst * 2).min(MAX_BURST);
        let mut drawn = Vec::with_capacity(n);
        for words in words.chunks_exact(DRAWN_LEN) {
            let &[id, n_broken, logprob, _, ref pairs @ ..] = words else { continue };
            if n_broken > 0 {
                return Err(EngineError::NotANumber);
            }
            let float = |word: u32| f64::from(f32::from_bits(word));
            let pairs = pairs.chunks_exact(2).take(rule.n_top);
            let top = pairs.filter_map(|pair| Some((*pair.first()?, float(*pair.get(1)?)))).collect();
            drawn.push(Drawn { id, score: TargetLogprob { logprob: float(logprob), top } });
            if rule.stop_ids.contains(&id) {
                // What follows was skipped.
                self.drawing.rule = None;
                break;
            }
        }
        if let Some(last) = drawn.last() {
            self.drawing.next = (last.id, pos + drawn.len());
        }
        Ok(drawn)
    }
}
