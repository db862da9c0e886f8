//! Vision transformers (Dosovitskiy et al. 2021) of three published shapes: CLIP (Radford et al. 2021), `SigLIP` (Zhai et
//! al. 2023) and `DINOv2` (Oquab et al. 2023): picture in, one vector of pooled features out.
//!
//! They share the block (norm before attention, norm before the dense layers, both added) and differ in what stands
//! around it: CLIP has a class token and a norm before the blocks, `SigLIP` pools by attention of a learned probe, `DINOv2`
//! scales what each half of a block adds. The picture is always made as large as the positions of the file are, so that
//! none has to be interpolated.

use serde::Deserialize;

use super::picture::{Filter, Picture};
use crate::cpu::dense::{Activation, LayerNorm, Linear, add, attend};
use crate::formats::FormatError;
use crate::formats::safetensors::Safetensors;

/// Most pixels of a side that a file may ask for.
const MAX_SIDE: usize = 1024;
/// Most layers and values of a token.
const MAX_LAYERS: usize = 128;
const MAX_WIDTH: usize = 8192;

/// The parts of a `config.json` that matter, of a tower or of a text.
#[derive(Debug, Clone, Deserialize)]
pub struct TowerConfig {
    /// `clip`, `siglip_vision_model`, `dinov2`; missing inside of a model of two towers.
    #[serde(default)]
    pub model_type: String,
    /// Values of a token.
    pub hidden_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Heads of attention.
    pub num_attention_heads: usize,
    /// Values between the two dense layers.
    #[serde(default)]
    pub intermediate_size: usize,
    /// The same, as a multiple of the values of a token.
    #[serde(default)]
    pub mlp_ratio: usize,
    /// Pixels of a side.
    #[serde(default)]
    pub image_size: usize,
    /// Pixels of a patch's side.
    #[serde(default)]
    pub patch_size: usize,
    /// What stands between the dense layers.
    pub hidden_act: String,
    /// Added to the variance.
    pub layer_norm_eps: f32,
    /// Of a text: tokens known.
    #[serde(default)]
    pub vocab_size: usize,
    /// Of a text: most tokens.
    #[serde(default)]
    pub max_position_embeddings: usize,
    /// Of a text: the token that ends it.
    #[serde(default)]
    pub eos_token_id: u32,
}

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// CLIP.
    Clip,
    /// `SigLIP`.
    Siglip,
    /// `DINOv2`.
    Dinov2,
}

impl Shape {
    /// Mean and standard deviation of red, green and blue in 0 to 1 that the pictures were trained with.
    fn normalization(self) -> ([f32; 3], [f32; 3]) {
        match self {
            Self::Clip => ([0.481_454_66, 0.457_827_5, 0.408_210_73], [0.268_629_54, 0.261_302_6, 0.275_777_1]),
            Self::Siglip => ([0.5; 3], [0.5; 3]),
            Self::Dinov2 => ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        }
    }
}

fn damaged(detail: impl Into<String>) -> FormatError {
    FormatError::Header { detail: detail.into() }
}

/// A block of a transformer.
#[derive(Debug, Clone)]
pub struct Block {
    norms: [LayerNorm; 2],
    /// Query, key, value, output.
    attention: [Linear; 4],
    up: Linear,
    down: Linear,
    activation: Activation,
    /// What each half is multiplied by, in `DINOv2`.
    scales: Option<[Vec<f32>; 2]>,
}

impl Block {
    /// With CLIP's and `SigLIP`'s names below `prefix`.
    ///
    /// # Errors
    /// A tensor that is missing or has another shape.
    pub fn read(file: &Safetensors<'_>, prefix: &str, config: &TowerConfig) -> Result<Self, FormatError> {
        let (n, eps) = (config.hidden_size, config.layer_norm_eps);
        let wide = config.wide()?;
        let of = |part: &str| format!("{prefix}{part}");
        let linear = |part: &str| Linear::read(file, &of(part), n, n);
        Ok(Self {
            norms: [
                LayerNorm::read(file, &of("layer_norm1"), n, eps)?,
                LayerNorm::read(file, &of("layer_norm2"), n, eps)?,
            ],
            attention: [
                linear("self_attn.q_proj")?,
                linear("self_attn.k_proj")?,
                linear("self_attn.v_proj")?,
                linear("self_attn.out_proj")?,
            ],
            up: Linear::read(file, &of("mlp.fc1"), wide, n)?,
            down: Linear::read(file, &of("mlp.fc2"), n, wide)?,
            activation: config.activation()?,
            scales: None,
        })
    }

