//! The same continuation after two prompts: how far the next-token distributions are apart at each of its tokens.

use crate::eval::engine::{ComparedToken, Control, EngineError, Prompt};

use super::forward::Forward;
use super::generate::Detokenizer;
use super::language_model::LanguageModel;
use super::sampler::log_sum_exp;

/// Most tokens of a continuation that are compared; the rest is left out, because every distribution of the first
/// prompt is kept until the second prompt is read.
pub(super) const MAX_COMPARED: usize = 64;

impl<F: Forward> LanguageModel<F> {
    /// Logits before each token of `text` after `prompt`, (tokens, `n_vocab`), each with its log-sum-exp.
    async fn distributions(
        &mut self,
        request: usize,
        prompt: &[u32],
        text: &[u32],
        control: &Control<'_>,
    ) -> Result<Vec<(Vec<f32>, f64)>, EngineError> {
        let mut all = Vec::with_capacity(text.len());
        let mut read = prompt.to_vec();
        for &token in text {
            let logits = self.read_prompt(&read, request, control).await?.to_vec();
            let norm = log_sum_exp(&logits)?;
            all.push((logits, norm));
            read.push(token);
        }
        Ok(all)
    }

    /// Compares the distributions after `prompt` (p) and `other` (q) along a continuation. The divergence at a token is
    /// `KL(p || q) = sum p log(p / q)` over the whole vocabulary, in nats; ranks count from 1, ties by the lower id.
    pub(super) async fn compare(
        &mut self,
        request: usize,
        prompt: &Prompt,
        other: &Prompt,
        continuation: &Prompt,
        control: &Control<'_>,
    ) -> Result<Vec<ComparedToken>, EngineError> {
        let (prompt, other) = (self.prompt_tokens(prompt)?, self.prompt_tokens(other)?);
        let mut text = self.prompt_tokens(continuation)?;
        text.truncate(MAX_COMPARED);
        if prompt.is_empty() || other.is_empty() || text.is_empty() {
            return Err(EngineError::EmptyInput);
        }
        self.check_context(prompt.len().max(other.len()) + text.len() - 1)?;
        let first = self.distributions(request, &prompt, &text, control).await?;
        let second = self.distributions(request, &other, &text, control).await?;
        let mut detokenizer = Detokenizer::default();
        let mut tokens = Vec::with_capacity(text.len());
        for (&id, ((p, p_norm), (q, q_norm))) in text.iter().zip(first.iter().zip(&second)) {
            let at = |logits: &[f32]| logits.get(id as usize).copied().ok_or(EngineError::EmptyInput);
            let (own, others) = (at(p)?, at(q)?);
            let before = |(place, logit): (usize, &f32)| *logit > others || (*logit == others && place < id as usize);
            let kl: f64 = p
                .iter()
                .zip(q)
                .map(|(&p, &q)| {
                    let p = f64::from(p) - p_norm;
                    libm::exp(p) * (p - (f64::from(q) - q_norm))
                })
                .sum();
            tokens.push(ComparedToken {
                id,
                text: detokenizer.push(id, self.codec()),
                logprob: f64::from(own) - p_norm,
                other_logprob: f64::from(others) - q_norm,
                other_rank: 1 + q.iter().enumerate().filter(|it| before(*it)).count() as u32,
                // Rounding can leave a divergence of equal distributions just below zero.
                kl: kl.max(0.0),
            });
        }
        if let Some(last) = tokens.last_mut() {
            last.text.push_str(&detokenizer.finish(self.codec()));
        }
        Ok(tokens)
    }
}
