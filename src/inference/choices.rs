//! Log-likelihood of given texts: options after a prompt, and teacher forcing.

use crate::eval::engine::{Control, EngineError, OptionScore, Prompt, TokenStep};

use super::forward::Forward;
use super::generate::Detokenizer;
use super::language_model::LanguageModel;

impl<F: Forward> LanguageModel<F> {
    /// Scores each option as the continuation of the prompt: the sum over its tokens of
    /// log p(token | prompt, earlier tokens of the option). The prompt is read once. Options are tokenized alone
    /// and appended, so the prompt's tokens never depend on the option.
    pub(super) async fn choose(
        &mut self,
        request: usize,
        prompt: &Prompt,
        options: &[String],
        control: &Control<'_>,
    ) -> Result<(Vec<OptionScore>, u32), EngineError> {
        let prompt = self.prompt_tokens(prompt)?;
        let options: Vec<Vec<u32>> =
            options.iter().map(|option| self.encode(option, false)).collect::<Result<_, _>>()?;
        if options.is_empty() || options.iter().any(Vec::is_empty) {
            return Err(EngineError::EmptyInput);
        }
        let longest = options.iter().map(Vec::len).max().unwrap_or(1);
        self.check_context(prompt.len() + longest - 1)?;
        self.read_prompt(&prompt, request, control).await?;
        let mut scores = Vec::with_capacity(options.len());
        for option in &options {
            if control.cancel.is_cancelled() {
                return Err(EngineError::Cancelled);
            }
            let steps = self.score_after_prompt(prompt.len(), option, 0, control).await?;
            let logprob = steps.iter().map(|(logprob, _)| logprob).sum();
            scores.push(OptionScore { logprob, n_tokens: option.len() as u32 });
            (control.breathe)().await;
        }
        Ok((scores, prompt.len() as u32))
    }

    /// Scores each token of `text`. With an empty prompt the first token has nothing before it and therefore no
    /// probability: the steps then begin with the second token.
    pub(super) async fn forced(
        &mut self,
        request: usize,
        prompt: &Prompt,
        text: &str,
        n_top: usize,
        control: &Control<'_>,
    ) -> Result<Vec<TokenStep>, EngineError> {
        let prompt = self.prompt_tokens(prompt)?;
        let text = self.encode(text, true)?;
        let (scored, scores) = if prompt.is_empty() {
            if text.len() < 2 {
                return Err(EngineError::EmptyInput);
            }
            self.check_context(text.len() - 1)?;
            (text.get(1..).unwrap_or_default(), self.score_at(0, &text, n_top, control).await?)
        } else {
            if text.is_empty() {
                return Err(EngineError::EmptyInput);
            }
            self.check_context(prompt.len() + text.len() - 1)?;
            self.read_prompt(&prompt, request, control).await?;
            (text.as_slice(), self.score_after_prompt(prompt.len(), &text, n_top, control).await?)
        };
        let mut detokenizer = Detokenizer::default();
        if scored.len() < text.len() {
            // The unscored first token still takes part in forming characters.
            let first = text.first().copied().unwrap_or_default();
            detokenizer.push(first, self.codec());
        }
        let mut steps = Vec::with_capacity(scored.len());
        for (&id, (logprob, top)) in scored.iter().zip(scores) {
            let text = detokenizer.push(id, self.codec());
            steps.push(TokenStep { id, text, logprob, top: self.alternatives(top) });
        }
        if let Some(last) = steps.last_mut() {
            last.text.push_str(&detokenizer.finish(self.codec()));
        }
        Ok(steps)
    }
}
