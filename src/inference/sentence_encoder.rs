//! Sentence embeddings by a BERT encoder (Devlin et al. 2019; `MiniLM`, Wang et al. 2020): tokens in, one unit vector out,
//! the mean of the last states over the tokens (Reimers and Gurevych 2019). On the processor, in `f32`.

use serde::Deserialize;
use tokenizers::Tokenizer;
use tokenizers::utils::truncation::TruncationParams;

use crate::cpu::dense::{Activation, LayerNorm, Linear, add, attend, dot};
use crate::eval::engine::EngineError;
use crate::formats::FormatError;
use crate::formats::safetensors::Safetensors;

/// Tokens of a text that are read; what follows is left out, as in the published model.
const MAX_TOKENS: usize = 256;

/// The parts of `config.json` that matter.
#[derive(Debug, Clone, Deserialize)]
struct Config {
    model_type: String,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    vocab_size: usize,
    layer_norm_eps: f32,
    hidden_act: String,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    attention_norm: LayerNorm,
    up: Linear,
    down: Linear,
    output_norm: LayerNorm,
}

/// An encoder of sentences.
pub struct SentenceEncoder {
    tokenizer: Tokenizer,
    config: Config,
    /// Of tokens, positions and the first segment.
    embeddings: [Vec<f32>; 3],
    norm: LayerNorm,
    layers: Vec<Layer>,
}

