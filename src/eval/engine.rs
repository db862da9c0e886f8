//! What a task may ask of a model, and the one trait that every engine implements.
//!
//! This is where the two towers of the crate touch: tasks build [`Request`]s, engines answer them, and
//! neither knows the other. Log-probabilities are natural logarithms everywhere.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::sight::{Evidence, Labels, View};

/// Who speaks in a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions before the conversation.
    System,
    /// The person, or the task in a person's place.
    User,
    /// The model.
    Assistant,
}

/// One turn of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, as plain text.
    pub content: String,
}

/// What the model reads before it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Text taken as it is: no template, no tokens added.
    Raw(String),
    /// A conversation, rendered by the model file's own chat template with the generation prompt appended. A last
    /// turn of the assistant is a beginning that the model goes on with.
    Chat(Vec<Message>),
    /// Text after the tokens with which the model file begins every text (Gemma's `<bos>`), if it has any.
    Text(String),
    /// Token ids taken as they are.
    Tokens(Vec<u32>),
}

/// How the vectors of several tokens become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// The last token's.
    Last,
    /// The mean over the tokens.
    Mean,
    /// None: the vectors of all tokens, one after another.
    Each,
}

/// A vector that is added to the residual stream of every token read or written, which moves what the model says
/// (activation addition, arXiv 2308.10248).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Steering {
    /// Where: 0 after the embeddings, else after so many blocks, as in [`LayerState`].
    pub layer: u32,
    /// The direction, (`n_embd`).
    #[serde(with = "packed_f32")]
    pub vector: Vec<f32>,
    /// What the vector is multiplied with before it is added; 0 changes nothing, negative values steer away.
    pub strength: f32,
}

/// A hidden state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerState {
    /// 0 for the embeddings, else the number of blocks that the residual stream has passed.
    pub layer: u32,
    /// The vector, (`n_embd`); for [`Pool::Each`] one a token, (tokens, `n_embd`). Stored as base64 of little-endian f32, a third of their length as decimal numbers.
    #[serde(with = "packed_f32")]
    pub vector: Vec<f32>,
}

/// Vectors as base64 of little-endian f32.
mod packed_f32 {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(values: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(text).map_err(de::Error::custom)?;
        if bytes.len() % 4 != 0 {
            return Err(de::Error::custom("a vector's bytes are cut short"));
        }
        Ok(bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect())
    }
}

/// How the next token is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 means greedy (the most probable token, the lowest id on a tie).
    pub temperature: f32,
    /// Nucleus mass in (0, 1]; 1 keeps every token.
    pub top_p: f32,
    /// Keep only the k most probable tokens; 0 keeps every token.
    pub top_k: u32,
    /// Keep only tokens at least this share as probable as the most probable one; 0 keeps every token.
    #[serde(default)]
    pub min_p: f32,
    /// Positive logits of tokens that stand in the prompt or answer are divided by this, others multiplied; 1 changes
    /// nothing.
    #[serde(default = "one")]
    pub repetition_penalty: f32,
}

fn one() -> f32 {
    1.0
}

impl Sampling {
    /// Always the most probable token.
    pub const GREEDY: Self = Self { temperature: 0.0, top_p: 1.0, top_k: 0, min_p: 0.0, repetition_penalty: 1.0 };
}

