//! The sizes of a decoder and its few choices, checked so that no later code divides by zero or overflows.

use crate::formats::FormatError;

/// Which values of a head rotate together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopeStyle {
    /// Value 2i with value 2i + 1, as in the rotary paper (Su et al. 2021) and in llama GGUF files.
    Interleaved,
    /// Value i with value i + `head_dim` / 2, as in GPT-NeoX.
    Half,
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

    /// Rotary frequencies base^(-2i / `head_dim`) in radians a position (Su et al. 2021, section 3.2.2).
    pub fn rope_freqs(&self) -> Vec<f32> {
        let exponent = |i: usize| -2.0 * i as f64 / self.head_dim as f64;
        (0..self.head_dim / 2).map(|i| libm::pow(f64::from(self.rope_base), exponent(i)) as f32).collect()
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
        if !(self.rms_eps.is_finite() && self.rms_eps >= 0.0 && self.rope_base.is_finite() && self.rope_base > 0.0) {
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
        };
        let freqs = spec.rope_freqs();
        assert_eq!((freqs.len(), freqs[0]), (32, 1.0));
        // 10000^(-1/2) in the middle, 10000^(-62/64) at the end.
        assert!((freqs[16] - 0.01).abs() < 1e-9);
        assert!((freqs[31] - 1.333_521_4e-4).abs() < 1e-10, "{}", freqs[31]);
    }
}
