//! CLIP (Radford et al. 2021): a vision and a text tower whose vectors are compared. Eleven prompts are encoded once, ten
//! for `VisAlign`'s classes and one for everything else; a picture's logits are its cosines with them times the trained
//! scale.

use serde::Deserialize;
use tokenizers::Tokenizer;
use tokenizers::utils::truncation::TruncationParams;

use super::picture::Picture;
use super::vit::{Block, Shape, TowerConfig, Vit};
use crate::cpu::dense::{LayerNorm, Linear, dot};
use crate::formats::FormatError;
use crate::formats::safetensors::Safetensors;

/// What is compared with a picture: `VisAlign`'s classes in their order, then what is none of them. The words are ours;
/// the paper trains its models on the classes.
pub const PROMPTS: [&str; 11] = [
    "a photo of a tiger",
    "a photo of a zebra",
    "a photo of a camel",
    "a photo of a giraffe",
    "a photo of an elephant",
    "a photo of a rhinoceros",
    "a photo of a gorilla",
    "a photo of a bear",
    "a photo of a kangaroo",
    "a photo of a person",
    "a photo of something else",
];

#[derive(Deserialize)]
struct Config {
    model_type: String,
    projection_dim: usize,
    #[serde(rename = "vision_config")]
    vision: TowerConfig,
    #[serde(rename = "text_config")]
    text: TowerConfig,
}

/// The text tower.
struct TextTower {
    tokenizer: Tokenizer,
    config: TowerConfig,
    /// Of tokens and positions.
    embeddings: [Vec<f32>; 2],
    blocks: Vec<Block>,
    norm: LayerNorm,
    projection: Linear,
}

fn damaged(detail: impl Into<String>) -> FormatError {
    FormatError::Header { detail: detail.into() }
}

impl TextTower {
    fn read(
        file: &Safetensors<'_>,
        tokenizer: &[u8],
        config: &TowerConfig,
        projection: usize,
    ) -> Result<Self, FormatError> {
        config.check()?;
        let n = config.hidden_size;
        let wrong = |error: tokenizers::Error| FormatError::Tokenizer { detail: error.to_string() };
        let mut tokenizer = Tokenizer::from_bytes(tokenizer).map_err(wrong)?;
        let max_length = config.max_position_embeddings.max(2);
        tokenizer
            .with_truncation(Some(TruncationParams { max_length, ..TruncationParams::default() }))
            .map_err(wrong)?;
        tokenizer.with_padding(None);
        let blocks: Result<Vec<Block>, FormatError> = (0..config.num_hidden_layers)
            .map(|at| Block::read(file, &format!("text_model.encoder.layers.{at}."), config))
            .collect();
        let table = |name: &str, rows: usize| file.values(&format!("text_model.embeddings.{name}.weight"), &[rows, n]);
        Ok(Self {
            tokenizer,
            embeddings: [
                table("token_embedding", config.vocab_size)?,
                table("position_embedding", config.max_position_embeddings)?,
            ],
            blocks: blocks?,
            norm: LayerNorm::read(file, "text_model.final_layer_norm", n, config.layer_norm_eps)?,
            projection: Linear::read_without_bias(file, "text_projection", projection, n)?,
            config: config.clone(),
        })
    }

    /// The vector of a text, of length one.
    fn encode(&self, text: &str) -> Result<Vec<f32>, FormatError> {
        let encoded = self.tokenizer.encode_fast(text, true);
        let encoded = encoded.map_err(|error| FormatError::Tokenizer { detail: error.to_string() })?;
        let tokens = encoded.get_ids();
        let n = self.config.hidden_size;
        let [words, positions] = &self.embeddings;
        let mut x = Vec::with_capacity(tokens.len() * n);
        for (position, token) in tokens.iter().enumerate() {
            let at = *token as usize;
            let parts = (words.get(at * n..(at + 1) * n), positions.get(position * n..(position + 1) * n));
            let (Some(word), Some(place)) = parts else {
                return Err(FormatError::Tokenizer { detail: format!("the vocabulary has no token {token}") });
            };
            x.extend(word.iter().zip(place).map(|(a, b)| a + b));
        }
        for block in &self.blocks {
            block.apply(&mut x, self.config.shape(), true);
        }
        self.norm.apply(&mut x);
        // Early files name token 2 as the end, which it is not: there the end is the largest token.
        let end = if self.config.eos_token_id == 2 {
            tokens.iter().enumerate().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(&a.0))).map(|(at, _)| at)
        } else {
            tokens.iter().position(|token| *token == self.config.eos_token_id)
        };
        let end = end.ok_or_else(|| FormatError::Tokenizer { detail: "a text has no end".to_owned() })?;
        unit(self.projection.apply(&x[end * n..(end + 1) * n]))
    }
}

/// Made of length one.
fn unit(vector: Vec<f32>) -> Result<Vec<f32>, FormatError> {
    let length = dot(&vector, &vector).sqrt();
    if !length.is_finite() || length == 0.0 {
        return Err(damaged("a vector of the model has no length"));
    }
    Ok(vector.into_iter().map(|value| value / length).collect())
}

/// Both towers, the texts encoded.
pub struct Clip {
    vision: Vit,
    projection: Linear,
    /// Unit vectors of the texts.
    texts: Vec<Vec<f32>>,
    scale: f32,
}

impl Clip {
    /// From the files of a published model, for these texts.
    ///
    /// # Errors
    /// [`FormatError::Family`] for another architecture, what is missing or has another shape.
    pub fn new(weights: &[u8], tokenizer: &[u8], config: &[u8], texts: &[&str]) -> Result<Self, FormatError> {
        let config: Config =
            serde_json::from_slice(config).map_err(|error| damaged(format!("config.json: {error}")))?;
        if config.model_type != "clip" {
            return Err(FormatError::Family { family: config.model_type });
        }
        let file = Safetensors::new(weights)?;
        let tower = TextTower::read(&file, tokenizer, &config.text, config.projection_dim)?;
        let scale = file.values("logit_scale", &[])?.first().copied().unwrap_or_default();
        let texts: Result<Vec<Vec<f32>>, FormatError> = texts.iter().map(|text| tower.encode(text)).collect();
        let width = config.vision.hidden_size;
        Ok(Self {
            vision: Vit::new(&file, &config.vision, Shape::Clip)?,
            projection: Linear::read_without_bias(&file, "visual_projection", config.projection_dim, width)?,
            texts: texts?,
            scale: libm::expf(scale),
        })
    }

    /// The projected features of a picture, and one logit a text.
    ///
    /// # Errors
    /// Features without a length.
    pub fn compare(&self, picture: &Picture) -> Result<(Vec<f32>, Vec<f32>), FormatError> {
        let features = self.projection.apply(&self.vision.features(picture));
        let direction = unit(features.clone())?;
        let logits = self.texts.iter().map(|text| self.scale * dot(text, &direction)).collect();
        Ok((features, logits))
    }
}
