//! How fast this device reads, writes and scores, measured through the engine that runs use, in a bounded time.

use std::cell::Cell;

use serde::{Deserialize, Serialize};

use super::engine::{Control, Engine, EngineError, EngineInfo, Prompt, Request, Response, Sampling, TokenCost, Work};

/// Milliseconds that one part of the measurement aims at; a device too slow for it takes longer, never less work
/// than the least that says anything.
const PART_MILLIS: f64 = 4_000.0;
const MIN_PREFILL: u32 = 32;
const MAX_PREFILL: u32 = 512;
const MIN_DECODED: u32 = 4;
const MAX_DECODED: u32 = 96;

/// One quantity: how many, in how long.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// How many tokens or prompts.
    pub n: u32,
    /// Wall time in milliseconds.
    pub millis: f64,
}

impl Rate {
    /// A second's worth.
    pub fn per_second(&self) -> f64 {
        f64::from(self.n) / self.millis.max(1e-3) * 1e3
    }
}

/// What was measured, with everything needed to repeat it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// What ran where.
    pub engine: EngineInfo,
    /// Tokens of a prompt, read at once.
    pub prefill: Rate,
    /// Tokens written one after another, greedily.
    pub decode: Rate,
    /// Forty prompts of 118 tokens with four options each that share 90, asked for in one batch.
    pub score: Rate,
    /// How many of them were timed; the time of the others is reckoned from theirs.
    #[serde(default)]
    pub score_timed: u32,
    /// Work that the device was given while decoding, where the backend counts it; divide by `decode.n`.
    pub decode_work: Option<Work>,
    /// Where the time of a token goes, where the backend can tell.
    #[serde(default)]
    pub token_cost: Option<TokenCost>,
    /// Version of this application.
    pub app_version: String,
}

impl Measures {
    /// Products of matrices a second while scoring, as a share of the most that was measured here; `None` where the
    /// backend does not tell.
    pub fn score_share(&self) -> Option<f64> {
        let gemm = self.token_cost.as_ref()?.gemm?;
        let flops = scored_tokens() * gemm.flops_a_row + gemm.flops_of_head;
        Some(flops * self.score.per_second() / gemm.flops_per_second)
    }
}

/// How long a batch took.
struct Scored {
    shared_millis: f64,
    each_millis: f64,
}

/// The measurement's parts, for a progress line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Reading a prompt.
    Prefill,
    /// Writing.
    Decode,
    /// Scoring options.
    Score,
    /// Single kernels and copies, where the backend has them.
    Kernels,
}

/// `n` token ids that every vocabulary has; different `first` share nothing from their beginning on.
fn tokens(n: u32, first: u32) -> Vec<u32> {
    (0..n).map(|i| 3 + (first * 31 + i * 7 + i * i % 13) % 97).collect()
}

/// Prompts that share their beginning, each with words of its own and four options of about one token: what a benchmark
/// with one instruction asks, and what other engines were timed with.
const SCORED: u32 = 40;
/// Tokens that they share.
const SHARED: u32 = 90;
/// Tokens of each alone.
const OWN: u32 = 28;
/// Fewest that are timed.
const MIN_SCORED: u32 = 4;

/// The `i`th prompt after a beginning.
fn question(shared: &[u32], i: u32) -> Request {
    let prompt = Prompt::Tokens(shared.iter().copied().chain(tokens(OWN, 1000 + i)).collect());
    Request::Choose { prompt, options: [" A", " B", " C", " D"].map(str::to_owned).to_vec() }
}

/// Tokens that are read for a scored prompt, the shared ones among all.
pub fn scored_tokens() -> f64 {
    f64::from(OWN) + f64::from(SHARED) / f64::from(SCORED)
}

fn scaled(measured: Rate, least: u32, most: u32) -> u32 {
    ((measured.per_second() * PART_MILLIS / 1e3) as u32).clamp(least, most)
}

