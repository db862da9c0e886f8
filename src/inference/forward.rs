//! The one thing a backend must do: read tokens and say how probable the next ones are. Everything above it
//! (generation, option scoring, prefix reuse) is written once, in [`super::language_model`].

use std::collections::BTreeMap;

use crate::eval::engine::{Control, EngineError, Sampling, Steering, TokenCost, Work};
use crate::formats::FormatError;
use crate::formats::gguf::GgufHeader;
use crate::formats::source::ByteSource;
use crate::models::names::NameTable;
use crate::models::spec::DecoderSpec;

use super::sampler::{log_sum_exp, top};

/// The probability of one given token, and the most probable ones in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetLogprob {
    /// Natural log-probability of the target.
    pub logprob: f64,
    /// Most probable tokens, best first, as id and natural log-probability.
    pub top: Vec<(u32, f64)>,
}

/// A token that the backend drew itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// Vocabulary id.
    pub id: u32,
    /// Its natural log-probability and the most probable tokens in its place.
    pub score: TargetLogprob,
}

/// How a backend draws tokens itself.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawRule {
    /// How the next token is drawn.
    pub sampling: Sampling,
    /// Seed of what is drawn.
    pub seed: u64,
    /// How many alternatives to report for each token.
    pub n_top: usize,
    /// Tokens after which nothing more is to be read.
    pub stop_ids: Vec<u32>,
}

impl TargetLogprob {
    /// Of `target` under `logits`: (`n_vocab`), with the `n_top` best tokens (lowest id first on a tie).
    ///
    /// # Errors
    /// [`EngineError::NotANumber`]; [`EngineError::Tokenize`] for a target outside of the vocabulary.
    pub fn of(logits: &[f32], target: u32, n_top: usize) -> Result<Self, EngineError> {
        let norm = log_sum_exp(logits)?;
        let Some(&logit) = logits.get(target as usize) else {
            return Err(EngineError::Tokenize { detail: format!("the vocabulary has no token {target}") });
        };
        let top = top(logits, n_top).into_iter().map(|(id, logit)| (id, f64::from(logit) - norm)).collect();
        Ok(Self { logprob: f64::from(logit) - norm, top })
    }
}

/// Refuses what no backend can read at `pos..`: nothing, more than fits, or ids that the vocabulary lacks. A device
/// would read past its tables without a word.
///
/// # Errors
/// [`EngineError::EmptyInput`], [`EngineError::ContextTooLong`], [`EngineError::Tokenize`].
pub(super) fn check_tokens(
    tokens: &[u32],
    pos: usize,
    n_vocab: usize,
    context_length: usize,
) -> Result<(), EngineError> {
    if tokens.is_empty() {
        return Err(EngineError::EmptyInput);
    }
    check_end(pos + tokens.len(), context_length)?;
    match tokens.iter().find(|&&id| id as usize >= n_vocab) {
        Some(id) => Err(EngineError::Tokenize { detail: format!("the vocabulary has no token {id}") }),
        None => Ok(()),
    }
}

/// Refuses a text that ends past the context.
///
/// # Errors
/// [`EngineError::ContextTooLong`].
pub(super) fn check_end(end: usize, context_length: usize) -> Result<(), EngineError> {
    let as_u32 = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    if end > context_length {
        return Err(EngineError::ContextTooLong { n_tokens: as_u32(end), context_length: as_u32(context_length) });
    }
    Ok(())
}

/// What is kept of the hidden states of a text.
#[derive(Debug, Clone, Copy)]
pub enum Gather<'a> {
    /// The sum over tokens of a token's state times its weight: one vector a layer.
    Sum(&'a [f32]),
    /// The states of the tokens from this one on, one after another.
    Each(usize),
}

impl Gather<'_> {
    /// Adds to what was gathered of a layer the states `rows`: (T, `n_embd`) of the tokens from `first` on.
    pub(super) fn take(self, gathered: &mut Vec<f32>, rows: &[f32], first: usize, n_embd: usize) {
        match self {
            Self::Sum(weights) => {
                gathered.resize(n_embd, 0.0);
                for (row, &weight) in rows.chunks_exact(n_embd.max(1)).zip(weights.iter().skip(first)) {
                    if weight != 0.0 {
                        for (sum, value) in gathered.iter_mut().zip(row) {
                            *sum += weight * value;
                        }
                    }
                }
            }
            Self::Each(from) => {
                let skipped = from.saturating_sub(first) * n_embd;
                gathered.extend_from_slice(rows.get(skipped..).unwrap_or_default());
            }
        }
    }
}

/// What is added to the residual stream, by layer: vectors times their strength, those of one layer summed.
///
/// # Errors
/// [`EngineError::Backend`] for a layer or a length that the model does not have, and for values that are not finite.
pub(super) fn steering_sums(
    steering: &[Steering],
    n_layers: usize,
    n_embd: usize,
) -> Result<BTreeMap<usize, Vec<f32>>, EngineError> {
    let mut sums: BTreeMap<usize, Vec<f32>> = BTreeMap::new();
    for Steering { layer, vector, strength } in steering {
        let wrong = |detail: String| Err(EngineError::Backend { detail });
        if *layer as usize > n_layers {
            return wrong(format!("there is no layer {layer} to steer at; the last is {n_layers}"));
        }
        if vector.len() != n_embd {
            return wrong(format!("a steering vector has {} values and the model's states {n_embd}", vector.len()));
        }
        if !strength.is_finite() || vector.iter().any(|value| !(value * strength).is_finite()) {
            return wrong("a steering vector or its strength is not finite".to_owned());
        }
        let sum = sums.entry(*layer as usize).or_insert_with(|| vec![0.0; n_embd]);
        for (sum, value) in sum.iter_mut().zip(vector) {
            *sum += value * strength;
        }
    }
    Ok(sums)
}

