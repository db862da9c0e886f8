//! A decoder on the GPU as a [`Forward`].
//!
//! A recording is prepared once for each number of rows ("bucket"); what changes from call to call is the state
//! (position, rows in use) and the tokens. While it draws tokens itself not even that is written: each token's pass
//! ends with the step to the next, and several are in flight before the first is read back.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use crate::eval::engine::{Control, EngineError, Gemm, KernelTime, Sampling, Steering, TokenCost, Work};
use crate::gpu::kernels::draw::{self, DRAWN_LEN, MAX_STOP, MAX_TOP, RULE_LEN};
use crate::gpu::kernels::{pool_rows, take_rows, target_logprobs};
use crate::gpu::{Gpu, GpuError, Layout, Prepared, Readback, Recording, Tensor, prepare};
use crate::models::decoder::Decoder;
use crate::models::weights::LayerWeights;

use super::forward::{DrawRule, Drawn, Forward, Gather, TargetLogprob, Trunk, check_end, check_tokens, steering_sums};
use super::language_model::LanguageModel;

/// Rows of the recordings; a text is read in pieces of the largest one that runs for [`PIECE_MILLIS`] at most, its rest
/// in the smallest that holds it.
const ROWS: [usize; 4] = [1, 8, 32, 64];
/// Rows that get logits at once: rows x vocabulary values.
const HEAD_ROWS: usize = 16;
/// Pairs of a row and a token whose log-probability is asked for at once.
const PAIRS: usize = 64;
/// How long reading a piece should take, in milliseconds: the device serves others too, and a cancel waits for it.
const PIECE_MILLIS: f64 = 100.0;
/// Pieces in flight while one is waited for.
const MAX_PIECES: usize = 4;
/// Rows of the recordings that pool hidden states: a word, or a longer text piece by piece.
const TAP_ROWS: [usize; 2] = [8, 64];
/// Most tokens that one submission draws.
const MAX_BURST: usize = 16;
/// Submissions in flight while one is waited for.
const MAX_IN_FLIGHT: usize = 2;
/// How long a submission should run, in milliseconds: long enough to hide the wait for it, short enough for a cancel
/// and for the compositor.
const BURST_MILLIS: f64 = 50.0;

/// Milliseconds that a timed submission should take at least.
const TIMED_MILLIS: f64 = 20.0;
/// Most repetitions of what is timed; fewer than the positions of any cache that it steps over.
const MAX_TIMED_STEPS: u32 = 64;
/// Positions that a timed token attends to.
const TIMED_CONTEXT: usize = 128;
/// Bytes of a timed copy: more than a GPU's caches hold.
const TIMED_COPY_BYTES: u64 = 64 << 20;

/// Rows of the pieces whose products are timed.
const GEMM_ROWS: [usize; 2] = [8, 64];

/// The engine of the GPU worker.
pub type GpuEngine = LanguageModel<GpuForward>;

/// A recording for up to `rows` tokens with its own tensors.
struct Pass {
    rows: usize,
    tokens: Tensor,
    /// `U32[rows, 4]`, see [`split_heads`](crate::gpu::kernels::split_heads).
    places: Tensor,
    prepared: Prepared,
    /// Rows that `take` copies to the head, `U32[HEAD_ROWS]` or one; those past the end it leaves as they are.
    taken: Tensor,
    take: Prepared,
    head: Rc<Head>,
}

/// The output head over rows taken from passes, with its own tensors.
struct Head {
    /// What passes left, `F32[HEAD_ROWS, n_embd]`, or one row.
    rows: Tensor,
    pairs: Tensor,
    prepared: Prepared,
    /// `F32[HEAD_ROWS, n_vocab]`, or of one row.
    logits: Tensor,
    /// `F32[PAIRS, 2]`: log-probability and log-sum-exp.
    logprobs: Tensor,
}

/// What is asked of the head, for rows of several pieces together.
#[derive(Default)]
struct Asked {
    n_rows: usize,
    /// A row of the head and a token.
    pairs: Vec<[u32; 2]>,
    /// Where the log-probability of each pair is added.
    sums: Vec<usize>,
}