    fn read_dinov2(file: &Safetensors<'_>, prefix: &str, config: &TowerConfig) -> Result<Self, FormatError> {
        let (n, eps) = (config.hidden_size, config.layer_norm_eps);
        let wide = config.wide()?;
        let of = |part: &str| format!("{prefix}{part}");
        let linear = |part: &str| Linear::read(file, &of(part), n, n);
        Ok(Self {
            norms: [LayerNorm::read(file, &of("norm1"), n, eps)?, LayerNorm::read(file, &of("norm2"), n, eps)?],
            attention: [
                linear("attention.attention.query")?,
                linear("attention.attention.key")?,
                linear("attention.attention.value")?,
                linear("attention.output.dense")?,
            ],
            up: Linear::read(file, &of("mlp.fc1"), wide, n)?,
            down: Linear::read(file, &of("mlp.fc2"), n, wide)?,
            activation: config.activation()?,
            scales: Some([
                file.values(&of("layer_scale1.lambda1"), &[n])?,
                file.values(&of("layer_scale2.lambda1"), &[n])?,
            ]),
        })
    }

    /// In place, (T, n).
    pub fn apply(&self, x: &mut [f32], shape: (usize, usize), causal: bool) {
        let scaled = |mut y: Vec<f32>, half: usize| {
            if let Some(scales) = &self.scales {
                for row in y.chunks_exact_mut(shape.0) {
                    row.iter_mut().zip(&scales[half]).for_each(|(value, scale)| *value *= scale);
                }
            }
            y
        };
        let [query, key, value, output] = &self.attention;
        let mut normed = x.to_vec();
        self.norms[0].apply(&mut normed);
        let (q, k, v) = (query.apply(&normed), key.apply(&normed), value.apply(&normed));
        add(x, &scaled(output.apply(&attend(&q, &k, &v, shape, causal)), 0));
        let mut normed = x.to_vec();
        self.norms[1].apply(&mut normed);
        let mut up = self.up.apply(&normed);
        self.activation.apply(&mut up);
        add(x, &scaled(self.down.apply(&up), 1));
    }
}

impl TowerConfig {
    fn activation(&self) -> Result<Activation, FormatError> {
        Activation::from_name(&self.hidden_act).ok_or_else(|| FormatError::Family { family: self.hidden_act.clone() })
    }

    fn wide(&self) -> Result<usize, FormatError> {
        let wide = if self.intermediate_size > 0 {
            Some(self.intermediate_size)
        } else {
            self.hidden_size.checked_mul(self.mlp_ratio)
        };
        wide.filter(|wide| (1..=8 * MAX_WIDTH).contains(wide)).ok_or_else(|| damaged("the dense layers have no size"))
    }

    /// Checks what sizes are computed from.
    ///
    /// # Errors
    /// [`FormatError::Header`] for sizes that no model has.
    pub fn check(&self) -> Result<(), FormatError> {
        let (n, heads) = (self.hidden_size, self.num_attention_heads);
        if !(1..=MAX_WIDTH).contains(&n) || heads == 0 || !n.is_multiple_of(heads) {
            return Err(damaged(format!("{n} values do not divide into {heads} heads")));
        }
        if self.num_hidden_layers > MAX_LAYERS {
            return Err(damaged(format!("{} layers", self.num_hidden_layers)));
        }
        Ok(())
    }

    /// Values of a token and heads.
    pub fn shape(&self) -> (usize, usize) {
        (self.hidden_size, self.num_attention_heads)
    }
}

