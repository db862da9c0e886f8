//! An engine that answers by a rule instead of a model; for tests and labelled demonstrations.

use super::engine::{
    Backend, Control, Engine, EngineError, EngineInfo, Finish, OptionScore, Request, Response, SelfTest,
};

/// How a [`ScriptedEngine`] answers.
pub type Script = Box<dyn FnMut(&Request) -> Result<Response, EngineError>>;

/// Answers requests by a function.
pub struct ScriptedEngine {
    info: EngineInfo,
    script: Script,
}

impl ScriptedEngine {
    /// An engine that answers each request by `script`, whatever came before.
    pub fn new(script: impl FnMut(&Request) -> Result<Response, EngineError> + 'static) -> Self {
        Self {
            info: EngineInfo {
                model_id: "scripted".to_owned(),
                model_name: "Scripted answers".to_owned(),
                weights_sha256: None,
                size_bytes: 0,
                family: "none".to_owned(),
                quantization: "none".to_owned(),
                context_length: 2048,
                backend: Backend::Scripted,
                adapter: "a table of answers".to_owned(),
                self_test: SelfTest::Unverified { reason: "scripted answers are not computed".to_owned() },
                has_chat_template: None,
            },
            script: Box::new(script),
        }
    }
}

/// The answer to `Choose` with these sums of log-probabilities, one token an option.
pub fn choice(logprobs: &[f64]) -> Response {
    Response::Choice {
        options: logprobs.iter().map(|&logprob| OptionScore { logprob, n_tokens: 1 }).collect(),
        n_prompt_tokens: 1,
        millis: 0.0,
    }
}

/// The answer to `Choose` that prefers the option at `index` among `n`.
pub fn choose(index: usize, n: usize) -> Response {
    let logprobs: Vec<f64> = (0..n).map(|option| if option == index { -0.1 } else { -3.0 }).collect();
    choice(&logprobs)
}

/// The answer to `Generate` with this text.
pub fn text(text: &str) -> Response {
    Response::Text {
        text: text.to_owned(),
        tokens: Vec::new(),
        finish: Finish::EndOfTurn,
        n_prompt_tokens: 1,
        millis: 0.0,
    }
}

impl Engine for ScriptedEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn respond(&mut self, requests: &[Request], control: &Control<'_>) -> Vec<Result<Response, EngineError>> {
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            let answer =
                if control.cancel.is_cancelled() { Err(EngineError::Cancelled) } else { (self.script)(request) };
            answers.push(answer);
        }
        answers
    }
}