/// A row that is read: token, place, and the tokens whose probability after it is wanted, with where they are added.
struct Row {
    token: u32,
    place: [u32; 4],
    targets: Vec<(u32, usize)>,
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

/// A recording for up to `rows` tokens that also keeps the residual stream of every layer, pooled or of each token.
struct TapPass {
    rows: usize,
    tokens: Tensor,
    places: Tensor,
    /// Whether there is a vector for each row, or one in all.
    is_each: bool,
    /// `F32[1, rows]`, or the identity of `F32[rows, rows]`.
    weights: Tensor,
    /// `F32[n_layers + 1, n_embd]`, or so many for each row.
    pooled: Tensor,
    prepared: Prepared,
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
    head_state: Tensor,
    passes: Vec<Pass>,
    /// Measured time of a row, if there was a clock.
    millis_a_row: f64,
    draw: Option<DrawPass>,
    drawing: Drawing,
    taps: Vec<TapPass>,
}

impl GpuForward {
    /// Takes a decoder; recordings are prepared when first used.
    ///
    /// # Errors
    /// What the device says.
    pub fn new(gpu: Gpu, decoder: Decoder) -> Result<Self, GpuError> {
        let state = gpu.create("state", &[4], Layout::U32)?;
        let head_state = gpu.create("head_state", &[4], Layout::U32)?;
        let (passes, taps, drawing) = (Vec::new(), Vec::new(), Drawing::default());
        Ok(Self { gpu, decoder, state, head_state, passes, millis_a_row: 0.0, draw: None, drawing, taps })
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
        let mut rec = Recording::suiting(&self.gpu);
        let places = words("draw_places", &[1, 4])?;
        let x = self.decoder.forward(&mut rec, &tokens, &places, &state);
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
        let Sampling { temperature, top_k, top_p, min_p, .. } = rule.sampling;
        let (n_top, seed, stop_ids) = (rule.n_top, rule.seed, rule.stop_ids.as_slice());
        let temperature = if temperature.is_finite() { temperature.max(0.0) } else { 0.0 };
        let rule_words = draw::rule_words(&draw::Rule { n_top, temperature, top_k, top_p, min_p, seed, stop_ids });
        self.gpu.write_u32(&pass.rule, 0, &rule_words)?;
        self.gpu.write_u32(&pass.tokens, 0, &[after])?;
        self.gpu.write_u32(&pass.state, 0, &[pos as u32, 1, 0, 0])?;
        let burst = self.drawing.burst.max(1);
        self.drawing = Drawing { rule: Some(rule.clone()), next: (after, pos), burst, ..Drawing::default() };
        Ok(())
    }

    fn record(&self, rows: usize, head: &Rc<Head>) -> Result<Pass, GpuError> {
        let words = |name: &str, shape: &[usize]| self.gpu.create(name, shape, Layout::U32);
        let (tokens, places) = (words("tokens", &[rows])?, words("places", &[rows, 4])?);
        let mut rec = Recording::suiting(&self.gpu);
        let x = self.decoder.forward(&mut rec, &tokens, &places, &self.state);
        rec.keep(&x);
        let prepared = prepare(&self.gpu, &rec)?;
        let taken = words("taken", &[head.rows.rows()])?;
        let mut rec = Recording::suiting(&self.gpu);
        take_rows::record(&mut rec, &x, &taken, &head.rows);
        let take = prepare(&self.gpu, &rec)?;
        Ok(Pass { rows, tokens, places, prepared, taken, take, head: Rc::clone(head) })
    }

    fn record_head(&self, n_rows: usize) -> Result<Head, GpuError> {
        let rows = self.gpu.create("head_rows", &[n_rows, self.decoder.spec.n_embd], Layout::F32)?;
        let pairs = self.gpu.create("pairs", &[PAIRS, 2], Layout::U32)?;
        let mut rec = Recording::suiting(&self.gpu);
        let logits = self.decoder.head(&mut rec, &rows, &self.head_state);
        let logprobs = target_logprobs::record(&mut rec, &logits, &pairs, &self.head_state);
        rec.keep(&logits);
        rec.keep(&logprobs);
        Ok(Head { rows, pairs, prepared: prepare(&self.gpu, &rec)?, logits, logprobs })
    }

