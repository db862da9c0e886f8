//! CLIP (Radford et al. 2021): a vision and a text tower whose vectors are compared. Eleven prompts are encoded once, ten
//! for `VisAlign`'s classes and one for everything else; a picture's logits are its cosines with them times the trained
//! scale.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokenizers::Tokenizer;
use tokenizers::utils::truncation::TruncationParams;

use super::picture::Picture;
use super::vit::{Block, Shape, TowerConfig, Vit};
use crate::cpu::dense::{LayerNorm, Linear, dot};
use crate::eval::sight::CLIP_FAMILY;
use crate::formats::FormatError;
use crate::formats::safetensors::Safetensors;

/// Most values of a projected vector.
const MAX_PROJECTION: usize = 8192;

#[derive(Deserialize)]
struct Config {
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

/// An error that says which of the three files it is about.
fn in_file<E: std::fmt::Display>(name: &'static str) -> impl Fn(E) -> FormatError {
    move |error| FormatError::InFile { file: name, detail: error.to_string() }
}

/// What published files leave out because it is the library's default (transformers' `CLIPConfig`).
fn with_defaults(mut config: Value) -> Value {
    let tower = |own: Option<&Value>, defaults: Value| {
        let mut all: Map<String, Value> = defaults.as_object().cloned().unwrap_or_default();
        all.extend(own.and_then(Value::as_object).cloned().unwrap_or_default());
        Value::Object(all)
    };
    let vision = json!({
        "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
        "image_size": 224, "patch_size": 32, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
    });
    let text = json!({
        "vocab_size": 49408, "hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12,
        "num_attention_heads": 8, "max_position_embeddings": 77, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
        "eos_token_id": 49407,
    });
    let (vision, text) = (tower(config.get("vision_config"), vision), tower(config.get("text_config"), text));
    if let Some(config) = config.as_object_mut() {
        config.insert("vision_config".to_owned(), vision);
        config.insert("text_config".to_owned(), text);
        config.entry("projection_dim").or_insert_with(|| json!(512));
    }
    config
}

impl TextTower {
    fn read(
        file: &Safetensors<'_>,
        tokenizer: &[u8],
        config: &TowerConfig,
        projection: usize,
    ) -> Result<Self, FormatError> {
        let n = config.hidden_size;
        let wrong = in_file::<tokenizers::Error>("tokenizer.json");
        let mut tokenizer = Tokenizer::from_bytes(tokenizer).map_err(&wrong)?;
        let max_length = config.max_position_embeddings.max(2);
        tokenizer
            .with_truncation(Some(TruncationParams { max_length, ..TruncationParams::default() }))
            .map_err(&wrong)?;
        tokenizer.with_padding(None);
        let in_weights = in_file::<FormatError>("model.safetensors");
        let blocks: Result<Vec<Block>, FormatError> = (0..config.num_hidden_layers)
            .map(|at| Block::read(file, &format!("text_model.encoder.layers.{at}."), config))
            .collect();
        let table = |name: &str, rows: usize| {
            file.values(&format!("text_model.embeddings.{name}.weight"), &[rows, n]).map_err(&in_weights)
        };
        let projection = Linear::read_without_bias(file, "text_projection", projection, n);
        let norm = LayerNorm::read(file, "text_model.final_layer_norm", n, config.layer_norm_eps);
        Ok(Self {
            tokenizer,
            embeddings: [
                table("token_embedding", config.vocab_size)?,
                table("position_embedding", config.max_position_embeddings)?,
            ],
            blocks: blocks.map_err(&in_weights)?,
            norm: norm.map_err(&in_weights)?,
            projection: projection.map_err(&in_weights)?,
            config: config.clone(),
        })
    }

    /// The vector of a text, of length one.
    fn encode(&self, text: &str) -> Result<Vec<f32>, FormatError> {
        let encoded = self.tokenizer.encode_fast(text, true);
        let encoded = encoded.map_err(in_file::<tokenizers::Error>("tokenizer.json"))?;
        let tokens = encoded.get_ids();
        let n = self.config.hidden_size;
        let [words, positions] = &self.embeddings;
        let mut x = Vec::with_capacity(tokens.len() * n);
        for (position, token) in tokens.iter().enumerate() {
            let at = *token as usize;
            let parts = (words.get(at * n..(at + 1) * n), positions.get(position * n..(position + 1) * n));
            let (Some(word), Some(place)) = parts else {
                let known = self.config.vocab_size;
                let words = format!("it gives token {token}, and the model knows {known}: it belongs to another model");
                return Err(in_file("tokenizer.json")(words));
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
        let end = end.ok_or_else(|| {
            let wanted = self.config.eos_token_id;
            in_file("tokenizer.json")(format!("a text does not end with token {wanted}, which config.json names"))
        })?;
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
    /// One sentence that names the file: another architecture, what is missing or has another shape.
    pub fn new(weights: &[u8], tokenizer: &[u8], config: &[u8], texts: &[&str]) -> Result<Self, FormatError> {
        let config: Value = serde_json::from_slice(config).map_err(in_file("config.json"))?;
        let family = config.get("model_type").and_then(Value::as_str).unwrap_or_default();
        if family != CLIP_FAMILY {
            return Err(in_file("config.json")(format!("the model's type is {family:?} and not \"clip\"")));
        }
        let config: Config = serde_json::from_value(with_defaults(config)).map_err(in_file("config.json"))?;
        config.text.check().map_err(in_file("config.json"))?;
        config.vision.check().map_err(in_file("config.json"))?;
        if !(1..=MAX_PROJECTION).contains(&config.projection_dim) {
            return Err(in_file("config.json")(format!("{} projected values", config.projection_dim)));
        }
        let in_weights = in_file::<FormatError>("model.safetensors");
        let file = Safetensors::new(weights).map_err(&in_weights)?;
        let tower = TextTower::read(&file, tokenizer, &config.text, config.projection_dim)?;
        let scale = file.values("logit_scale", &[]).map_err(&in_weights)?.first().copied().unwrap_or_default();
        let texts: Result<Vec<Vec<f32>>, FormatError> = texts.iter().map(|text| tower.encode(text)).collect();
        let width = config.vision.hidden_size;
        Ok(Self {
            vision: Vit::new(&file, &config.vision, Shape::Clip).map_err(&in_weights)?,
            projection: Linear::read_without_bias(&file, "visual_projection", config.projection_dim, width)
                .map_err(&in_weights)?,
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