/// A prompt and the texts that are scored as its continuation.
#[derive(Debug, Clone, Copy)]
pub struct Trunk<'a> {
    /// What follows the shared beginning; not empty.
    pub tokens: &'a [u32],
    /// Each not empty.
    pub options: &'a [Vec<u32>],
}

impl Trunk<'_> {
    /// Rows of the cache that it takes: the last token of an option is not read.
    pub fn n_rows(&self) -> usize {
        self.tokens.len() + self.options.iter().map(|option| option.len().saturating_sub(1)).sum::<usize>()
    }
}

/// A decoder with a key-value cache of one sequence.
///
/// Reading at position `pos` keeps cache entries `0..pos` and overwrites the rest, so a shared prefix is read
/// once and every option is read after it.
#[expect(async_fn_in_trait, reason = "used as a generic parameter on one thread only")]
pub trait Forward {
    /// Size of the vocabulary.
    fn n_vocab(&self) -> usize;

    /// Most positions the cache holds.
    fn context_length(&self) -> usize;

    /// Reads `tokens` at positions `pos..pos + tokens.len()` and returns the logits after the last one
    /// (`n_vocab` values). `progress` hears how many tokens were read.
    async fn next_logits(
        &mut self,
        tokens: &[u32],
        pos: usize,
        control: &Control<'_>,
        progress: &dyn Fn(usize),
    ) -> Result<Vec<f32>, EngineError>;

    /// Reads `tokens` at `pos..`; result `i` is the probability of `targets[i]` after `tokens[..=i]`, with the
    /// `n_top` most probable tokens in its place. `targets` and `tokens` have the same length.
    async fn target_logprobs(
        &mut self,
        tokens: &[u32],
        pos: usize,
        targets: &[u32],
        n_top: usize,
        control: &Control<'_>,
    ) -> Result<Vec<TargetLogprob>, EngineError>;

    /// Reads `tokens` at positions `0..` and gathers the residual stream of the embeddings and after each block:
    /// (`n_layers` + 1) vectors of `n_embd`, or of so many for each token. What the cache holds afterwards is not told.
    async fn hidden_states(
        &mut self,
        _tokens: &[u32],
        _gather: Gather<'_>,
        _control: &Control<'_>,
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        Err(EngineError::Backend { detail: "this backend gives no hidden states".to_owned() })
    }

    /// From now on adds these vectors to the residual stream of every token read; none ends it. What is cached was
    /// read without them.
    ///
    /// # Errors
    /// [`EngineError::Backend`] for vectors that do not fit; then nothing is added.
    fn steer(&mut self, steering: &[Steering]) -> Result<(), EngineError> {
        if steering.is_empty() {
            return Ok(());
        }
        Err(EngineError::Backend { detail: "this backend cannot be steered".to_owned() })
    }

    /// Work that the device was given so far, where the backend counts it.
    fn work(&self) -> Option<Work> {
        None
    }

    /// Where the time of a token goes, where the backend can tell; the cache holds nothing afterwards.
    async fn token_cost(&mut self, _control: &Control<'_>) -> Result<Option<TokenCost>, EngineError> {
        Ok(None)
    }

    /// Whether [`Self::score_trunks`] is there.
    fn scores_together(&self) -> bool {
        false
    }

    /// Scores the options of several prompts that begin with what is cached at positions `0..pos`, all at once; of the
    /// cache only those positions stay. For each prompt and option: the sum of the natural log-probabilities of the
    /// option's tokens. The trunks' rows and `pos` together fit the context.
    async fn score_trunks(
        &mut self,
        _pos: usize,
        _trunks: &[Trunk<'_>],
        _control: &Control<'_>,
    ) -> Result<Vec<Vec<f64>>, EngineError> {
        Err(EngineError::Backend { detail: "this backend scores one prompt at a time".to_owned() })
    }

    /// Whether [`Self::draw`] can follow this rule.
    fn can_draw(&self, _rule: &DrawRule) -> bool {
        false
    }

    /// Reads `after` at `pos`, draws the token that follows, reads that one, and so on, for at least one and at most
    /// `limit` tokens: as many as suit the backend, which may work ahead. A call that goes on where the last one
    /// ended, under the same rule, uses that work. The last token of the result is not read yet.
    async fn draw(
        &mut self,
        _after: u32,
        _pos: usize,
        _limit: usize,
        _rule: &DrawRule,
        _control: &Control<'_>,
    ) -> Result<Vec<Drawn>, EngineError> {
        Err(EngineError::Backend { detail: "this backend draws no tokens".to_owned() })
    }
}

/// A forward pass on the processor, as it is loaded.
#[expect(async_fn_in_trait, reason = "used as a generic parameter on one thread only")]
pub trait CpuModel: Forward + Sized {
    /// Largest Kullback-Leibler divergence from a stored distribution, in nats, at which it still passes.
    const KL_LIMIT: f64;
    /// Who computes, in words.
    const ADAPTER: &'static str;

    /// Bytes of memory that the weights take.
    fn bytes_for(header: &GgufHeader) -> u64;

    /// The file's main quantization and what became of it.
    fn quantization(header: &GgufHeader) -> String;

    /// Reads the weights, one tensor at a time. The cache holds at most `max_context` positions. `progress` hears how
    /// many bytes of weights were read.
    ///
    /// # Errors
    /// What the source says; [`FormatError::MissingTensor`], [`FormatError::Shape`] and [`FormatError::Quantization`]
    /// for tensors that do not fit.
    async fn load(
        source: &impl ByteSource,
        header: &GgufHeader,
        spec: &DecoderSpec,
        names: &NameTable,
        max_context: usize,
        progress: &dyn Fn(u64),
    ) -> Result<Self, FormatError>;
}