    /// Wall time of one step of what `submit` does `steps` times, in milliseconds, from enough steps to tell.
    async fn time(
        &self,
        control: &Control<'_>,
        submit: &dyn Fn(u32) -> Result<(), GpuError>,
    ) -> Result<f64, EngineError> {
        // Once before the clock starts: pipelines and caches.
        submit(1)?;
        self.gpu.finish().await?;
        let mut steps = 1;
        loop {
            if control.cancel.is_cancelled() {
                return Err(EngineError::Cancelled);
            }
            let started = (control.now)();
            submit(steps)?;
            self.gpu.finish().await?;
            let millis = (control.now)() - started;
            if millis >= TIMED_MILLIS || steps >= MAX_TIMED_STEPS {
                return Ok(millis / f64::from(steps));
            }
            steps *= 4;
        }
    }

    /// The products of whole pieces, timed without what stands between them.
    async fn best_gemm(&self, control: &Control<'_>) -> Result<Option<Gemm>, EngineError> {
        let values = |tensors: &[&Tensor]| tensors.iter().map(|tensor| tensor.len()).sum::<usize>() as f64;
        let of_layer = |l: &LayerWeights| values(&[&l.attn_qkv, &l.attn_output, &l.ffn_gate_up, &l.ffn_down]);
        let flops_a_row = 2.0 * self.decoder.weights.layers.iter().map(of_layer).sum::<f64>();
        let flops_of_head = 2.0 * values(&[&self.decoder.weights.output]);
        let mut best: Option<Gemm> = None;
        // Its own, so that a measurement leaves no memory behind.
        let head = Rc::new(self.record_head(1)?);
        for rows in GEMM_ROWS {
            let pass = self.record(rows, &head)?;
            self.gpu.write_u32(&self.state, 0, &[0, rows as u32, 0, 0])?;
            let mut millis = 0.0;
            for (name, _) in pass.prepared.kernels() {
                if name.starts_with("matmul") {
                    let again = |steps| self.gpu.submit_kernel(&pass.prepared, name, steps);
                    millis += self.time(control, &again).await?;
                }
            }
            let flops_per_second = flops_a_row * rows as f64 / millis.max(1e-6) * 1e3;
            if millis > 0.0 && best.is_none_or(|best| best.flops_per_second < flops_per_second) {
                best = Some(Gemm { flops_per_second, rows: rows as u32, flops_a_row, flops_of_head });
            }
            (control.breathe)().await;
        }
        Ok(best)
    }

    fn record_taps(&self, rows: usize, is_each: bool) -> Result<TapPass, GpuError> {
        let words = |name: &str, shape: &[usize]| self.gpu.create(name, shape, Layout::U32);
        let (tokens, places) = (words("tap_tokens", &[rows])?, words("tap_places", &[rows, 4])?);
        let n_kept = if is_each { rows } else { 1 };
        let weights = self.gpu.create("tap_weights", &[n_kept, rows], Layout::F32)?;
        if is_each {
            let identity: Vec<f32> = (0..rows * rows).map(|i| f32::from(i % (rows + 1) == 0)).collect();
            self.gpu.write_f32(&weights, 0, &identity)?;
        }
        let spec = &self.decoder.spec;
        let pooled = self.gpu.create("pooled", &[(spec.n_layers + 1) * n_kept, spec.n_embd], Layout::F32)?;
        let mut rec = Recording::suiting(&self.gpu);
        self.decoder.forward_with(&mut rec, &tokens, &places, &self.state, &mut |rec, layer, x| {
            pool_rows::record(rec, x, &weights, &pooled, layer * n_kept, &self.state);
        });
        let prepared = prepare(&self.gpu, &rec)?;
        Ok(TapPass { rows, tokens, places, is_each, weights, pooled, prepared })
    }

