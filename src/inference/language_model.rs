//! A decoder with its tokenizer as an [`Engine`]: written once over [`Forward`], so the GPU and the processor
//! differ only in who computes the logits.
//!
//! The model remembers which tokens are in the key-value cache and reads only what follows the longest common
//! prefix with the next prompt: the shared part of a benchmark's prompts is read once, every option after it.

use crate::eval::engine::{
    Alternative, Control, Engine, EngineError, EngineEvent, EngineInfo, LayerState, Message, Pool, Prompt, Request,
    Response, Role, SelfTest, Steering, TokenCost, Work,
};

use super::choices::Choice;
use super::forward::{Forward, Gather, TargetLogprob};
use super::sampler::{log_sum_exp, top};

/// Text to tokens and back, as the model file defines it.
pub trait TextCodec {
    /// Tokens of a text; none are added. Control tokens that stand in it by name become those tokens only if
    /// `parse_specials`, otherwise they are spelled out like any text.
    ///
    /// # Errors
    /// The tokenizer's own words.
    fn encode(&self, text: &str, parse_specials: bool) -> Result<Vec<u32>, String>;

    /// Tokens with which the file begins every text; none for most.
    fn opening(&self) -> Vec<u32> {
        Vec::new()
    }

    /// Text of tokens; incomplete UTF-8 becomes U+FFFD, special tokens appear by name.
    fn decode(&self, ids: &[u32]) -> String;

    /// Tokens of the conversation in the file's own chat template, with the generation prompt appended.
    ///
    /// # Errors
    /// The template's own words.
    fn encode_chat(&self, messages: &[Message]) -> Result<Vec<u32>, String>;
}

/// A model that answers requests.
pub struct LanguageModel<F: Forward> {
    pub(super) forward: F,
    pub(super) codec: Box<dyn TextCodec>,
    pub(super) info: EngineInfo,
    pub(super) stop_ids: Vec<u32>,
    /// Tokens whose keys and values are in the cache, from position 0.
    cached: Vec<u32>,
    /// Logits after `cached[..n]`, with that `n`; valid while that prefix stays.
    logits: Option<(usize, Vec<f32>)>,
    /// What the backend adds to the residual stream at present.
    steering: Vec<Steering>,
}

impl<F: Forward> LanguageModel<F> {
    /// A model with an empty cache. `stop_ids` end a generated answer (end of text, end of turn).
    pub fn new(forward: F, codec: Box<dyn TextCodec>, mut info: EngineInfo, stop_ids: Vec<u32>) -> Self {
        info.context_length = info.context_length.min(forward.context_length() as u32);
        Self { forward, codec, info, stop_ids, cached: Vec::new(), logits: None, steering: Vec::new() }
    }

    /// The backend, for measurements.
    pub fn forward(&self) -> &F {
        &self.forward
    }

    /// The tokenizer and template.
    pub fn codec(&self) -> &dyn TextCodec {
        self.codec.as_ref()
    }

    /// Records the verdict of the check after loading.
    pub fn set_self_test(&mut self, verdict: SelfTest) {
        self.info.self_test = verdict;
    }

    /// Ids that end a generated answer.
    pub fn stop_ids(&self) -> &[u32] {
        &self.stop_ids
    }

    /// Logits after `tokens`, (`n_vocab`); what the check after loading compares. Reads only what is not cached.
    ///
    /// # Errors
    /// [`EngineError::EmptyInput`], [`EngineError::ContextTooLong`], or what the backend says.
    pub async fn logits_after(&mut self, tokens: &[u32], control: &Control<'_>) -> Result<Vec<f32>, EngineError> {
        self.steer(&[])?;
        self.read_prompt(tokens, 0, control).await.map(<[f32]>::to_vec)
    }

    /// Makes the backend add these vectors to the residual stream, and no others.
    pub(super) fn steer(&mut self, steering: &[Steering]) -> Result<(), EngineError> {
        if self.steering != steering {
            // What is cached was read with other vectors.
            self.truncate_cache(0);
            self.steering.clear();
            self.forward.steer(steering)?;
            self.steering.extend_from_slice(steering);
        }
        Ok(())
    }

    pub(super) fn context_length(&self) -> usize {
        self.info.context_length as usize
    }