/// Attention of one learned vector to all patches, and a block's dense half (`SigLIP`'s pooling).
#[derive(Debug, Clone)]
struct Probe {
    /// What asks, (`n_embd`).
    learned: Vec<f32>,
    /// Query, key, value, output.
    attention: [Linear; 4],
    norm: LayerNorm,
    up: Linear,
    down: Linear,
    activation: Activation,
}

impl Probe {
    fn read(file: &Safetensors<'_>, prefix: &str, config: &TowerConfig) -> Result<Self, FormatError> {
        let n = config.hidden_size;
        let wide = config.wide()?;
        let of = |part: &str| format!("{prefix}head.{part}");
        let weights = file.values(&of("attention.in_proj_weight"), &[3 * n, n])?;
        let biases = file.values(&of("attention.in_proj_bias"), &[3 * n])?;
        let third =
            |at: usize| Linear::new(weights[at * n * n..(at + 1) * n * n].into(), biases[at * n..(at + 1) * n].into());
        Ok(Self {
            learned: file.values(&of("probe"), &[1, 1, n])?,
            attention: [third(0), third(1), third(2), Linear::read(file, &of("attention.out_proj"), n, n)?],
            norm: LayerNorm::read(file, &of("layernorm"), n, config.layer_norm_eps)?,
            up: Linear::read(file, &of("mlp.fc1"), wide, n)?,
            down: Linear::read(file, &of("mlp.fc2"), n, wide)?,
            activation: config.activation()?,
        })
    }

    fn apply(&self, x: &[f32], shape: (usize, usize)) -> Vec<f32> {
        let [query, key, value, output] = &self.attention;
        let mut pooled =
            output.apply(&attend(&query.apply(&self.learned), &key.apply(x), &value.apply(x), shape, false));
        let mut normed = pooled.clone();
        self.norm.apply(&mut normed);
        let mut up = self.up.apply(&normed);
        self.activation.apply(&mut up);
        add(&mut pooled, &self.down.apply(&up));
        pooled
    }
}

/// A vision transformer.
#[derive(Debug, Clone)]
pub struct Vit {
    config: TowerConfig,
    kind: Shape,
    /// Patches to tokens; patches are (channel, row, column).
    patches: Linear,
    class_token: Option<Vec<f32>>,
    /// (tokens, n).
    positions: Vec<f32>,
    before: Option<LayerNorm>,
    blocks: Vec<Block>,
    after: LayerNorm,
    probe: Option<Probe>,
}