    /// The pass for the next piece of `n` rows: the one that holds them all, or the largest that is not too slow.
    fn pass_for(&mut self, n: usize) -> Result<usize, GpuError> {
        let quick = |rows: usize| rows <= 8 || rows as f64 * self.millis_a_row <= PIECE_MILLIS;
        let most = ROWS.into_iter().rev().find(|&rows| quick(rows)).unwrap_or(1);
        let rows = ROWS.into_iter().find(|&rows| rows >= n.min(most)).unwrap_or(most);
        if let Some(index) = self.passes.iter().position(|pass| pass.rows == rows) {
            return Ok(index);
        }
        // Passes of several rows share a head, so that what is asked of it may come from pieces of any length.
        let n_head = if rows == 1 { 1 } else { HEAD_ROWS };
        let head = match self.passes.iter().find(|pass| pass.head.rows.rows() == n_head) {
            Some(pass) => Rc::clone(&pass.head),
            None => Rc::new(self.record_head(n_head)?),
        };
        self.passes.push(self.record(rows, &head)?);
        Ok(self.passes.len() - 1)
    }

    /// Gives the device one piece: at most the pass's rows, into cache slots `slot` on.
    fn submit_piece(&self, pass: &Pass, slot: usize, rows: &[Row]) -> Result<(), GpuError> {
        let tokens: Vec<u32> = rows.iter().map(|row| row.token).collect();
        let places: Vec<u32> = rows.iter().flat_map(|row| row.place).collect();
        self.gpu.write_u32(&self.state, 0, &[slot as u32, rows.len() as u32, 0, 0])?;
        self.gpu.write_u32(&pass.tokens, 0, &tokens)?;
        self.gpu.write_u32(&pass.places, 0, &places)?;
        self.gpu.submit(&pass.prepared, 1)
    }

    /// Leaves rows of the piece just read for the head, from its row `first` on.
    fn submit_take(&self, pass: &Pass, first: usize, rows: &[u32]) -> Result<(), GpuError> {
        let mut taken = vec![u32::MAX; pass.taken.len()];
        for (place, row) in taken.iter_mut().skip(first).zip(rows) {
            *place = *row;
        }
        self.gpu.write_u32(&pass.taken, 0, &taken)?;
        self.gpu.submit(&pass.take, 1)
    }

    /// Asks for logits of the rows left for the head, and log-probabilities of pairs of one of these and a token.
    fn submit_head(&self, head: &Head, n_rows: usize, pairs: &[[u32; 2]]) -> Result<Readback, GpuError> {
        let mut all = [[u32::MAX, 0]; PAIRS];
        for (place, pair) in all.iter_mut().zip(pairs) {
            *place = *pair;
        }
        self.gpu.write_u32(&self.head_state, 0, &[0, n_rows as u32, 0, 0])?;
        self.gpu.write_u32(&head.pairs, 0, all.as_flattened())?;
        self.gpu.submit_and_read(&head.prepared, 1, &head.logprobs, 0..2 * PAIRS)
    }

    /// Learns how long a row takes.
    fn note_time(&mut self, rows: usize, millis: f64) {
        if millis > 0.0 && rows > 1 {
            self.millis_a_row = millis / rows as f64;
        }
    }