    pub(super) fn check_context(&self, n_tokens: usize) -> Result<(), EngineError> {
        if n_tokens > self.context_length() {
            return Err(EngineError::ContextTooLong {
                n_tokens: u32::try_from(n_tokens).unwrap_or(u32::MAX),
                context_length: self.info.context_length,
            });
        }
        Ok(())
    }

    pub(super) fn encode(&self, text: &str, parse_specials: bool) -> Result<Vec<u32>, EngineError> {
        self.codec.encode(text, parse_specials).map_err(|detail| EngineError::Tokenize { detail })
    }

    /// Tokens of a prompt; ids that the vocabulary lacks are refused.
    pub(super) fn prompt_tokens(&self, prompt: &Prompt) -> Result<Vec<u32>, EngineError> {
        match prompt {
            // A raw prompt may spell out a template of its own, control tokens included.
            Prompt::Raw(text) => self.encode(text, true),
            Prompt::Text(text) => {
                let mut tokens = self.codec.opening();
                tokens.extend(self.encode(text, false)?);
                Ok(tokens)
            }
            Prompt::Chat(messages) => {
                let (begun, asked) = match messages.split_last() {
                    Some((last, asked)) if last.role == Role::Assistant => (Some(&last.content), asked),
                    _ => (None, messages.as_slice()),
                };
                let mut tokens = self.codec.encode_chat(asked).map_err(|detail| EngineError::Tokenize { detail })?;
                if let Some(text) = begun {
                    tokens.extend(self.encode(text, false)?);
                }
                Ok(tokens)
            }
            Prompt::Tokens(ids) => {
                if let Some(id) = ids.iter().find(|&&id| id as usize >= self.forward.n_vocab()) {
                    let detail = format!("the vocabulary has no token {id}");
                    return Err(EngineError::Tokenize { detail });
                }
                Ok(ids.clone())
            }
        }
    }

    /// How many tokens at the front of `tokens` are cached already.
    pub(super) fn n_cached(&self, tokens: &[u32]) -> usize {
        self.cached.iter().zip(tokens).take_while(|(a, b)| a == b).count()
    }

    /// Forgets what is cached from `len` on.
    pub(super) fn truncate_cache(&mut self, len: usize) {
        self.cached.truncate(len);
        if self.logits.as_ref().is_some_and(|(n, _)| *n > len) {
            self.logits = None;
        }
    }

    /// Remembers that the backend has read `tokens` itself: those already cached and one more.
    pub(super) fn note_read(&mut self, tokens: &[u32]) {
        self.truncate_cache(tokens.len().saturating_sub(1));
        self.logits = None;
        self.cached.extend_from_slice(tokens.get(self.cached.len()..).unwrap_or_default());
    }

    /// Makes the cache hold `tokens` and returns the logits after them. `request` names the progress events.
    pub(super) async fn read_prompt(
        &mut self,
        tokens: &[u32],
        request: usize,
        control: &Control<'_>,
    ) -> Result<&[f32], EngineError> {
        if tokens.is_empty() {
            return Err(EngineError::EmptyInput);
        }
        self.check_context(tokens.len())?;
        if control.cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let shared = self.n_cached(tokens);
        let known = shared == tokens.len() && self.logits.as_ref().is_some_and(|(n, _)| *n == shared);
        if !known {
            // The last token is read again if only its logits are missing.
            let start = shared.min(tokens.len() - 1);
            self.truncate_cache(start);
            let total = tokens.len() as u32;
            let progress = |done: usize| {
                (control.events)(EngineEvent::Prefill { request, done: (start + done) as u32, total });
            };
            let fresh = tokens.get(start..).unwrap_or_default();
            let logits = self.forward.next_logits(fresh, start, control, &progress).await?;
            if logits.len() != self.forward.n_vocab() {
                let detail = format!("{} logits for a vocabulary of {}", logits.len(), self.forward.n_vocab());
                return Err(EngineError::Backend { detail });
            }
            if logits.iter().any(|l| !l.is_finite()) {
                return Err(EngineError::NotANumber);
            }
            self.cached.extend_from_slice(fresh);
            self.logits = Some((tokens.len(), logits));
        }
        self.logits.as_ref().map(|(_, logits)| logits.as_slice()).ok_or(EngineError::EmptyInput)
    }