/// Refuses a template of what stands around a text that names tokens it does not define, or a second text: the tokenizers
/// crate would panic at the first text.
fn check_template(processor: &serde_json::Value) -> Result<(), FormatError> {
    let list = |key: &str| processor[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_known = |piece: &serde_json::Value| match (&piece["SpecialToken"]["id"], &piece["Sequence"]["id"]) {
        (serde_json::Value::String(token), _) => processor["special_tokens"].get(token).is_some(),
        (_, sequence) => sequence == "A",
    };
    if processor["type"] == "TemplateProcessing" && !list("single").iter().all(is_known) {
        let detail = "its template names a token or a text that it does not define".to_owned();
        return Err(FormatError::Tokenizer { detail });
    }
    list("processors").iter().try_for_each(check_template)
}

impl SentenceEncoder {
    /// From the files of a published model: `model.safetensors`, `tokenizer.json`, `config.json`.
    ///
    /// # Errors
    /// [`FormatError::Family`] for another architecture, [`FormatError::Tokenizer`], and what [`Safetensors`] says.
    pub fn new(weights: &[u8], tokenizer: &[u8], config: &[u8]) -> Result<Self, FormatError> {
        let config: Config = serde_json::from_slice(config)
            .map_err(|error| FormatError::Header { detail: format!("config.json: {error}") })?;
        if config.model_type != "bert" || config.hidden_act != "gelu" {
            let family = format!("{} with {}", config.model_type, config.hidden_act);
            return Err(FormatError::Family { family });
        }
        let (n, eps) = (config.hidden_size, config.layer_norm_eps);
        if config.num_attention_heads == 0 || !n.is_multiple_of(config.num_attention_heads) || n == 0 {
            let detail = format!("{n} values do not divide into {} heads", config.num_attention_heads);
            return Err(FormatError::Header { detail });
        }
        let wrong = |error: tokenizers::Error| FormatError::Tokenizer { detail: error.to_string() };
        let file: serde_json::Value = serde_json::from_slice(tokenizer).map_err(|error| wrong(error.into()))?;
        check_template(&file["post_processor"])?;
        let mut tokenizer = Tokenizer::from_bytes(tokenizer).map_err(wrong)?;
        let max_length = MAX_TOKENS.min(config.max_position_embeddings);
        tokenizer
            .with_truncation(Some(TruncationParams { max_length, ..TruncationParams::default() }))
            .map_err(wrong)?;
        tokenizer.with_padding(None);
        let file = Safetensors::new(weights)?;
        let linear = |name: String, n_out, n_in| Linear::read(&file, &name, n_out, n_in);
        let mut layers = Vec::new();
        for index in 0..config.num_hidden_layers {
            let of = |part: &str| format!("encoder.layer.{index}.{part}");
            layers.push(Layer {
                query: linear(of("attention.self.query"), n, n)?,
                key: linear(of("attention.self.key"), n, n)?,
                value: linear(of("attention.self.value"), n, n)?,
                output: linear(of("attention.output.dense"), n, n)?,
                attention_norm: LayerNorm::read(&file, &of("attention.output.LayerNorm"), n, eps)?,
                up: linear(of("intermediate.dense"), config.intermediate_size, n)?,
                down: linear(of("output.dense"), n, config.intermediate_size)?,
                output_norm: LayerNorm::read(&file, &of("output.LayerNorm"), n, eps)?,
            });
        }
        let table = |name: &str, rows: usize| file.values(&format!("embeddings.{name}_embeddings.weight"), &[rows, n]);
        let n_segments =
            file.shape("embeddings.token_type_embeddings.weight").and_then(<[usize]>::first).copied().unwrap_or(2);
        Ok(Self {
            tokenizer,
            embeddings: [
                table("word", config.vocab_size)?,
                table("position", config.max_position_embeddings)?,
                table("token_type", n_segments)?,
            ],
            norm: LayerNorm::read(&file, "embeddings.LayerNorm", n, eps)?,
            layers,
            config,
        })
    }

    /// From one file that carries tokenizer and configuration in its metadata, as `tools/model.py minilm` makes it.
    ///
    /// # Errors
    /// As [`Self::new`]; [`FormatError::MissingKey`] where the file does not carry them.
    pub fn from_bundle(bytes: &[u8]) -> Result<Self, FormatError> {
        let file = Safetensors::new(bytes)?;
        let text = |name: &str| file.metadata(name).ok_or_else(|| FormatError::MissingKey { key: name.to_owned() });
        Self::new(bytes, text("tokenizer.json")?.as_bytes(), text("config.json")?.as_bytes())
    }

    /// Most tokens of a text that are read.
    pub fn max_tokens(&self) -> usize {
        MAX_TOKENS.min(self.config.max_position_embeddings)
    }

    /// Ids of a text with the tokens that the model puts around it.
    ///
    /// # Errors
    /// [`EngineError::Tokenize`].
    pub fn tokens(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        let encoded = self.tokenizer.encode_fast(text, true);
        encoded.map(|it| it.get_ids().to_vec()).map_err(|error| EngineError::Tokenize { detail: error.to_string() })
    }

    /// The embedding of a text: a vector of length 1.
    ///
    /// # Errors
    /// [`EngineError::Tokenize`], [`EngineError::EmptyInput`], [`EngineError::NotANumber`].
    pub fn embed(&self, text: &str) -> Result<Vec<f32>, EngineError> {
        let mut mean = Vec::new();
        self.pass(&self.tokens(text)?, |states| mean = self.mean(states))?;
        let length = dot(&mean, &mean).sqrt();
        if !length.is_finite() || length == 0.0 {
            return Err(EngineError::NotANumber);
        }
        Ok(mean.into_iter().map(|value| value / length).collect())
    }

    /// Tokens of a text, and the mean of their states before the first layer and after each; the last one points where
    /// the embedding does.
    ///
    /// # Errors
    /// As [`Self::embed`].
    pub fn layers(&self, text: &str) -> Result<(u32, Vec<Vec<f32>>), EngineError> {
        let tokens = self.tokens(text)?;
        let mut means = Vec::with_capacity(self.layers.len() + 1);
        self.pass(&tokens, |states| means.push(self.mean(states)))?;
        if means.iter().flatten().any(|value| !value.is_finite()) {
            return Err(EngineError::NotANumber);
        }
        Ok((tokens.len() as u32, means))
    }

    /// The mean over tokens.
    fn mean(&self, states: &[f32]) -> Vec<f32> {
        let n = self.config.hidden_size;
        let mut mean = vec![0.0_f32; n];
        for row in states.chunks_exact(n) {
            for (sum, value) in mean.iter_mut().zip(row) {
                *sum += value;
            }
        }
        let n_tokens = (states.len() / n).max(1) as f32;
        mean.into_iter().map(|sum| sum / n_tokens).collect()
    }

    /// Hands on the states before the first layer and after each, (T, `hidden_size`).
    fn pass(&self, tokens: &[u32], mut after: impl FnMut(&[f32])) -> Result<(), EngineError> {
        if tokens.is_empty() {
            return Err(EngineError::EmptyInput);
        }
        let n = self.config.hidden_size;
        let [words, positions, segments] = &self.embeddings;
        let row = |table: &[f32], at: usize| table.get(at * n..(at + 1) * n).map(<[f32]>::to_vec);
        let mut x = Vec::with_capacity(tokens.len() * n);
        for (position, &token) in tokens.iter().enumerate() {
            let parts = (row(words, token as usize), row(positions, position), row(segments, 0));
            let (Some(word), Some(place), Some(segment)) = parts else {
                return Err(EngineError::Tokenize { detail: format!("the vocabulary has no token {token}") });
            };
            x.extend(word.iter().zip(&place).zip(&segment).map(|((a, b), c)| a + b + c));
        }
        self.norm.apply(&mut x);
        after(&x);
        for layer in &self.layers {
            self.block(layer, &mut x);
            after(&x);
        }
        Ok(())
    }

    /// One block, in place; norms stand after the additions.
    fn block(&self, layer: &Layer, x: &mut [f32]) {
        let (q, k, v) = (layer.query.apply(x), layer.key.apply(x), layer.value.apply(x));
        add(
            x,
            &layer.output.apply(&attend(&q, &k, &v, (self.config.hidden_size, self.config.num_attention_heads), false)),
        );
        layer.attention_norm.apply(x);
        let mut up = layer.up.apply(x);
        Activation::Gelu.apply(&mut up);
        add(x, &layer.down.apply(&up));
        layer.output_norm.apply(x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Case {
        text: String,
        tokens: Vec<u32>,
        embedding: Vec<f32>,
    }

    #[derive(Deserialize)]
    struct Golden {
        cases: Vec<Case>,
    }

    const WEIGHTS: &[u8] = include_bytes!("../../tests/golden/models/tiny-bert.safetensors");
    const TOKENIZER: &[u8] = include_bytes!("../../tests/golden/models/tiny-bert-tokenizer.json");
    const CONFIG: &[u8] = include_bytes!("../../tests/golden/models/tiny-bert-config.json");

    #[test]
    fn embeddings_are_those_of_transformers() {
        let encoder = SentenceEncoder::new(WEIGHTS, TOKENIZER, CONFIG).unwrap();
        let golden: Golden = serde_json::from_str(include_str!("../../tests/golden/models/tiny-bert.json")).unwrap();
        assert!(golden.cases.len() > 4);
        for case in golden.cases {
            assert_eq!(encoder.tokens(&case.text).unwrap(), case.tokens, "{:?}", case.text);
            let found = encoder.embed(&case.text).unwrap();
            let cosine = dot(&found, &case.embedding);
            let worst = found.iter().zip(&case.embedding).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(cosine > 0.999_99 && worst < 1e-4, "{:?}: {cosine} {worst}", case.text);
            let (n_tokens, layers) = encoder.layers(&case.text).unwrap();
            assert_eq!((n_tokens as usize, layers.len()), (case.tokens.len(), 3));
            let last = &layers[2];
            let cosine = dot(last, &case.embedding) / dot(last, last).sqrt();
            assert!(cosine > 0.999_99, "{:?}: {cosine}", case.text);
        }
    }

    #[test]
    fn other_files_are_refused() {
        let config = |from: &str, to: &str| String::from_utf8(CONFIG.to_vec()).unwrap().replace(from, to);
        let wrong = |config: &str| SentenceEncoder::new(WEIGHTS, TOKENIZER, config.as_bytes()).err();
        assert!(matches!(wrong(&config("\"bert\"", "\"roberta\"")), Some(FormatError::Family { .. })));
        assert!(matches!(wrong("{}"), Some(FormatError::Header { .. })));
        let heads = config("\"num_attention_heads\": 4", "\"num_attention_heads\": 5");
        assert!(matches!(wrong(&heads), Some(FormatError::Header { .. })));
        let deeper = config("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3");
        assert!(matches!(wrong(&deeper), Some(FormatError::MissingTensor { .. })));
        let cut = SentenceEncoder::new(&WEIGHTS[..100], TOKENIZER, CONFIG).err();
        assert!(matches!(cut, Some(FormatError::Truncated { .. })));
        assert!(matches!(SentenceEncoder::from_bundle(WEIGHTS).err(), Some(FormatError::MissingKey { .. })));
        let torn = SentenceEncoder::new(WEIGHTS, b"{", CONFIG).err();
        assert!(matches!(torn, Some(FormatError::Tokenizer { .. })));
    }
}