    /// Reads rows into cache slots `slot` on and adds the log-probabilities of their targets to `sums`.
    async fn read_rows(
        &mut self,
        slot: usize,
        rows: &[Row],
        sums: &mut [f64],
        control: &Control<'_>,
    ) -> Result<(), EngineError> {
        let mut in_flight: VecDeque<(Readback, Vec<usize>)> = VecDeque::new();
        let (mut done, mut unwaited, mut asked) = (0, 0, Asked::default());
        while done < rows.len() || !in_flight.is_empty() {
            if control.cancel.is_cancelled() {
                return Err(EngineError::Cancelled);
            }
            if done == rows.len() || in_flight.len() >= MAX_PIECES {
                let Some((readback, places)) = in_flight.pop_front() else { break };
                let words = self.gpu.take(readback).await?;
                for (pair, place) in words.chunks_exact(2).zip(places) {
                    let logprob = f64::from(f32::from_bits(pair.first().copied().unwrap_or(f32::NAN.to_bits())));
                    if let Some(sum) = sums.get_mut(place) {
                        *sum += logprob;
                    }
                }
                (control.breathe)().await;
                continue;
            }
            let started = (control.now)();
            let rest = rows.get(done..).unwrap_or_default();
            // The pass of one row sees all of the cache before it, other branches too, and has a head of its own.
            let index = self.pass_for(rest.len().max(2))?;
            let Some(pass) = self.passes.get(index) else { return Err(EngineError::EmptyInput) };
            let piece = rest.get(..pass.rows.min(rest.len())).unwrap_or_default();
            self.submit_piece(pass, slot + done, piece)?;
            done += piece.len();
            // The head reads all of its weights for however few rows: it waits until they are as many as it takes.
            let (mut first, mut taken) = (asked.n_rows, Vec::new());
            for (place, row) in piece.iter().enumerate() {
                let mut is_taken = false;
                for &(token, sum) in &row.targets {
                    let is_full = asked.pairs.len() == PAIRS || !is_taken && asked.n_rows == pass.head.rows.rows();
                    if is_full {
                        self.submit_take(pass, first, &taken)?;
                        let Asked { n_rows, pairs, sums } = std::mem::take(&mut asked);
                        in_flight.push_back((self.submit_head(&pass.head, n_rows, &pairs)?, sums));
                        (first, is_taken) = (0, false);
                        taken.clear();
                    }
                    if !is_taken {
                        taken.push(place as u32);
                        asked.n_rows += 1;
                        is_taken = true;
                    }
                    asked.pairs.push([asked.n_rows as u32 - 1, token]);
                    asked.sums.push(sum);
                }
            }
            if !taken.is_empty() {
                self.submit_take(pass, first, &taken)?;
            }
            if done == rows.len() && asked.n_rows > 0 {
                let Asked { n_rows, pairs, sums } = std::mem::take(&mut asked);
                in_flight.push_back((self.submit_head(&pass.head, n_rows, &pairs)?, sums));
            }
            let n_read = piece.len();
            unwaited += 1;
            // The first piece is waited for, so that the next ones are as long as they should be; the others so that a
            // cancel is heard where nothing is asked of many pieces.
            if self.millis_a_row == 0.0 || unwaited >= MAX_PIECES {
                let first = self.millis_a_row == 0.0;
                self.gpu.finish().await?;
                unwaited = 0;
                if first {
                    self.note_time(n_read, (control.now)() - started);
                }
                (control.breathe)().await;
            }
        }
        Ok(())
    }