    /// Log-probability of each token of `text` after a prompt that [`Self::read_prompt`] has just read, with the
    /// `n_top` alternatives of each place as id and log-probability.
    pub(super) async fn score_after_prompt(
        &mut self,
        n_prompt: usize,
        text: &[u32],
        n_top: usize,
        control: &Control<'_>,
    ) -> Result<Vec<(f64, Vec<(u32, f64)>)>, EngineError> {
        let Some(&first) = text.first() else { return Err(EngineError::EmptyInput) };
        self.check_context(n_prompt + text.len() - 1)?;
        let logits = match &self.logits {
            Some((n, logits)) if *n == n_prompt => logits,
            _ => return Err(EngineError::Backend { detail: "the prompt was not read".to_owned() }),
        };
        let TargetLogprob { logprob, top } = TargetLogprob::of(logits, first, n_top)?;
        let mut scores = vec![(logprob, top)];
        scores.extend(self.score_at(n_prompt, text, n_top, control).await?);
        Ok(scores)
    }

    /// Reads `text[..n - 1]` at `pos` and scores `text[1..]`; nothing for a text of one token.
    pub(super) async fn score_at(
        &mut self,
        pos: usize,
        text: &[u32],
        n_top: usize,
        control: &Control<'_>,
    ) -> Result<Vec<(f64, Vec<(u32, f64)>)>, EngineError> {
        let (Some(read), Some(targets)) = (text.split_last().map(|(_, read)| read), text.get(1..)) else {
            return Err(EngineError::EmptyInput);
        };
        if read.is_empty() {
            return Ok(Vec::new());
        }
        self.truncate_cache(pos);
        let scored = self.forward.target_logprobs(read, pos, targets, n_top, control).await?;
        if scored.len() != targets.len() {
            let detail = format!("{} scores for {} tokens", scored.len(), targets.len());
            return Err(EngineError::Backend { detail });
        }
        if scored.iter().any(|s| !s.logprob.is_finite() || s.top.iter().any(|(_, l)| !l.is_finite())) {
            return Err(EngineError::NotANumber);
        }
        self.cached.extend_from_slice(read);
        Ok(scored.into_iter().map(|s| (s.logprob, s.top)).collect())
    }

    pub(super) fn alternatives(&self, top: Vec<(u32, f64)>) -> Vec<Alternative> {
        top.into_iter().map(|(id, logprob)| Alternative { id, text: self.codec.decode(&[id]), logprob }).collect()
    }

    /// Hidden states of `text` after `prompt`, and how many tokens were pooled.
    async fn features(
        &mut self,
        prompt: &Prompt,
        text: &str,
        layers: &[u32],
        pool: Pool,
        control: &Control<'_>,
    ) -> Result<(Vec<LayerState>, usize), EngineError> {
        let mut tokens = self.prompt_tokens(prompt)?;
        let before = if text.is_empty() { 0 } else { tokens.len() };
        tokens.extend(self.encode(text, false)?);
        let n_pooled = tokens.len() - before;
        if n_pooled == 0 {
            return Err(EngineError::EmptyInput);
        }
        self.check_context(tokens.len())?;
        let mut weights = vec![0.0; tokens.len()];
        match pool {
            Pool::Last => weights[tokens.len() - 1] = 1.0,
            Pool::Mean => weights[before..].fill(1.0 / n_pooled as f32),
            Pool::Each => {}
        }
        let gather = if pool == Pool::Each { Gather::Each(before) } else { Gather::Sum(&weights) };
        self.truncate_cache(0);
        let states = self.forward.hidden_states(&tokens, gather, control).await?;
        if states.iter().flatten().any(|value| !value.is_finite()) {
            return Err(EngineError::NotANumber);
        }
        if let Some(layer) = layers.iter().find(|&&layer| layer as usize >= states.len()) {
            let detail = format!("there is no layer {layer}; the last is {}", states.len() - 1);
            return Err(EngineError::Backend { detail });
        }
        let states = (0..).zip(states).filter(|(layer, _)| layers.is_empty() || layers.contains(layer));
        Ok((states.map(|(layer, vector)| LayerState { layer, vector }).collect(), n_pooled))
    }

