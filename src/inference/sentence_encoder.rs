//! Sentence embeddings by a BERT encoder (Devlin et al. 2019; `MiniLM`, Wang et al. 2020): tokens in, one unit vector out,
//! the mean of the last states over the tokens (Reimers and Gurevych 2019). On the processor, in `f32`.

use serde::Deserialize;
use tokenizers::Tokenizer;
use tokenizers::utils::truncation::TruncationParams;

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

/// `y = W x + b`, row by row.
struct Linear {
    /// (outputs, inputs).
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    fn read(file: &Safetensors<'_>, name: &str, n_out: usize, n_in: usize) -> Result<Self, FormatError> {
        Ok(Self {
            weight: file.values(&format!("{name}.weight"), &[n_out, n_in])?,
            bias: file.values(&format!("{name}.bias"), &[n_out])?,
        })
    }

    /// `x`: (T, inputs) to (T, outputs).
    fn apply(&self, x: &[f32]) -> Vec<f32> {
        let n_in = self.weight.len() / self.bias.len();
        let mut out = Vec::with_capacity(x.len() / n_in * self.bias.len());
        for row in x.chunks_exact(n_in) {
            out.extend(self.weight.chunks_exact(n_in).zip(&self.bias).map(|(weight, bias)| dot(weight, row) + bias));
        }
        out
    }
}

/// Eight sums side by side, so that the loop becomes SIMD; the order of addition is fixed.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

struct LayerNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    eps: f32,
}

impl LayerNorm {
    fn read(file: &Safetensors<'_>, name: &str, n: usize, eps: f32) -> Result<Self, FormatError> {
        let weight = file.values(&format!("{name}.weight"), &[n])?;
        Ok(Self { weight, bias: file.values(&format!("{name}.bias"), &[n])?, eps })
    }

    /// In place, row by row.
    fn apply(&self, x: &mut [f32]) {
        let n = self.weight.len();
        for row in x.chunks_exact_mut(n) {
            let mean = row.iter().sum::<f32>() / n as f32;
            let variance = row.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / n as f32;
            let scale = 1.0 / (variance + self.eps).sqrt();
            for ((value, weight), bias) in row.iter_mut().zip(&self.weight).zip(&self.bias) {
                *value = (*value - mean) * scale * weight + bias;
            }
        }
    }
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
        let states = self.states(&self.tokens(text)?)?;
        let n = self.config.hidden_size;
        let mut mean = vec![0.0_f32; n];
        for row in states.chunks_exact(n) {
            for (sum, value) in mean.iter_mut().zip(row) {
                *sum += value;
            }
        }
        let length = dot(&mean, &mean).sqrt();
        if !length.is_finite() || length == 0.0 {
            return Err(EngineError::NotANumber);
        }
        Ok(mean.into_iter().map(|value| value / length).collect())
    }

    /// States after the last layer, (T, `hidden_size`).
    fn states(&self, tokens: &[u32]) -> Result<Vec<f32>, EngineError> {
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
        for layer in &self.layers {
            self.block(layer, &mut x);
        }
        Ok(x)
    }

    /// One block, in place; norms stand after the additions.
    fn block(&self, layer: &Layer, x: &mut [f32]) {
        let add = |x: &mut [f32], y: &[f32]| x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
        let (q, k, v) = (layer.query.apply(x), layer.key.apply(x), layer.value.apply(x));
        add(x, &layer.output.apply(&self.attend(&q, &k, &v)));
        layer.attention_norm.apply(x);
        let mut up = layer.up.apply(x);
        for value in &mut up {
            // The exact GELU, as BERT has it.
            *value = (0.5 * f64::from(*value) * (1.0 + libm::erf(f64::from(*value) * std::f64::consts::FRAC_1_SQRT_2)))
                as f32;
        }
        add(x, &layer.down.apply(&up));
        layer.output_norm.apply(x);
    }

    /// Attention of every token to every token, head by head.
    fn attend(&self, q: &[f32], k: &[f32], v: &[f32]) -> Vec<f32> {
        let n = self.config.hidden_size;
        let head = n / self.config.num_attention_heads;
        let scale = 1.0 / (head as f32).sqrt();
        let mut out = vec![0.0_f32; q.len()];
        for (q, out) in q.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
            for start in (0..n).step_by(head) {
                let range = start..start + head;
                let mut weights: Vec<f32> =
                    k.chunks_exact(n).map(|k| dot(&q[range.clone()], &k[range.clone()]) * scale).collect();
                let top = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let mut sum = 0.0;
                for weight in &mut weights {
                    *weight = libm::expf(*weight - top);
                    sum += *weight;
                }
                for (weight, v) in weights.iter().zip(v.chunks_exact(n)) {
                    for (out, v) in out[range.clone()].iter_mut().zip(&v[range.clone()]) {
                        *out += weight / sum * v;
                    }
                }
            }
        }
        out
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
        let torn = SentenceEncoder::new(WEIGHTS, b"{", CONFIG).err();
        assert!(matches!(torn, Some(FormatError::Tokenizer { .. })));
    }
}
