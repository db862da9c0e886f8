//! A sentence encoder behind the one trait of engines: it answers what asks for the states of a text and nothing else.

use super::sentence_encoder::SentenceEncoder;
use crate::eval::engine::{Control, Engine, EngineError, EngineInfo, LayerState, Pool, Prompt, Request, Response};

/// A sentence encoder with what is told of it.
pub struct EncoderEngine {
    encoder: SentenceEncoder,
    info: EngineInfo,
}

impl EncoderEngine {
    /// From an encoder.
    pub fn new(encoder: SentenceEncoder, info: EngineInfo) -> Self {
        Self { encoder, info }
    }

    fn one(&self, request: &Request, control: &Control<'_>) -> Result<Response, EngineError> {
        if control.cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let Request::Features { prompt: Prompt::Text(before) | Prompt::Raw(before), text, layers, pool } = request
        else {
            return Err(EngineError::Backend { detail: "this model embeds texts and answers no question".to_owned() });
        };
        if *pool != Pool::Mean {
            let detail = "a sentence encoder's embedding is the mean over its tokens".to_owned();
            return Err(EngineError::Backend { detail });
        }
        let started = (control.now)();
        let (n_tokens, means) = self.encoder.layers(&format!("{before}{text}"))?;
        let states = (0..)
            .zip(means)
            .filter(|(layer, _)| layers.is_empty() || layers.contains(layer))
            .map(|(layer, vector)| LayerState { layer, vector })
            .collect();
        Ok(Response::Features { n_tokens, states, millis: ((control.now)() - started).max(0.0) })
    }
}

impl Engine for EncoderEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn respond(&mut self, requests: &[Request], control: &Control<'_>) -> Vec<Result<Response, EngineError>> {
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            answers.push(self.one(request, control));
            (control.breathe)().await;
        }
        answers
    }
}