    async fn answer(
        &mut self,
        index: usize,
        request: &Request,
        control: &Control<'_>,
    ) -> Result<Response, EngineError> {
        let started = (control.now)();
        match request {
            Request::Choose { prompt, options } => {
                let (options, n_prompt_tokens) = self.choose(index, prompt, options, control).await?;
                Ok(Response::Choice { options, n_prompt_tokens, millis: (control.now)() - started })
            }
            Request::Generate { prompt, sampling, seed, limit, stop, allowed, n_top } => {
                let plan = super::generate::Plan {
                    sampling: *sampling,
                    seed: *seed,
                    limit: *limit,
                    stop,
                    allowed,
                    n_top: usize::from(*n_top),
                };
                let answer = self.generate(index, prompt, &plan, control).await?;
                Ok(Response::Text {
                    text: answer.text,
                    tokens: answer.tokens,
                    finish: answer.finish,
                    n_prompt_tokens: answer.n_prompt_tokens,
                    millis: (control.now)() - started,
                })
            }
            Request::Forced { prompt, text, n_top } => {
                let tokens = self.forced(index, prompt, text, usize::from(*n_top), control).await?;
                Ok(Response::Forced { tokens, millis: (control.now)() - started })
            }
            Request::Compare { prompt, other, continuation } => {
                let tokens = self.compare(index, prompt, other, continuation, control).await?;
                Ok(Response::Compared { tokens, millis: (control.now)() - started })
            }
            Request::Features { prompt, text, layers, pool } => {
                let (states, n_tokens) = self.features(prompt, text, layers, *pool, control).await?;
                Ok(Response::Features { n_tokens: n_tokens as u32, states, millis: (control.now)() - started })
            }
            Request::Next { prompt, n_top } => {
                let tokens = self.prompt_tokens(prompt)?;
                let logits = self.read_prompt(&tokens, index, control).await?;
                let norm = log_sum_exp(logits)?;
                let best = top(logits, *n_top as usize);
                let top = best
                    .into_iter()
                    .map(|(id, logit)| {
                        let logprob = f64::from(logit) - norm;
                        (Alternative { id, text: self.codec.decode(&[id]), logprob }, logit)
                    })
                    .collect();
                Ok(Response::Next { n_prompt_tokens: tokens.len() as u32, top, millis: (control.now)() - started })
            }
            Request::Steered { .. } => {
                Err(EngineError::Backend { detail: "a steered request holds another steered one".to_owned() })
            }
            Request::Classify { .. } => {
                Err(EngineError::Backend { detail: "this model reads text and no pictures".to_owned() })
            }
        }
    }
}

impl<F: Forward> Engine for LanguageModel<F> {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn token_cost(&mut self, control: &Control<'_>) -> Result<Option<TokenCost>, EngineError> {
        self.steer(&[])?;
        self.truncate_cache(0);
        self.forward.token_cost(control).await
    }

    fn work(&self) -> Option<Work> {
        self.forward.work()
    }

    async fn respond(&mut self, requests: &[Request], control: &Control<'_>) -> Vec<Result<Response, EngineError>> {
        let started = (control.now)();
        let mut answers: Vec<Option<Result<Response, EngineError>>> = vec![None; requests.len()];
        if self.forward.scores_together()
            && requests.iter().any(|request| matches!(request, Request::Choose { .. }))
            && self.steer(&[]).is_ok()
        {
            let choices = requests.iter().enumerate().filter_map(|(index, request)| match request {
                Request::Choose { prompt, options } => Some(Choice { index, prompt, options }),
                _ => None,
            });
            let choices: Vec<Choice<'_>> = choices.collect();
            for (index, answer) in self.choose_together(&choices, control).await {
                if let Some(place) = answers.get_mut(index) {
                    let millis = ((control.now)() - started) / choices.len() as f64;
                    *place = Some(answer.map(|(options, n_prompt_tokens)| Response::Choice {
                        options,
                        n_prompt_tokens,
                        millis,
                    }));
                }
            }
        }
        for (index, (request, place)) in requests.iter().zip(&mut answers).enumerate() {
            if place.is_some() {
                continue;
            }
            *place = Some(if control.cancel.is_cancelled() {
                Err(EngineError::Cancelled)
            } else {
                let (steering, request) = match request {
                    Request::Steered { steering, request } => (steering.as_slice(), request.as_ref()),
                    request => ([].as_slice(), request),
                };
                match self.steer(steering) {
                    Ok(()) => self.answer(index, request, control).await,
                    Err(error) => Err(error),
                }
            });
        }
        answers.into_iter().map(|answer| answer.unwrap_or(Err(EngineError::Cancelled))).collect()
    }
}