/// Measures an engine; `tell` hears which part begins.
///
/// # Errors
/// Those of the engine; [`EngineError::Backend`] if it wrote nothing.
pub async fn measure<E: Engine>(
    engine: &mut E,
    control: &Control<'_>,
    tell: &dyn Fn(Part),
) -> Result<Measures, EngineError> {
    let capacity = engine.info().context_length;
    let seed = Cell::new(0);
    let fresh = |n: u32| {
        seed.set(seed.get() + 1);
        tokens(n, seed.get())
    };
    tell(Part::Prefill);
    let read = async |engine: &mut E, prompt: Vec<u32>| {
        let n = prompt.len() as u32;
        let started = (control.now)();
        ask(engine, vec![Request::Next { prompt: Prompt::Tokens(prompt), n_top: 1 }], control).await?;
        Ok::<Rate, EngineError>(Rate { n, millis: (control.now)() - started })
    };
    let most = MAX_PREFILL.min(capacity / 2).max(1);
    let least = MIN_PREFILL.min(most);
    // The first pass of a size compiles and prepares.
    read(engine, fresh(least)).await?;
    let first = read(engine, fresh(least)).await?;
    let n = scaled(first, least, most);
    let prefill = if n > least {
        read(engine, fresh(n)).await?;
        read(engine, fresh(n)).await?
    } else {
        first
    };

    tell(Part::Decode);
    let room = capacity.saturating_sub(least).max(1);
    let first = write(engine, fresh(least), MIN_DECODED.min(room), control).await?;
    let n = scaled(first.0, MIN_DECODED, MAX_DECODED).min(room);
    let (decode, decode_work) = write(engine, fresh(least), n, control).await?;

    tell(Part::Score);
    let score = async |engine: &mut E, n: u32| {
        let shared = fresh(SHARED.min(capacity / 4));
        let started = (control.now)();
        ask(engine, vec![Request::Next { prompt: Prompt::Tokens(shared.clone()), n_top: 1 }], control).await?;
        let read = (control.now)();
        ask(engine, (0..n).map(|i| question(&shared, i)).collect(), control).await?;
        let each = ((control.now)() - read) / f64::from(n);
        Ok::<Scored, EngineError>(Scored { shared_millis: read - started, each_millis: each })
    };
    score(engine, 1).await?;
    let first = score(engine, MIN_SCORED).await?;
    let n = scaled(Rate { n: 1, millis: first.each_millis }, MIN_SCORED, SCORED);
    let scored = if n > MIN_SCORED { score(engine, n).await? } else { first };
    let millis = scored.shared_millis + scored.each_millis * f64::from(SCORED);
    let score = Rate { n: SCORED, millis };
    tell(Part::Kernels);
    let token_cost = engine.token_cost(control).await?;
    Ok(Measures {
        engine: engine.info().clone(),
        prefill,
        decode,
        score,
        score_timed: n,
        decode_work,
        token_cost,
        app_version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

async fn ask<E: Engine>(
    engine: &mut E,
    requests: Vec<Request>,
    control: &Control<'_>,
) -> Result<Vec<Response>, EngineError> {
    engine.respond(&requests, control).await.into_iter().collect()
}

/// Reads a prompt, then writes `n` tokens after it and counts only those.
async fn write<E: Engine>(
    engine: &mut E,
    prompt: Vec<u32>,
    n: u32,
    control: &Control<'_>,
) -> Result<(Rate, Option<Work>), EngineError> {
    let request = |limit| Request::Generate {
        prompt: Prompt::Tokens(prompt.clone()),
        sampling: Sampling::GREEDY,
        seed: 1,
        limit,
        stop: Vec::new(),
        allowed: Vec::new(),
        n_top: 0,
    };
    // The first token comes with the prompt: it is read before the clock starts.
    ask(engine, vec![request(1)], control).await?;
    let before = engine.work();
    let started = (control.now)();
    let answers = ask(engine, vec![request(n + 1)], control).await?;
    let millis = (control.now)() - started;
    let work = engine.work().zip(before).map(|(after, before)| after.since(&before));
    let written = match answers.first() {
        Some(Response::Text { tokens, .. }) => tokens.len().saturating_sub(1) as u32,
        _ => 0,
    };
    if written == 0 {
        let detail = "the model ended its answer at once, so nothing could be timed".to_owned();
        return Err(EngineError::Backend { detail });
    }
    Ok((Rate { n: written, millis }, work))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::engine::{Finish, TokenStep};
    use crate::eval::scripted::{ScriptedEngine, choice};

    fn clock() -> f64 {
        thread_local!(static NOW: Cell<f64> = const { Cell::new(0.0) });
        // Every look at the clock finds it 500 ms later.
        NOW.with(|now| {
            now.set(now.get() + 500.0);
            now.get()
        })
    }

    #[test]
    fn rates_are_counts_over_time_and_work_fits_the_time() {
        let mut engine = ScriptedEngine::new(|request| match request {
            Request::Choose { .. } => Ok(choice(&[-1.0, -2.0, -3.0, -4.0])),
            Request::Generate { limit, .. } => {
                let step = TokenStep { id: 1, text: "a".into(), logprob: -1.0, top: Vec::new() };
                Ok(Response::Text {
                    text: String::new(),
                    tokens: vec![step; *limit as usize],
                    finish: Finish::Limit,
                    n_prompt_tokens: 32,
                    millis: 1.0,
                })
            }
            _ => Ok(Response::Next { n_prompt_tokens: 1, top: Vec::new(), millis: 1.0 }),
        });
        let control = Control { now: clock, ..Control::quiet() };
        let parts = std::cell::RefCell::new(Vec::new());
        let measures =
            pollster::block_on(measure(&mut engine, &control, &|part| parts.borrow_mut().push(part))).unwrap();
        assert_eq!(*parts.borrow(), [Part::Prefill, Part::Decode, Part::Score, Part::Kernels]);
        // 32 tokens in half a second are 64 a second, so four seconds hold 256.
        assert_eq!(measures.prefill, Rate { n: 256, millis: 500.0 });
        assert_eq!(measures.decode, Rate { n: 32, millis: 500.0 });
        // Four prompts in half a second are eight a second, so four seconds hold 32; the beginning takes half a second,
        // and forty take 40 / 32 of the other half.
        assert_eq!((measures.score, measures.score_timed), (Rate { n: 40, millis: 1125.0 }, 32));
        assert_eq!(measures.decode.per_second(), 64.0);
        assert_eq!(measures.decode_work, None);
    }

    #[test]
    fn a_model_that_writes_nothing_is_an_error_and_no_rate() {
        let mut engine = ScriptedEngine::new(|request| match request {
            Request::Generate { .. } => Ok(Response::Text {
                text: String::new(),
                tokens: Vec::new(),
                finish: Finish::EndOfTurn,
                n_prompt_tokens: 32,
                millis: 1.0,
            }),
            _ => Ok(Response::Next { n_prompt_tokens: 1, top: Vec::new(), millis: 1.0 }),
        });
        let outcome = pollster::block_on(measure(&mut engine, &Control::quiet(), &|_| {}));
        assert!(matches!(outcome, Err(EngineError::Backend { .. })));
    }
}
