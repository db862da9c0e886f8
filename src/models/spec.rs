//! The sizes of a decoder and its few choices, checked so that no later code divides by zero or overflows.

use crate::formats::FormatError;
use crate::formats::gguf::{GgufHeader, optional};

use super::names::GGUF;

/// Which values of a head rotate together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopeStyle {
    /// Value 2i with value 2i + 1, as in the rotary paper (Su et al. 2021) and in llama GGUF files.
    Interleaved,
    /// Value i with value i + `head_dim` / 2, as in GPT-NeoX.
    Half,
}

/// What is done to the gate of the feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x times the logistic function of x (`SwiGLU`, Shazeer 2020).
    Silu,
    /// GELU by its tanh approximation (Hendrycks and Gimpel 2016).
    GeluTanh,
}

/// Blocks that see the last positions only, with every n-th that sees all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Positions that a token sees, itself included.
    pub size: usize,
    /// Blocks `period` - 1, 2 `period` - 1 and so on see everything.
    pub period: usize,
    /// Base of the rotary frequencies of the blocks with a window.
    pub rope_base: f32,
}

/// A pre-norm decoder with grouped-query attention, rotary positions and a gated feed-forward layer.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderSpec {
    /// Blocks.
    pub n_layers: usize,
    /// Width of the residual stream.
    pub n_embd: usize,
    /// Query heads.
    pub n_heads: usize,
    /// Key and value heads; divides `n_heads`.
    pub n_kv_heads: usize,
    /// Values of one head.
    pub head_dim: usize,
    /// Width of the feed-forward layer.
    pub n_ff: usize,
    /// Tokens of the vocabulary.
    pub n_vocab: usize,
    /// Positions the model was trained for.
    pub context_length: usize,
    /// Base of the rotary frequencies.
    pub rope_base: f32,
    /// Which values rotate together.
    pub rope_style: RopeStyle,
    /// Added to the mean square in every norm.
    pub rms_eps: f32,
    /// Factor of the embeddings.
    pub embd_scale: f32,
    /// Activation of the feed-forward layer.
    pub activation: Activation,
    /// Whether queries, keys and values have biases.
    pub qkv_bias: bool,
    /// Whether the queries and keys of each head are normed before rotation.
    pub qk_norm: bool,
    /// Whether what attention and the feed-forward layer add is normed first.
    pub post_norms: bool,
    /// `None` if every block sees everything.
    pub window: Option<Window>,
}

impl DecoderSpec {
    /// Width of all queries of a token.
    pub fn n_q(&self) -> usize {
        self.n_heads * self.head_dim
    }

    /// Width of all keys (or values) of a token.
    pub fn n_kv(&self) -> usize {
        self.n_kv_heads * self.head_dim
    }

    /// The window of a block, if it has one.
    pub fn window_of(&self, layer: usize) -> Option<Window> {
        self.window.filter(|window| !(layer + 1).is_multiple_of(window.period))
    }

    /// Rotary frequencies base^(-2i / `head_dim`) of a block in radians a position (Su et al. 2021, section 3.2.2).
    pub fn rope_freqs(&self, layer: usize) -> Vec<f32> {
        self.freqs_of_base(self.window_of(layer).map_or(self.rope_base, |window| window.rope_base))
    }

    /// The same for one base.
    pub fn freqs_of_base(&self, base: f32) -> Vec<f32> {
        let exponent = |i: usize| -2.0 * i as f64 / self.head_dim as f64;
        (0..self.head_dim / 2).map(|i| libm::pow(f64::from(base), exponent(i)) as f32).collect()
    }