/// One question to an engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Request {
    /// Log-likelihood of each option as the continuation of the prompt.
    Choose {
        /// The shared context.
        prompt: Prompt,
        /// Texts that are tokenized and appended to the prompt, one at a time.
        options: Vec<String>,
    },
    /// Free text.
    Generate {
        /// The context.
        prompt: Prompt,
        /// How tokens are drawn.
        sampling: Sampling,
        /// Seed of the sampler; the same seed gives the same text on the same backend.
        seed: u64,
        /// Most new tokens.
        limit: u32,
        /// Texts that end the answer; they are not part of it.
        stop: Vec<String>,
        /// Where not empty, the answer is one of these texts, each as the tokenizer writes it alone.
        #[serde(default)]
        allowed: Vec<String>,
        /// How many alternatives to report for each token (0 to 10).
        n_top: u8,
    },
    /// Teacher forcing: the probability of each token of a given text.
    Forced {
        /// The context; may be empty.
        prompt: Prompt,
        /// The text whose tokens are scored.
        text: String,
        /// How many alternatives to report for each token (0 to 10).
        n_top: u8,
    },
    /// How far two contexts move the distribution along one continuation.
    Compare {
        /// The context whose distribution is p.
        prompt: Prompt,
        /// The context whose distribution is q.
        other: Prompt,
        /// The continuation of both; a long one is compared only at its beginning.
        continuation: Prompt,
    },
    /// The residual stream of a text after each block, pooled over the text's tokens or one vector a token.
    Features {
        /// What is read before the text; may be empty.
        prompt: Prompt,
        /// The text whose tokens are pooled; if it is empty, those of the prompt are.
        text: String,
        /// Which states: 0 for the embeddings, else the number of blocks passed; empty for all.
        layers: Vec<u32>,
        /// How several tokens become one vector, or that they do not.
        pool: Pool,
    },
    /// The distribution of the next token.
    Next {
        /// The context.
        prompt: Prompt,
        /// How many of the most probable tokens to report.
        n_top: u32,
    },
    /// Any of the others while vectors are added to the residual stream; answered as that one is.
    Steered {
        /// What is added, and where; vectors of one layer add up.
        steering: Vec<Steering>,
        /// What is asked.
        request: Box<Self>,
    },
    /// What a picture shows; for engines that classify pictures.
    Classify {
        /// The picture and what is done to it first.
        view: View,
        /// Classes whose logits are wanted, by index.
        labels: Vec<u32>,
        /// How many of the most probable classes to report.
        n_top: u8,
        /// Whether the pooled features before the last layer are wanted.
        #[serde(default)]
        features: bool,
    },
}

/// A class with its score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelScore {
    /// Index of the class.
    pub label: u32,
    /// Its name.
    pub name: String,
    /// Score before the softmax.
    pub logit: f64,
    /// Probability over all classes.
    pub probability: f64,
}

/// Log-likelihood of one option.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OptionScore {
    /// Sum of the natural log-probabilities of the option's tokens given the prompt and the earlier ones.
    pub logprob: f64,
    /// Number of tokens.
    pub n_tokens: u32,
}

impl OptionScore {
    /// Log-likelihood per token, the usual length normalization.
    pub fn logprob_per_token(&self) -> f64 {
        self.logprob / f64::from(self.n_tokens.max(1))
    }
}

/// A token that could have stood in one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// Vocabulary id.
    pub id: u32,
    /// The token's own text; partial UTF-8 is shown as U+FFFD.
    pub text: String,
    /// Natural log-probability before temperature, top-k and top-p.
    pub logprob: f64,
}

/// One token of a text, with its probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenStep {
    /// Vocabulary id.
    pub id: u32,
    /// The text that this token added; empty while a character is incomplete.
    pub text: String,
    /// Natural log-probability before temperature, top-k and top-p.
    pub logprob: f64,
    /// The most probable tokens in this place, best first.
    pub top: Vec<Alternative>,
}

/// One token of a continuation after two contexts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedToken {
    /// Vocabulary id.
    pub id: u32,
    /// The text that this token added.
    pub text: String,
    /// Natural log-probability after the first context.
    pub logprob: f64,
    /// Natural log-probability after the other context.
    pub other_logprob: f64,
    /// Place of the token among the most probable ones after the other context, from 1.
    pub other_rank: u32,
    /// KL(first || other) of the whole distributions at this place, in nats.
    pub kl: f64,
}

/// Why a generated text ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model ended its turn.
    EndOfTurn,
    /// A stop text appeared.
    Stop,
    /// The token limit was reached.
    Limit,
    /// The context window is full.
    ContextFull,
    /// The user stopped it.
    Cancelled,
    /// The device or its worker failed.
    Interrupted,
}

