//! Gemma 3, text (Gemma Team 2025): scaled embeddings, norms before and after each layer and of queries and keys, five
//! blocks with a window for each one without, each kind with a rotary base of its own.

use crate::formats::FormatError;
use crate::formats::gguf::{GgufHeader, optional};

use super::Family;
use super::names::GGUF;
use super::spec::{Activation, DecoderSpec, RopeStyle, Window};

/// The registry's line.
pub const FAMILY: Family = Family { name: "gemma3", spec, names: &GGUF };

/// Every sixth block sees everything; files do not say it.
const PERIOD: usize = 6;
/// Rotary base of the blocks with a window, where the file does not say it.
const WINDOW_ROPE_BASE: f32 = 10_000.0;
/// Blocks of the 27B model, which scales attention otherwise.
const N_LAYERS_27B: usize = 62;

/// Sizes from the header.
///
/// # Errors
/// Those of [`DecoderSpec::from_gguf`] and [`DecoderSpec::checked`]; [`FormatError::Header`] for capped logits, which
/// our forward pass does not compute.
pub fn spec(header: &GgufHeader) -> Result<DecoderSpec, FormatError> {
    let metadata = &header.metadata;
    let spec = DecoderSpec::from_gguf(header, "gemma3")?;
    if metadata.contains("gemma3.final_logit_softcapping") || spec.n_layers == N_LAYERS_27B {
        let detail = "capped logits and the attention scale of Gemma 3 27B are not supported".to_owned();
        return Err(FormatError::Header { detail });
    }
    let window = Window {
        size: metadata.u32("gemma3.attention.sliding_window")? as usize,
        period: optional(metadata.u32("gemma3.attention.sliding_window_pattern"))?.map_or(PERIOD, |n| n as usize),
        rope_base: optional(metadata.f32("gemma3.rope.freq_base_swa"))?.unwrap_or(WINDOW_ROPE_BASE),
    };
    DecoderSpec {
        rope_style: RopeStyle::Half,
        embd_scale: (spec.n_embd as f32).sqrt(),
        activation: Activation::GeluTanh,
        qk_norm: true,
        post_norms: true,
        window: Some(window),
        ..spec
    }
    .checked()
}
