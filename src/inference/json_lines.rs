//! Lines of JSON that ask one model something, as `headless` reads them, and the lines that answer.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::eval::engine::{Control, Engine, Message, Pool, Prompt, Request, Response, Steering};

use super::forward::Forward;
use super::language_model::LanguageModel;

/// A field that is text.
///
/// # Errors
/// Which field is missing, in words.
pub fn text_field(line: &Value, key: &str) -> Result<String, String> {
    let text = line.get(key).and_then(Value::as_str);
    Ok(text.ok_or_else(|| format!("the field {key:?} is missing or no text"))?.to_owned())
}

/// A field that may be missing.
///
/// # Errors
/// Which field is wrong, in words.
pub fn field_or<T: DeserializeOwned>(line: &Value, key: &str, default: T) -> Result<T, String> {
    line.get(key).map_or(Ok(default), |value| {
        serde_json::from_value(value.clone()).map_err(|error| format!("field {key:?}: {error}"))
    })
}

/// The prompt of a line: its `tokens`, `messages` or `prompt`.
///
/// # Errors
/// What is missing or wrong, in words.
pub fn prompt_of(line: &Value) -> Result<Prompt, String> {
    if line.get("tokens").is_some() {
        return Ok(Prompt::Tokens(field_or(line, "tokens", Vec::new())?));
    }
    if line.get("messages").is_some() {
        return Ok(Prompt::Chat(field_or::<Vec<Message>>(line, "messages", Vec::new())?));
    }
    Ok(Prompt::Raw(text_field(line, "prompt")?))
}

/// Asks one thing.
///
/// # Errors
/// What the engine says.
pub async fn ask<E: Engine>(engine: &mut E, request: Request, control: &Control<'_>) -> Result<Response, String> {
    let answer = engine.respond(&[request], control).await.pop();
    answer.ok_or("the engine gave no answer")?.map_err(|error| error.to_string())
}

/// Steering vectors as a file holds them: an object with `layer`, `vector` and `strength` (1 if there is none), or a
/// list of such. Layers count as those of [`Steering`]: `resid_post` of block l is l + 1.
///
/// # Errors
/// What is wrong with the text, in words.
pub fn steering_of(text: &str) -> Result<Vec<Steering>, String> {
    #[derive(serde::Deserialize)]
    struct Line {
        layer: u32,
        vector: Vec<f32>,
        #[serde(default = "one")]
        strength: f32,
    }
    fn one() -> f32 {
        1.0
    }
    let wrong = |error: serde_json::Error| format!("steering vectors: {error}");
    let value: Value = serde_json::from_str(text).map_err(wrong)?;
    let list = if value.is_array() { value } else { Value::Array(vec![value]) };
    let lines: Vec<Line> = serde_json::from_value(list).map_err(wrong)?;
    let steering = |Line { layer, vector, strength }| Steering { layer, vector, strength };
    Ok(lines.into_iter().map(steering).collect())
}

/// The request while vectors are added, if there are any.
pub fn steered(request: Request, steering: &[Steering]) -> Request {
    if steering.is_empty() {
        return request;
    }
    Request::Steered { steering: steering.to_vec(), request: Box::new(request) }
}

