//! The token loop of one answer: draw, report, stop, read on.

use crate::eval::engine::{Control, EngineError, EngineEvent, Finish, Prompt, Sampling, TokenStep};

use super::forward::Forward;
use super::language_model::{LanguageModel, TextCodec};
use super::sampler::{Sampler, log_sum_exp, top};

/// What a generation was asked for.
pub(super) struct Plan<'a> {
    pub(super) sampling: Sampling,
    pub(super) seed: u64,
    pub(super) limit: u32,
    pub(super) stop: &'a [String],
    pub(super) n_top: usize,
}

/// A finished answer.
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) tokens: Vec<TokenStep>,
    pub(super) finish: Finish,
    pub(super) n_prompt_tokens: u32,
}

/// Turns tokens into text one at a time: a token's text is the characters it completed.
#[derive(Debug, Default)]
pub(super) struct Detokenizer {
    ids: Vec<u32>,
    /// Tokens before this one are only context for the decoder (a leading space may depend on them).
    start: usize,
    /// Tokens before this one have been shown.
    shown: usize,
}

impl Detokenizer {
    /// Adds a token and returns the text that it completed; empty while a character is incomplete.
    pub(super) fn push(&mut self, id: u32, codec: &dyn TextCodec) -> String {
        self.ids.push(id);
        let whole = codec.decode(self.ids.get(self.start..).unwrap_or_default());
        if whole.ends_with('\u{FFFD}') {
            return String::new();
        }
        self.show(&whole, codec)
    }

    /// What is left at the end, with U+FFFD for a character that never became complete.
    pub(super) fn finish(&mut self, codec: &dyn TextCodec) -> String {
        if self.shown == self.ids.len() {
            return String::new();
        }
        let whole = codec.decode(self.ids.get(self.start..).unwrap_or_default());
        self.show(&whole, codec)
    }

    fn show(&mut self, whole: &str, codec: &dyn TextCodec) -> String {
        let before = codec.decode(self.ids.get(self.start..self.shown).unwrap_or_default());
        self.start = self.shown;
        self.shown = self.ids.len();
        whole.strip_prefix(before.as_str()).unwrap_or(whole).to_owned()
    }
}

impl<F: Forward> LanguageModel<F> {
    /// Generates an answer. After a cancel the tokens so far are returned with [`Finish::Cancelled`].
    pub(super) async fn generate(
        &mut self,
        request: usize,
        prompt: &Prompt,
        plan: &Plan<'_>,
        control: &Control<'_>,
    ) -> Result<Answer, EngineError> {
        let mut read = self.prompt_tokens(prompt)?;
        let n_prompt_tokens = read.len() as u32;
        let mut sampler = Sampler::new(plan.seed);
        let mut detokenizer = Detokenizer::default();
        let mut tokens: Vec<TokenStep> = Vec::new();
        let mut text = String::new();
        self.read_prompt(&read, request, control).await?;
        let finish = loop {
            if tokens.len() >= plan.limit as usize {
                break Finish::Limit;
            }
            if read.len() > self.context_length() {
                break Finish::ContextFull;
            }
            if control.cancel.is_cancelled() {
                break Finish::Cancelled;
            }
            // A no-op right after the prompt; afterwards it reads the one new token.
            let drawn = match self.read_prompt_quietly(&read, request, control).await {
                Ok(logits) => {
                    let id = sampler.pick(logits, plan.sampling);
                    let norm = log_sum_exp(logits)?;
                    let logit = logits.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY);
                    let best: Vec<(u32, f64)> =
                        top(logits, plan.n_top).into_iter().map(|(id, l)| (id, f64::from(l) - norm)).collect();
                    (id, f64::from(logit) - norm, best)
                }
                Err(EngineError::Cancelled) => break Finish::Cancelled,
                Err(error) => return Err(error),
            };
            let (id, logprob, best) = drawn;
            if self.stop_ids.contains(&id) {
                break Finish::EndOfTurn;
            }
            read.push(id);
            let added = detokenizer.push(id, self.codec());
            text.push_str(&added);
            let step = TokenStep { id, text: added, logprob, top: self.alternatives(best) };
            tokens.push(step.clone());
            (control.events)(EngineEvent::Token { request, step });
            if let Some(end) = stop_at(&text, plan.stop) {
                text.truncate(end);
                break Finish::Stop;
            }
            (control.breathe)().await;
        };
        if finish != Finish::Stop {
            let rest = detokenizer.finish(self.codec());
            text.push_str(&rest);
            if let Some(last) = tokens.last_mut() {
                last.text.push_str(&rest);
            }
        }
        Ok(Answer { text, tokens, finish, n_prompt_tokens })
    }

    /// Like [`Self::read_prompt`], without progress events for the single new token.
    async fn read_prompt_quietly(
        &mut self,
        tokens: &[u32],
        request: usize,
        control: &Control<'_>,
    ) -> Result<&[f32], EngineError> {
        let quiet =
            Control { cancel: control.cancel.clone(), events: &|_| {}, now: control.now, breathe: control.breathe };
        self.read_prompt(tokens, request, &quiet).await
    }
}

/// Where the first stop text begins, in bytes.
fn stop_at(text: &str, stop: &[String]) -> Option<usize> {
    stop.iter().filter(|s| !s.is_empty()).filter_map(|s| text.find(s.as_str())).min()
}