impl Vit {
    /// A tower of this configuration from a file with published names.
    ///
    /// # Errors
    /// Sizes that no model has, a tensor that is missing or has another shape or type.
    pub fn new(file: &Safetensors<'_>, config: &TowerConfig, kind: Shape) -> Result<Self, FormatError> {
        config.check()?;
        let (n, eps) = (config.hidden_size, config.layer_norm_eps);
        let (side, patch) = (config.image_size, config.patch_size);
        if patch == 0 || side > MAX_SIDE || side < patch {
            return Err(damaged(format!("pictures of {side} pixels in patches of {patch}")));
        }
        let n_patches = (side / patch) * (side / patch);
        let prefix = if file.shape("vision_model.post_layernorm.weight").is_some() { "vision_model." } else { "" };
        let of = |part: &str| format!("{prefix}{part}");
        let flat = |name: &str| file.values(name, &[n, 3, patch, patch]);
        let blocks = |name: &str, read: fn(&Safetensors<'_>, &str, &TowerConfig) -> Result<Block, FormatError>| {
            (0..config.num_hidden_layers)
                .map(|at| read(file, &format!("{prefix}encoder.{name}.{at}."), config))
                .collect::<Result<Vec<Block>, FormatError>>()
        };
        Ok(match kind {
            Shape::Clip => Self {
                config: config.clone(),
                kind,
                patches: Linear::new(flat(&of("embeddings.patch_embedding.weight"))?, vec![0.0; n]),
                class_token: Some(file.values(&of("embeddings.class_embedding"), &[n])?),
                positions: file.values(&of("embeddings.position_embedding.weight"), &[n_patches + 1, n])?,
                // The name is misspelled in every published file.
                before: Some(LayerNorm::read(file, &of("pre_layrnorm"), n, eps)?),
                blocks: blocks("layers", Block::read)?,
                after: LayerNorm::read(file, &of("post_layernorm"), n, eps)?,
                probe: None,
            },
            Shape::Siglip => Self {
                config: config.clone(),
                kind,
                patches: Linear::new(
                    flat(&of("embeddings.patch_embedding.weight"))?,
                    file.values(&of("embeddings.patch_embedding.bias"), &[n])?,
                ),
                class_token: None,
                positions: file.values(&of("embeddings.position_embedding.weight"), &[n_patches, n])?,
                before: None,
                blocks: blocks("layers", Block::read)?,
                after: LayerNorm::read(file, &of("post_layernorm"), n, eps)?,
                probe: Some(Probe::read(file, prefix, config)?),
            },
            Shape::Dinov2 => Self {
                config: config.clone(),
                kind,
                patches: Linear::new(
                    flat("embeddings.patch_embeddings.projection.weight")?,
                    file.values("embeddings.patch_embeddings.projection.bias", &[n])?,
                ),
                class_token: Some(file.values("embeddings.cls_token", &[1, 1, n])?),
                positions: file.values("embeddings.position_embeddings", &[1, n_patches + 1, n])?,
                before: None,
                blocks: blocks("layer", Block::read_dinov2)?,
                after: LayerNorm::read(file, "layernorm", n, eps)?,
                probe: None,
            },
        })
    }

    /// A vision tower alone: `config.json` says which shape it has.
    ///
    /// # Errors
    /// As [`Self::new`]; [`FormatError::Family`] for another architecture.
    pub fn from_files(weights: &[u8], config: &[u8]) -> Result<Self, FormatError> {
        let config: TowerConfig =
            serde_json::from_slice(config).map_err(|error| damaged(format!("config.json: {error}")))?;
        let kind = match config.model_type.as_str() {
            "clip_vision_model" => Shape::Clip,
            "siglip_vision_model" => Shape::Siglip,
            "dinov2" => Shape::Dinov2,
            other => return Err(FormatError::Family { family: other.to_owned() }),
        };
        Self::new(&Safetensors::new(weights)?, &config, kind)
    }

    /// Values of the pooled features.
    pub fn width(&self) -> usize {
        self.config.hidden_size
    }

    /// Pooled features of a picture, made as large as the model wants it.
    pub fn features(&self, picture: &Picture) -> Vec<f32> {
        let (side, patch) = (self.config.image_size, self.config.patch_size);
        let fits = (picture.width(), picture.height()) == (side, side);
        let resized = if fits { picture.clone() } else { picture.resized(side, side, Filter::Bicubic) };
        let (mean, deviation) = self.kind.normalization();
        let pixels = resized.pixels();
        let across = side / patch;
        let mut patches = Vec::with_capacity(across * across * 3 * patch * patch);
        for place in 0..across * across {
            let (top, left) = (place / across * patch, place % across * patch);
            for (channel, (mean, deviation)) in mean.iter().zip(&deviation).enumerate() {
                for row in top..top + patch {
                    for column in left..left + patch {
                        let value = f32::from(pixels[(row * side + column) * 3 + channel]) / 255.0;
                        patches.push((value - mean) / deviation);
                    }
                }
            }
        }
        let mut x = self.class_token.clone().unwrap_or_default();
        x.extend(self.patches.apply(&patches));
        add(&mut x, &self.positions);
        if let Some(norm) = &self.before {
            norm.apply(&mut x);
        }
        let shape = self.config.shape();
        for block in &self.blocks {
            block.apply(&mut x, shape, false);
        }
        if let Some(probe) = &self.probe {
            self.after.apply(&mut x);
            return probe.apply(&x, shape);
        }
        x.truncate(shape.0);
        self.after.apply(&mut x);
        x
    }
}