/// Hidden states by the names that mechanistic interpretability uses: block `l` gets `resid_pre` and leaves
/// `resid_post`. With `per_token` each state holds `vectors`, one a token.
///
/// # Errors
/// What is missing or wrong, in words.
pub async fn hidden<E: Engine>(
    engine: &mut E,
    line: &Value,
    per_token: bool,
    steering: &[Steering],
    control: &Control<'_>,
) -> Result<Value, String> {
    let text = line.get("text").map_or(Ok(String::new()), |_| text_field(line, "text"))?;
    let prompt = if line.get("prompt").is_none() && line.get("tokens").is_none() && !text.is_empty() {
        Prompt::Raw(String::new())
    } else {
        prompt_of(line)?
    };
    let mut sites: Vec<String> = field_or(line, "sites", Vec::new())?;
    if sites.is_empty() {
        sites.push("resid_post".to_owned());
    }
    if let Some(site) = sites.iter().find(|site| !["resid_pre", "resid_post"].contains(&site.as_str())) {
        return Err(format!("there is no site {site:?}; there are resid_pre and resid_post"));
    }
    let blocks: Vec<u32> = field_or(line, "layers", Vec::new())?;
    let pool = if per_token { Pool::Each } else { field_or(line, "pool", Pool::Last)? };
    let request = Request::Features { prompt, text, layers: Vec::new(), pool };
    let Response::Features { n_tokens, states, .. } = ask(engine, steered(request, steering), control).await? else {
        return Err("unexpected answer".to_owned());
    };
    let n_blocks = states.len().saturating_sub(1) as u32;
    if let Some(block) = blocks.iter().find(|&&block| block >= n_blocks) {
        return Err(format!("there is no layer {block}; the last is {}", n_blocks.saturating_sub(1)));
    }
    let mut found = Vec::new();
    for site in &sites {
        let passed = u32::from(site == "resid_post");
        for state in &states {
            if let Some(block) = state.layer.checked_sub(passed).filter(|&block| block < n_blocks)
                && (blocks.is_empty() || blocks.contains(&block))
            {
                found.push(if pool == Pool::Each {
                    let n_embd = state.vector.len() / (n_tokens as usize).max(1);
                    let vectors: Vec<&[f32]> = state.vector.chunks_exact(n_embd.max(1)).collect();
                    json!({"site": site, "layer": block, "vectors": vectors})
                } else {
                    json!({"site": site, "layer": block, "vector": state.vector})
                });
            }
        }
    }
    Ok(json!({"n_tokens": n_tokens, "states": found}))
}

/// Teacher forcing: the log-probability of each token of `text` after the prompt, which may be missing, with the `top`
/// most probable tokens in its place.
///
/// # Errors
/// What is missing or wrong, in words.
pub async fn logprobs<E: Engine>(
    engine: &mut E,
    line: &Value,
    top: u8,
    steering: &[Steering],
    control: &Control<'_>,
) -> Result<Value, String> {
    let has_prompt = ["prompt", "tokens", "messages"].iter().any(|key| line.get(key).is_some());
    let prompt = if has_prompt { prompt_of(line)? } else { Prompt::Raw(String::new()) };
    let request = Request::Forced { prompt, text: text_field(line, "text")?, n_top: top };
    let Response::Forced { tokens, .. } = ask(engine, steered(request, steering), control).await? else {
        return Err("unexpected answer".to_owned());
    };
    let sum: f64 = tokens.iter().map(|token| token.logprob).sum();
    Ok(json!({"n_tokens": tokens.len(), "sum": sum, "mean": sum / tokens.len() as f64, "tokens": tokens}))
}

/// KL divergence at each token of `continuation` between what follows `prompt` (p) and what follows `other_prompt` (q,
/// the same if missing), where q may be another model's or this one's while vectors are added.
///
/// # Errors
/// What is missing or wrong, in words; that nothing differs between p and q.
pub async fn divergence<F: Forward>(
    model: &mut LanguageModel<F>,
    other: Option<&mut LanguageModel<F>>,
    line: &Value,
    steering: &[Steering],
    control: &Control<'_>,
) -> Result<Value, String> {
    let prompt = prompt_of(line)?;
    let other_prompt = match line.get("other_prompt") {
        Some(_) => Prompt::Raw(text_field(line, "other_prompt")?),
        None if other.is_none() && steering.is_empty() => {
            return Err("give other_prompt, --other or --steer: the same prompt and model differ in nothing".to_owned());
        }
        None => prompt.clone(),
    };
    let continuation = Prompt::Raw(text_field(line, "continuation")?);
    let said = |error: crate::eval::engine::EngineError| error.to_string();
    let first = model.distributions(&prompt, &continuation, &[], control).await.map_err(said)?;
    let second = match other {
        Some(other) => other.distributions(&other_prompt, &continuation, steering, control).await,
        None => model.distributions(&other_prompt, &continuation, steering, control).await,
    };
    let tokens = model.compared(&first, &second.map_err(said)?).map_err(said)?;
    let mean = tokens.iter().map(|token| token.kl).sum::<f64>() / tokens.len() as f64;
    Ok(json!({"n_tokens": tokens.len(), "mean_kl": mean, "tokens": tokens}))
}