    /// What all families' headers say alike, with the choices of Llama in llama.cpp's conversion; a family changes what
    /// it does otherwise and ends with [`Self::checked`]. Keys: llama.cpp `gguf-py/gguf/constants.py`.
    ///
    /// # Errors
    /// A missing key, or [`FormatError::Header`] for position scalings that our forward pass does not compute.
    pub fn from_gguf(header: &GgufHeader, family: &str) -> Result<Self, FormatError> {
        let metadata = &header.metadata;
        let key = |name: &str| format!("{family}.{name}");
        let size = |name: &str| metadata.u32(&key(name)).map(|value| value as usize);
        if let Some(scaling) = optional(metadata.str(&key("rope.scaling.type")))?
            && scaling != "none"
        {
            return Err(FormatError::Header { detail: format!("rotary scaling {scaling:?} is not supported") });
        }
        if header.tensors.iter().any(|tensor| tensor.name == "rope_freqs.weight") {
            return Err(FormatError::Header { detail: "rotary frequency factors are not supported".to_owned() });
        }
        let (n_embd, n_heads) = (size("embedding_length")?, size("attention.head_count")?);
        let head_dim = n_embd.checked_div(n_heads).unwrap_or_default();
        let head_dim = optional(size("attention.key_length"))?.unwrap_or(head_dim);
        for name in ["rope.dimension_count", "attention.value_length"] {
            if let Some(other) = optional(size(name))?
                && other != head_dim
            {
                let detail = format!("{} of {other} with heads of {head_dim} values is not supported", key(name));
                return Err(FormatError::Header { detail });
            }
        }
        Ok(Self {
            n_layers: size("block_count")?,
            n_embd,
            n_heads,
            n_kv_heads: optional(size("attention.head_count_kv"))?.unwrap_or(n_heads),
            head_dim,
            n_ff: size("feed_forward_length")?,
            n_vocab: header.tensor(GGUF.token_embd)?.shape.first().copied().unwrap_or_default(),
            context_length: size("context_length")?,
            rope_base: optional(metadata.f32(&key("rope.freq_base")))?.unwrap_or(10_000.0),
            // llama.cpp permutes the rows of Q and K when it converts Llama, so pairs lie side by side.
            rope_style: RopeStyle::Interleaved,
            rms_eps: metadata.f32(&key("attention.layer_norm_rms_epsilon"))?,
            embd_scale: 1.0,
            activation: Activation::Silu,
            qkv_bias: false,
            qk_norm: false,
            post_norms: false,
            window: None,
        })
    }

    /// Refuses sizes that cannot be true or that our kernels cannot index with 32 bits.
    ///
    /// # Errors
    /// [`FormatError::Header`] with the first size that is wrong.
    pub fn checked(self) -> Result<Self, FormatError> {
        let wrong = |detail: String| Err(FormatError::Header { detail });
        for (name, value, most) in [
            ("layers", self.n_layers, 512),
            ("width", self.n_embd, 1 << 16),
            ("heads", self.n_heads, 1 << 10),
            ("key heads", self.n_kv_heads, 1 << 10),
            ("values a head", self.head_dim, 1 << 10),
            ("feed-forward width", self.n_ff, 1 << 18),
            ("tokens of the vocabulary", self.n_vocab, 1 << 20),
            ("positions", self.context_length, 1 << 24),
        ] {
            if value == 0 || value > most {
                return wrong(format!("{value} {name}, between 1 and {most} are supported"));
            }
        }
        if !self.n_heads.is_multiple_of(self.n_kv_heads) {
            return wrong(format!("{} heads do not share {} key heads evenly", self.n_heads, self.n_kv_heads));
        }
        if !self.head_dim.is_multiple_of(2) {
            return wrong(format!("rotary heads need an even size, not {}", self.head_dim));
        }
        let Window { size, period, rope_base } =
            self.window.unwrap_or(Window { size: 1, period: 1, rope_base: self.rope_base });
        if size == 0 || period == 0 {
            return wrong(format!("a window of {size} positions in {period} blocks"));
        }
        let is_base = |base: f32| base.is_finite() && base > 0.0;
        if !(self.rms_eps.is_finite() && self.rms_eps >= 0.0 && is_base(self.rope_base) && is_base(rope_base)) {
            return wrong("the norm's epsilon or the rotary base is no positive number".to_owned());
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotary_frequencies_fall_from_one_to_nearly_one_over_base() {
        let spec = DecoderSpec {
            n_layers: 1,
            n_embd: 64,
            n_heads: 1,
            n_kv_heads: 1,
            head_dim: 64,
            n_ff: 64,
            n_vocab: 32,
            context_length: 16,
            rope_base: 10_000.0,
            rope_style: RopeStyle::Interleaved,
            rms_eps: 1e-5,
            embd_scale: 1.0,
            activation: Activation::Silu,
            qkv_bias: false,
            qk_norm: false,
            post_norms: false,
            window: Some(Window { size: 4, period: 6, rope_base: 100.0 }),
        };
        assert!((spec.rope_freqs(4)[16] - 0.1).abs() < 1e-9);
        let seen: Vec<bool> = (0..12).map(|layer| spec.window_of(layer).is_none()).collect();
        assert_eq!(seen.iter().filter(|&&all| all).count(), 2);
        assert!(seen[5] && seen[11]);
        let freqs = spec.rope_freqs(5);
        assert_eq!((freqs.len(), freqs[0]), (32, 1.0));
        // 10000^(-1/2) in the middle, 10000^(-62/64) at the end.
        assert!((freqs[16] - 0.01).abs() < 1e-9);
        assert!((freqs[31] - 1.333_521_4e-4).abs() < 1e-10, "{}", freqs[31]);
    }
}