/// What an engine answers; the variants mirror [`Request`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Response {
    /// To `Choose`: one score an option, in the order asked.
    Choice {
        /// Scores in the order of the options.
        options: Vec<OptionScore>,
        /// Tokens of the prompt.
        n_prompt_tokens: u32,
        /// Wall time of the call in milliseconds, shared over a batch.
        millis: f64,
    },
    /// To `Generate`.
    Text {
        /// The answer without the stop text.
        text: String,
        /// Its tokens.
        tokens: Vec<TokenStep>,
        /// Why it ended.
        finish: Finish,
        /// Tokens of the prompt.
        n_prompt_tokens: u32,
        /// Wall time in milliseconds.
        millis: f64,
    },
    /// To `Forced`.
    Forced {
        /// The tokens of the text.
        tokens: Vec<TokenStep>,
        /// Wall time in milliseconds.
        millis: f64,
    },
    /// To `Compare`.
    Compared {
        /// The tokens of the continuation.
        tokens: Vec<ComparedToken>,
        /// Wall time in milliseconds.
        millis: f64,
    },
    /// To `Features`.
    Features {
        /// Tokens that were pooled, or of which there is a vector each.
        n_tokens: u32,
        /// The states, lowest layer first.
        states: Vec<LayerState>,
        /// Wall time in milliseconds.
        millis: f64,
    },
    /// To `Next`.
    Next {
        /// Tokens of the prompt.
        n_prompt_tokens: u32,
        /// The most probable tokens, best first, with their logits.
        top: Vec<(Alternative, f32)>,
        /// Wall time in milliseconds.
        millis: f64,
    },
    /// To `Classify`.
    Classified {
        /// What the logits are about: a model of prompts answers with its own, whichever labels were asked for.
        #[serde(default, skip_serializing_if = "Labels::are_image_net")]
        labels: Labels,
        /// The most probable classes, best first.
        top: Vec<LabelScore>,
        /// Logits of the wanted classes, in the order asked; of the ten classes for [`Labels::Prompts`].
        logits: Vec<f64>,
        /// ln of the sum of e^logit over all classes.
        log_sum_exp: f64,
        /// Pooled features, if asked for.
        #[serde(default, skip_serializing_if = "Vec::is_empty", with = "packed_f32")]
        features: Vec<f32>,
        /// The same of the four corners, if the view asked for them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        crops: Vec<Evidence>,
        /// Wall time in milliseconds.
        millis: f64,
    },
}

/// Where the arithmetic runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// WebGPU or a native graphics API through wgpu.
    Gpu,
    /// candle-core on the processor.
    Cpu,
    /// Answers from a table; for tests and labelled demonstrations.
    Scripted,
}

/// Whether this device was checked against stored or computed reference values after loading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum SelfTest {
    /// The next-token distribution agrees with the reference.
    Passed {
        /// Largest Kullback-Leibler divergence from the reference over the probes, in nats.
        max_kl: f64,
    },
    /// It does not: results of this device must not be used.
    Failed {
        /// What differed.
        detail: String,
    },
    /// There was nothing to compare with.
    Unverified {
        /// Why.
        reason: String,
    },
}

/// What the check after loading found on one device, so that it need not be repeated there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceCheck {
    /// SHA-256 of the weights file.
    pub weights_sha256: String,
    /// Name of the model, for people.
    pub model_name: String,
    /// Where the arithmetic ran.
    pub backend: Backend,
    /// The adapter's own words; another device or driver says others.
    pub adapter: String,
    /// Version of the application; another one computes in other ways.
    pub app_version: String,
    /// What was found; unverified means that somebody asked for a new check.
    pub verdict: SelfTest,
    /// When, in milliseconds since 1970.
    pub checked_at: f64,
}

impl DeviceCheck {
    /// Beginning of every [`Self::id`].
    pub const ID_PREFIX: &'static str = "device_check";

    /// What was found when this was loaded; `None` for a file without a known hash.
    pub fn of(info: &EngineInfo, checked_at: f64) -> Option<Self> {
        Some(Self {
            weights_sha256: info.weights_sha256.clone()?,
            model_name: info.model_name.clone(),
            backend: info.backend,
            adapter: info.adapter.clone(),
            app_version: env!("CARGO_PKG_VERSION").to_owned(),
            verdict: info.self_test.clone(),
            checked_at,
        })
    }

    /// Names device, version and weights: a later check of the same takes the place of an earlier one.
    pub fn id(&self) -> String {
        let Self { weights_sha256, backend, adapter, app_version, .. } = self;
        format!("{}|{backend:?}|{app_version}|{weights_sha256}|{adapter}", Self::ID_PREFIX)
    }

