//! The same continuation after two prompts, or read by two models: how far the next-token distributions are apart at
//! each of its tokens.

use crate::eval::engine::{ComparedToken, Control, EngineError, Prompt, Steering};

use super::forward::Forward;
use super::generate::Detokenizer;
use super::language_model::LanguageModel;
use super::sampler::log_sum_exp;

/// Most tokens of a continuation that are compared; the rest is left out, because every distribution of the first
/// prompt is kept until the second prompt is read.
pub const MAX_COMPARED: usize = 64;

/// What a model expects at each token of a continuation.
#[derive(Debug, Clone, PartialEq)]
pub struct Distributions {
    /// The continuation's tokens.
    text: Vec<u32>,
    /// Logits before each of them, (`n_vocab`), with their log-sum-exp.
    places: Vec<(Vec<f32>, f64)>,
}

impl<F: Forward> LanguageModel<F> {
    /// Distributions before each token of a continuation of `prompt` (of its first [`MAX_COMPARED`]), while `steering`
    /// is added.
    ///
    /// # Errors
    /// [`EngineError::EmptyInput`] without a prompt or a continuation, [`EngineError::ContextTooLong`], or what the
    /// tokenizer or the backend says.
    pub async fn distributions(
        &mut self,
        prompt: &Prompt,
        continuation: &Prompt,
        steering: &[Steering],
        control: &Control<'_>,
    ) -> Result<Distributions, EngineError> {
        self.steer(steering)?;
        self.distributions_along(0, prompt, continuation, control).await
    }

    async fn distributions_along(
        &mut self,
        request: usize,
        prompt: &Prompt,
        continuation: &Prompt,
        control: &Control<'_>,
    ) -> Result<Distributions, EngineError> {
        let (mut read, mut text) = (self.prompt_tokens(prompt)?, self.prompt_tokens(continuation)?);
        text.truncate(MAX_COMPARED);
        if read.is_empty() || text.is_empty() {
            return Err(EngineError::EmptyInput);
        }
        self.check_context(read.len() + text.len() - 1)?;
        let mut places = Vec::with_capacity(text.len());
        for &token in &text {
            let logits = self.read_prompt(&read, request, control).await?.to_vec();
            let norm = log_sum_exp(&logits)?;
            places.push((logits, norm));
            read.push(token);
        }
        Ok(Distributions { text, places })
    }

    /// Sets the distributions p and q along one continuation side by side. The divergence at a token is
    /// `KL(p || q) = sum p log(p / q)` over the whole vocabulary, in nats; ranks count from 1, ties by the lower id.
    ///
    /// # Errors
    /// [`EngineError::Backend`] if they are not of the same tokens or vocabulary: two models can be compared only if
    /// they share a tokenizer.
    pub fn compared(&self, first: &Distributions, second: &Distributions) -> Result<Vec<ComparedToken>, EngineError> {
        let same_size = first.places.iter().zip(&second.places).all(|((p, _), (q, _))| p.len() == q.len());
        if first.text != second.text || !same_size {
            let detail = "the two models split the continuation into different tokens or have different vocabularies, \
                          so their distributions cannot be compared";
            return Err(EngineError::Backend { detail: detail.to_owned() });
        }
        let mut detokenizer = Detokenizer::default();
        let mut tokens = Vec::with_capacity(first.text.len());
        for (&id, ((p, p_norm), (q, q_norm))) in first.text.iter().zip(first.places.iter().zip(&second.places)) {
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

    /// Compares the distributions after `prompt` (p) and `other` (q) along a continuation.
    pub(super) async fn compare(
        &mut self,
        request: usize,
        prompt: &Prompt,
        other: &Prompt,
        continuation: &Prompt,
        control: &Control<'_>,
    ) -> Result<Vec<ComparedToken>, EngineError> {
        let first = self.distributions_along(request, prompt, continuation, control).await?;
        let second = self.distributions_along(request, other, continuation, control).await?;
        self.compared(&first, &second)
    }
}
