//! The token loop of one answer: draw, report, stop, read on.

use std::collections::VecDeque;

use crate::eval::engine::{Control, EngineError, EngineEvent, Finish, Prompt, Sampling, TokenStep};

use super::forward::{DrawRule, Drawn, Forward, TargetLogprob};
use super::language_model::{LanguageModel, TextCodec};
use super::sampler::Sampler;
use super::token_trie::{self, TokenTrie};

/// What a generation was asked for.
pub(super) struct Plan<'a> {
    pub(super) sampling: Sampling,
    pub(super) seed: u64,
    pub(super) limit: u32,
    pub(super) stop: &'a [String],
    pub(super) allowed: &'a [String],
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
        let rule =
            DrawRule { sampling: plan.sampling, seed: plan.seed, n_top: plan.n_top, stop_ids: self.stop_ids.clone() };
        let trie = self.trie_of(plan.allowed)?;
        let mut node = token_trie::ROOT;
        let draws = trie.is_none() && self.forward.can_draw(&rule);
        let mut sampler = Sampler::new(plan.seed);
        let mut ahead: VecDeque<Drawn> = VecDeque::new();
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
            let allowed = trie.as_ref().map(|trie| {
                let end = if trie.ends(node) { self.stop_ids.as_slice() } else { &[] };
                trie.next(node).chain(end.iter().copied()).collect::<Vec<_>>()
            });
            // One of the allowed answers is complete and none goes on.
            if trie.as_ref().is_some_and(|trie| trie.next(node).next().is_none()) {
                break Finish::EndOfTurn;
            }
            // The first token comes from the prompt's logits; the backend draws the others if it can.
            let next = if draws && !tokens.is_empty() {
                let limit = (plan.limit as usize - tokens.len()).min(self.context_length() + 1 - read.len());
                self.draw(&read, limit, &rule, &mut ahead, control).await
            } else {
                self.sample(&read, allowed.as_deref(), request, &mut sampler, plan, control).await
            };
            let Drawn { id, score } = match next {
                Ok(drawn) => drawn,
                Err(EngineError::Cancelled) => break Finish::Cancelled,
                Err(error) => return Err(error),
            };
            if self.stop_ids.contains(&id) {
                break Finish::EndOfTurn;
            }
            if let Some(next) = trie.as_ref().and_then(|trie| trie.step(node, id)) {
                node = next;
            }
            read.push(id);
            let added = detokenizer.push(id, self.codec());
            text.push_str(&added);
            let step = TokenStep { id, text: added, logprob: score.logprob, top: self.alternatives(score.top) };
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

    /// The allowed answers as tokens, each tokenized alone; `None` where every answer is allowed.
    fn trie_of(&self, allowed: &[String]) -> Result<Option<TokenTrie>, EngineError> {
        if allowed.is_empty() {
            return Ok(None);
        }
        let answers: Vec<Vec<u32>> = allowed.iter().map(|text| self.encode(text, false)).collect::<Result<_, _>>()?;
        if answers.iter().any(Vec::is_empty) {
            return Err(EngineError::EmptyInput);
        }
        Ok(Some(TokenTrie::new(answers.iter().map(Vec::as_slice))))
    }

    /// The next token as the sampler draws it from the logits after `read`; a no-op for the backend right after the
    /// prompt, afterwards it reads the one new token.
    async fn sample(
        &mut self,
        read: &[u32],
        allowed: Option<&[u32]>,
        request: usize,
        sampler: &mut Sampler,
        plan: &Plan<'_>,
        control: &Control<'_>,
    ) -> Result<Drawn, EngineError> {
        // Without progress events for a single token.
        let quiet = Control { events: &|_| {}, cancel: control.cancel.clone(), ..*control };
        let logits = self.read_prompt(read, request, &quiet).await?;
        let id = sampler.pick(logits, plan.sampling, read, allowed);
        Ok(Drawn { id, score: TargetLogprob::of(logits, id, plan.n_top)? })
    }

    /// The next token as the backend draws it; `ahead` holds those that it has drawn already.
    async fn draw(
        &mut self,
        read: &[u32],
        limit: usize,
        rule: &DrawRule,
        ahead: &mut VecDeque<Drawn>,
        control: &Control<'_>,
    ) -> Result<Drawn, EngineError> {
        let Some(&after) = read.last() else { return Err(EngineError::EmptyInput) };
        if ahead.is_empty() {
            // The backend works ahead: what it leaves behind this place is not for others.
            self.truncate_cache(read.len() - 1);
            ahead.extend(self.forward.draw(after, read.len() - 1, limit, rule, control).await?);
        }
        let drawn = ahead.pop_front().ok_or(EngineError::EmptyInput)?;
        let finite = |s: &TargetLogprob| s.logprob.is_finite() && s.top.iter().all(|(_, l)| l.is_finite());
        if !finite(&drawn.score) || drawn.id as usize >= self.forward.n_vocab() {
            return Err(EngineError::NotANumber);
        }
        self.note_read(read);
        Ok(drawn)
    }
}

/// Where the first stop text begins, in bytes.
fn stop_at(text: &str, stop: &[String]) -> Option<usize> {
    stop.iter().filter(|s| !s.is_empty()).filter_map(|s| text.find(s.as_str())).min()
}