    /// Whether it was made with the same weights, device and version.
    pub fn is_of(&self, weights_sha256: Option<&str>, backend: Backend, adapter: &str) -> bool {
        Some(self.weights_sha256.as_str()) == weights_sha256
            && self.backend == backend
            && self.adapter == adapter
            && self.app_version == env!("CARGO_PKG_VERSION")
    }
}

/// [`EngineInfo::family`] of sentence encoders.
pub const ENCODER_FAMILY: &str = "bert";

/// What answered: enough to repeat a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EngineInfo {
    /// Catalog id, or `file:<name>` for a person's own file.
    pub model_id: String,
    /// Name for people.
    pub model_name: String,
    /// SHA-256 of the whole weights file in lower-case hexadecimal, where known.
    pub weights_sha256: Option<String>,
    /// Size of the weights file in bytes.
    pub size_bytes: u64,
    /// Architecture name of the file (`llama`).
    pub family: String,
    /// The quantization that holds most of the weights (`Q4_1`), and what it was converted to if it was.
    pub quantization: String,
    /// Most tokens of prompt and answer together.
    pub context_length: u32,
    /// Where the arithmetic runs.
    pub backend: Backend,
    /// The adapter's own words, or the processor path's name.
    pub adapter: String,
    /// Verdict of the check after loading.
    pub self_test: SelfTest,
    /// Whether the file has a chat template of its own; without one, conversations are put in `ChatML`, which a base model
    /// was not trained on. `None` where nothing is written, and in records made before this was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_chat_template: Option<bool>,
}

impl EngineInfo {
    /// Whether both are the same engine; what one of them had not noted yet is no difference.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let noted = |own: Option<bool>, theirs: Option<bool>| own.filter(|_| theirs.is_some());
        let of = |info: &Self, theirs: &Self| Self {
            has_chat_template: noted(info.has_chat_template, theirs.has_chat_template),
            ..info.clone()
        };
        of(self, other) == of(other, self)
    }
}

/// Why an engine could not answer one request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EngineError {
    /// The user stopped the call.
    #[error("cancelled")]
    Cancelled,
    /// Prompt and answer do not fit.
    #[error("{n_tokens} tokens do not fit the context of {context_length}")]
    ContextTooLong {
        /// Tokens asked for.
        n_tokens: u32,
        /// Tokens that fit.
        context_length: u32,
    },
    /// Nothing to condition on or nothing to score.
    #[error("the prompt or an option has no tokens")]
    EmptyInput,
    /// The text or its template could not be turned into tokens.
    #[error("tokenizer or chat template failed: {detail}")]
    Tokenize {
        /// What it said.
        detail: String,
    },
    /// A logit was not a finite number.
    #[error("the device produced a value that is not a number")]
    NotANumber,
    /// The graphics device went away.
    #[error("the graphics device was lost: {detail}")]
    DeviceLost {
        /// What the browser or driver said.
        detail: String,
    },
    /// The backend failed otherwise.
    #[error("the backend failed: {detail}")]
    Backend {
        /// What it said.
        detail: String,
    },
}

/// A shared flag that asks a running call to stop.
#[derive(Debug, Clone, Default)]
pub struct CancelFlag(Rc<Cell<bool>>);

impl CancelFlag {
    /// Asks the call to stop at its next token or item.
    pub fn cancel(&self) {
        self.0.set(true);
    }
    /// Whether it was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.get()
    }
}

/// What an engine reports while it works.
#[derive(Debug, Clone, PartialEq)]
pub enum EngineEvent {
    /// Prompt tokens read so far.
    Prefill {
        /// Index of the request in the batch.
        request: usize,
        /// Tokens read.
        done: u32,
        /// Tokens to read.
        total: u32,
    },
    /// A token was generated.
    Token {
        /// Index of the request in the batch.
        request: usize,
        /// The token.
        step: TokenStep,
    },
}

/// A future without `Send`: engines live on one thread.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// The caller's side of a running call.
pub struct Control<'a> {
    /// Asks the call to stop.
    pub cancel: CancelFlag,
    /// Receives events as they happen.
    pub events: &'a dyn Fn(EngineEvent),
    /// Milliseconds since some fixed moment.
    pub now: fn() -> f64,
    /// Gives the thread's event loop a turn, so that a cancel message can arrive during long processor work.
    pub breathe: fn() -> LocalFuture<'static, ()>,
}