    fn check(&self, tokens: &[u32], pos: usize) -> Result<(), EngineError> {
        check_tokens(tokens, pos, self.decoder.spec.n_vocab, self.decoder.cache.capacity)
    }
}

/// The place of a row of a text that stands alone: it sees all before it.
const PLAIN: [u32; 4] = [0; 4];

/// A row of a text that stands alone.
fn plain_row(token: u32, targets: Vec<(u32, usize)>) -> Row {
    Row { token, place: PLAIN, targets }
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

    async fn token_cost(&mut self, control: &Control<'_>) -> Result<Option<TokenCost>, EngineError> {
        let context = TIMED_CONTEXT.min(self.decoder.cache.capacity / 2);
        let rule = DrawRule { sampling: Sampling::GREEDY, seed: 0, n_top: 0, stop_ids: Vec::new() };
        self.begin_drawing(0, context, &rule)?;
        self.drawing.rule = None;
        let Some(pass) = &self.draw else { return Ok(None) };
        let mut kernels = Vec::new();
        for (name, dispatches) in pass.prepared.kernels() {
            let again = |steps| {
                // Drawing steps on: every measurement begins at the same position.
                self.gpu.write_u32(&pass.state, 0, &[context as u32, 1, 0, 0])?;
                self.gpu.submit_kernel(&pass.prepared, name, steps)
            };
            let millis = self.time(control, &again).await?;
            kernels.push(KernelTime { name: name.to_owned(), dispatches, millis });
            (control.breathe)().await;
        }
        let copy = self.gpu.copier(TIMED_COPY_BYTES)?;
        let millis = self.time(control, &copy).await?;
        drop(copy);
        let gemm = self.best_gemm(control).await?;
        Ok(Some(TokenCost {
            copy_bytes_per_second: 2e3 * TIMED_COPY_BYTES as f64 / millis.max(1e-6),
            weight_bytes: self.weight_bytes(),
            context: context as u32,
            kernels,
            gemm,
        }))
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
            let started = (control.now)();
            let rest = tokens.get(done..).unwrap_or_default();
            let index = self.pass_for(rest.len())?;
            let Some(pass) = self.passes.get(index) else { return Err(EngineError::EmptyInput) };
            let piece: Vec<Row> = rest.iter().take(pass.rows).map(|&token| plain_row(token, Vec::new())).collect();
            self.submit_piece(pass, pos + done, &piece)?;
            done += piece.len();
            if done >= tokens.len() {
                self.submit_take(pass, 0, &[piece.len() as u32 - 1])?;
                self.submit_head(&pass.head, 1, &[])?;
                let logits = self.gpu.read_f32(&pass.head.logits, 0..self.n_vocab()).await?;
                progress(done);
                return Ok(logits);
            }
            // Waiting for each piece keeps progress honest and lets a cancel arrive.
            self.gpu.finish().await?;
            self.note_time(piece.len(), (control.now)() - started);
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
        if n_top == 0 {
            let targets = targets.iter().enumerate().map(|(index, &target)| vec![(target, index)]);
            let rows: Vec<Row> =
                tokens.iter().zip(targets).map(|(&token, targets)| plain_row(token, targets)).collect();
            let mut sums = vec![0.0; rows.len()];
            self.read_rows(pos, &rows, &mut sums, control).await?;
            return Ok(sums.into_iter().map(|logprob| TargetLogprob { logprob, top: Vec::new() }).collect());
        }
        let n_vocab = self.n_vocab();
        let mut scored = Vec::with_capacity(tokens.len());
        while scored.len() < tokens.len() {
            if control.cancel.is_cancelled() {
                return Err(EngineError::Cancelled);
            }
            let done = scored.len();
            let rest = tokens.get(done..).unwrap_or_default();
            let index = self.pass_for(rest.len().min(HEAD_ROWS))?;
            let Some(pass) = self.passes.get(index) else { return Err(EngineError::EmptyInput) };
            let n = pass.head.rows.rows().min(pass.rows).min(rest.len());
            let piece: Vec<Row> = rest.iter().take(n).map(|&token| plain_row(token, Vec::new())).collect();
            self.submit_piece(pass, pos + done, &piece)?;
            let taken: Vec<u32> = (0..n as u32).collect();
            self.submit_take(pass, 0, &taken)?;
            self.submit_head(&pass.head, n, &[])?;
            let logits = self.gpu.read_f32(&pass.head.logits, 0..n * n_vocab).await?;
            for (logits, &target) in logits.chunks_exact(n_vocab).zip(targets.get(done..).unwrap_or_default()) {
                scored.push(TargetLogprob::of(logits, target, n_top)?);
            }
            (control.breathe)().await;
        }
        Ok(scored)
    }

    fn steer(&mut self, steering: &[Steering]) -> Result<(), EngineError> {
        let spec = &self.decoder.spec;
        let sums = steering_sums(steering, spec.n_layers, spec.n_embd);
        let wanted = sums.as_ref().map_or_else(|_| BTreeMap::new(), Clone::clone);
        if !wanted.keys().eq(self.decoder.steering.keys()) {
            // What was recorded for other layers cannot be used.
            self.decoder.steering.clear();
            self.passes.clear();
            self.taps.clear();
            self.draw = None;
            for &layer in wanted.keys() {
                let vector = self.gpu.create("steering", &[self.decoder.spec.n_embd], Layout::F32)?;
                self.decoder.steering.insert(layer, vector);
            }
        }
        self.drawing = Drawing::default();
        for (vector, sum) in self.decoder.steering.values().zip(wanted.values()) {
            self.gpu.write_f32(vector, 0, sum)?;
        }
        sums.map(|_| ())
    }

    async fn hidden_states(
        &mut self,
        tokens: &[u32],
        gather: Gather<'_>,
        control: &Control<'_>,
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        self.check(tokens, 0)?;
        self.drawing.rule = None;
        let n_embd = self.decoder.spec.n_embd;
        let mut gathered = vec![Vec::new(); self.decoder.spec.n_layers + 1];
        let is_each = matches!(gather, Gather::Each(_));
        let mut done = 0;
        while done < tokens.len() {
            if control.cancel.is_cancelled() {
                return Err(EngineError::Cancelled);
            }
            let left = tokens.len() - done;
            let wanted = TAP_ROWS.into_iter().find(|&rows| rows >= left).unwrap_or(TAP_ROWS[TAP_ROWS.len() - 1]);
            let known = self.taps.iter().position(|tap| tap.rows == wanted && tap.is_each == is_each);
            let index = known.unwrap_or(self.taps.len());
            if known.is_none() {
                self.taps.push(self.record_taps(wanted, is_each)?);
            }
            let Some(tap) = self.taps.get(index) else { return Err(EngineError::EmptyInput) };
            let n = left.min(wanted);
            self.gpu.write_u32(&self.state, 0, &[done as u32, n as u32, 0, 0])?;
            self.gpu.write_u32(&tap.tokens, 0, tokens.get(done..done + n).unwrap_or_default())?;
            self.gpu.write_u32(&tap.places, 0, &vec![0; 4 * n])?;
            if let Gather::Sum(weights) = gather {
                self.gpu.write_f32(&tap.weights, 0, weights.get(done..done + n).unwrap_or_default())?;
            }
            self.gpu.submit(&tap.prepared, 1)?;
            let pooled = self.gpu.read_f32(&tap.pooled, 0..tap.pooled.len()).await?;
            for (gathered, rows) in
                gathered.iter_mut().zip(pooled.chunks_exact(tap.pooled.len() / (self.decoder.spec.n_layers + 1)))
            {
                match gather {
                    // Summed on the device already.
                    Gather::Sum(_) => Gather::Sum(&[1.0]).take(gathered, rows, 0, n_embd),
                    Gather::Each(_) => {
                        gather.take(gathered, rows.get(..n * n_embd).unwrap_or_default(), done, n_embd);
                    }
                }
            }
            done += n;
            (control.breathe)().await;
        }
        Ok(gathered)
    }

    fn scores_together(&self) -> bool {
        true
    }

    async fn score_trunks(
        &mut self,
        pos: usize,
        trunks: &[Trunk<'_>],
        control: &Control<'_>,
    ) -> Result<Vec<Vec<f64>>, EngineError> {
        self.drawing.rule = None;
        let n_rows = trunks.iter().map(Trunk::n_rows).sum::<usize>();
        if trunks.iter().any(|trunk| trunk.tokens.is_empty() || trunk.options.iter().any(Vec::is_empty)) {
            return Err(EngineError::EmptyInput);
        }
        check_end(pos + n_rows, self.decoder.cache.capacity)?;
        let mut rows = Vec::with_capacity(n_rows);
        let mut n_sums = 0;
        for trunk in trunks {
            let start = (pos + rows.len()) as u32;
            let shared = pos as u32;
            let end = start + trunk.tokens.len() as u32;
            rows.extend(trunk.tokens.iter().map(|&token| Row {
                token,
                place: [shared, start, start, start],
                targets: Vec::new(),
            }));
            if let Some(last) = rows.last_mut() {
                let firsts = trunk.options.iter().enumerate();
                last.targets = firsts.filter_map(|(i, option)| Some((*option.first()?, n_sums + i))).collect();
            }
            for (index, option) in trunk.options.iter().enumerate() {
                let branch = (pos + rows.len()) as u32;
                rows.extend(option.windows(2).filter_map(|pair| {
                    let &[token, target] = pair else { return None };
                    let targets = vec![(target, n_sums + index)];
                    Some(Row { token, place: [shared, start, end, branch], targets })
                }));
            }
            n_sums += trunk.options.len();
        }
        let mut sums = vec![0.0; n_sums];
        self.read_rows(pos, &rows, &mut sums, control).await?;
        let mut rest = sums.into_iter();
        Ok(trunks.iter().map(|trunk| rest.by_ref().take(trunk.options.len()).collect()).collect())
    }

    fn can_draw(&self, rule: &DrawRule) -> bool {
        rule.sampling.repetition_penalty == 1.0 && rule.n_top <= MAX_TOP && rule.stop_ids.len() <= MAX_STOP
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
