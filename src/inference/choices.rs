//! Log-likelihood of given texts: options after a prompt, and teacher forcing.

use crate::eval::engine::{Control, EngineError, OptionScore, Prompt, TokenStep};

use super::forward::{Forward, Trunk};
use super::generate::Detokenizer;
use super::language_model::LanguageModel;

/// A `Choose` request and its place in the batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice<'a> {
    pub(super) index: usize,
    pub(super) prompt: &'a Prompt,
    pub(super) options: &'a [String],
}

/// Scores of the options and the number of tokens of the prompt.
type Chosen = Result<(Vec<OptionScore>, u32), EngineError>;

/// A choice as tokens.
struct Tokenized {
    index: usize,
    prompt: Vec<u32>,
    options: Vec<Vec<u32>>,
}

impl Tokenized {
    /// What is read after a beginning of `shared` tokens.
    fn trunk(&self, shared: usize) -> Trunk<'_> {
        Trunk { tokens: self.prompt.get(shared..).unwrap_or_default(), options: &self.options }
    }

    /// Scores from the sums of log-probabilities.
    fn scored(&self, sums: &[f64]) -> Chosen {
        if sums.len() != self.options.len() || sums.iter().any(|sum| !sum.is_finite()) {
            return Err(EngineError::NotANumber);
        }
        let options = self.options.iter().zip(sums);
        let scores = options.map(|(option, &logprob)| OptionScore { logprob, n_tokens: option.len() as u32 }).collect();
        Ok((scores, self.prompt.len() as u32))
    }
}

/// Most rows that are scored as one tree. More share no more of the prompt; a cancel waits for a part of them only.
const MAX_TREE_ROWS: usize = 1024;

/// How many tokens both begin with.
fn n_common(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

impl<F: Forward> LanguageModel<F> {
    /// Answers many choices at once: those with a common beginning form a tree that is read in one go, whose beginning
    /// is read once. Gives the place of each in the batch with its scores, the same up to rounding as one at a time.
    pub(super) async fn choose_together(
        &mut self,
        choices: &[Choice<'_>],
        control: &Control<'_>,
    ) -> Vec<(usize, Chosen)> {
        let mut answers = Vec::with_capacity(choices.len());
        let mut waiting = Vec::with_capacity(choices.len());
        for choice in choices {
            match self.tokenized(choice) {
                Ok(tokenized) => waiting.push(tokenized),
                Err(error) => answers.push((choice.index, Err(error))),
            }
        }
        // Prompts with a common beginning become neighbors.
        waiting.sort_by(|a, b| a.prompt.cmp(&b.prompt).then(a.index.cmp(&b.index)));
        let mut rest = waiting.as_slice();
        while let Some(first) = rest.first() {
            let (mut n, mut shared) = (1, first.prompt.len() - 1);
            while let Some(next) = rest.get(n) {
                let common = n_common(&first.prompt, &next.prompt).min(shared).min(next.prompt.len() - 1);
                let group = rest.get(..=n).unwrap_or_default();
                let n_rows: usize = group.iter().map(|choice| choice.trunk(common).n_rows()).sum();
                // A neighbor that shares much less would make the others read their own beginning again.
                let related = common * 2 >= shared || shared < 16;
                if !related || n_rows > MAX_TREE_ROWS || common + n_rows > self.context_length() {
                    break;
                }
                (n, shared) = (n + 1, common);
            }
            let (group, others) = rest.split_at(n);
            rest = others;
            let scored = self.choose_group(group, shared, control).await;
            match scored {
                Ok(scores) => {
                    for (choice, sums) in group.iter().zip(scores) {
                        answers.push((choice.index, choice.scored(&sums)));
                    }
                }
                Err(error) => answers.extend(group.iter().map(|choice| (choice.index, Err(error.clone())))),
            }
        }
        answers
    }

    fn tokenized(&self, choice: &Choice<'_>) -> Result<Tokenized, EngineError> {
        let prompt = self.prompt_tokens(choice.prompt)?;
        let options: Vec<Vec<u32>> =
            choice.options.iter().map(|option| self.encode(option, false)).collect::<Result<_, _>>()?;
        if prompt.is_empty() || options.is_empty() || options.iter().any(Vec::is_empty) {
            return Err(EngineError::EmptyInput);
        }
        let tokenized = Tokenized { index: choice.index, prompt, options };
        let longest = tokenized.options.iter().map(Vec::len).max().unwrap_or(1);
        self.check_context(tokenized.prompt.len() + longest - 1)?;
        Ok(tokenized)
    }

    /// Sums of log-probabilities of a group's options; its prompts share at least `shared` tokens.
    async fn choose_group(
        &mut self,
        group: &[Tokenized],
        shared: usize,
        control: &Control<'_>,
    ) -> Result<Vec<Vec<f64>>, EngineError> {
        let Some(first) = group.first() else { return Ok(Vec::new()) };
        if control.cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let n_rows: usize = group.iter().map(|choice| choice.trunk(shared).n_rows()).sum();
        if shared + n_rows > self.context_length() {
            // One prompt whose options do not fit side by side.
            let mut scores = Vec::with_capacity(group.len());
            for choice in group {
                let (options, _) = self.choose_tokens(choice.index, &choice.prompt, &choice.options, control).await?;
                scores.push(options.iter().map(|option| option.logprob).collect());
            }
            return Ok(scores);
        }
        let beginning = first.prompt.get(..shared).unwrap_or_default();
        if self.n_cached(beginning) < shared {
            self.read_prompt(beginning, first.index, control).await?;
        }
        self.truncate_cache(shared);
        let trunks: Vec<Trunk<'_>> = group.iter().map(|choice| choice.trunk(shared)).collect();
        let scores = self.forward.score_trunks(shared, &trunks, control).await?;
        if scores.len() != group.len() {
            let detail = format!("{} scores for {} prompts", scores.len(), group.len());
            return Err(EngineError::Backend { detail });
        }
        Ok(scores)
    }

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
        let Tokenized { prompt, options, .. } = self.tokenized(&Choice { index: request, prompt, options })?;
        self.choose_tokens(request, &prompt, &options, control).await
    }

    async fn choose_tokens(
        &mut self,
        request: usize,
        prompt: &[u32],
        options: &[Vec<u32>],
        control: &Control<'_>,
    ) -> Chosen {
        self.read_prompt(prompt, request, control).await?;
        let mut scores = Vec::with_capacity(options.len());
        for option in options {
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