fn no_time() -> f64 {
    0.0
}

fn no_breath() -> LocalFuture<'static, ()> {
    Box::pin(std::future::ready(()))
}

impl Control<'static> {
    /// A control for tests: never cancelled, no events, no clock.
    pub fn quiet() -> Self {
        Self { cancel: CancelFlag::default(), events: &|_| {}, now: no_time, breathe: no_breath }
    }
}

/// Work given to a device since it was opened, where a backend counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Kernels dispatched.
    pub dispatches: u64,
    /// Compute passes begun.
    pub passes: u64,
    /// Command buffers submitted.
    pub submits: u64,
    /// Writes into buffers.
    pub uploads: u64,
    /// Bytes of those writes.
    pub upload_bytes: u64,
    /// Bytes read back.
    pub read_bytes: u64,
    /// Most bytes of buffers at any time.
    pub peak_bytes: u64,
}

impl Work {
    /// What was done since `before`; the peak stays what it is.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            dispatches: self.dispatches - before.dispatches,
            passes: self.passes - before.passes,
            submits: self.submits - before.submits,
            uploads: self.uploads - before.uploads,
            upload_bytes: self.upload_bytes - before.upload_bytes,
            read_bytes: self.read_bytes - before.read_bytes,
            peak_bytes: self.peak_bytes,
        }
    }
}

/// Where the time of one decoded token goes on a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenCost {
    /// Bytes that a large copy between two buffers reads and writes a second: what the device's memory can do.
    pub copy_bytes_per_second: f64,
    /// Bytes of weights that a token reads.
    pub weight_bytes: u64,
    /// Positions that a token attends to in this measurement.
    pub context: u32,
    /// The kernels of one token, each timed alone.
    pub kernels: Vec<KernelTime>,
    /// Products of matrices for many rows at once.
    #[serde(default)]
    pub gemm: Option<Gemm>,
}

/// How fast matrices are multiplied when many rows are read at once, the most of the sizes tried; a product and a sum are
/// two operations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gemm {
    /// Operations a second.
    pub flops_per_second: f64,
    /// Rows read at once in the fastest.
    pub rows: u32,
    /// Operations for each token that is read: every block's matrices once.
    pub flops_a_row: f64,
    /// Operations for the logits of one token.
    pub flops_of_head: f64,
}

/// All dispatches of one kernel in one decoded token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KernelTime {
    /// Its name.
    pub name: String,
    /// How many.
    pub dispatches: u32,
    /// Wall time of them one after the other, in milliseconds.
    pub millis: f64,
}

/// Something that answers requests: a model on a device, or a table of answers.
///
/// No `Send` bounds: native callers block on one thread, browsers have one thread a worker.
#[expect(async_fn_in_trait, reason = "used as a generic parameter on one thread only")]
pub trait Engine {
    /// What answers.
    fn info(&self) -> &EngineInfo;

    /// Work that the device was given so far, where the backend counts it.
    fn work(&self) -> Option<Work> {
        None
    }

    /// Measures where the time of a token goes, where the backend can tell; what is cached is forgotten.
    ///
    /// # Errors
    /// What the backend says.
    async fn token_cost(&mut self, _control: &Control<'_>) -> Result<Option<TokenCost>, EngineError> {
        Ok(None)
    }

    /// Answers every request, in order. An error belongs to its request alone; after a cancel the rest
    /// are `Err(Cancelled)`.
    async fn respond(&mut self, requests: &[Request], control: &Control<'_>) -> Vec<Result<Response, EngineError>>;
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn what_an_earlier_record_had_not_noted_is_no_difference() {
        let info = crate::eval::scripted::ScriptedEngine::new(|_| Err(EngineError::EmptyInput)).info().clone();
        let noted = EngineInfo { has_chat_template: Some(true), ..info.clone() };
        let other = EngineInfo { has_chat_template: Some(false), ..info.clone() };
        assert!(info.is_same_as(&noted) && noted.is_same_as(&info) && noted.is_same_as(&noted));
        assert!(!noted.is_same_as(&other));
        assert!(!info.is_same_as(&EngineInfo { size_bytes: info.size_bytes + 1, ..noted }));
    }
}
