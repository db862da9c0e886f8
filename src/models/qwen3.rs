//! Qwen 3 (Yang et al. 2025): Llama with normed queries and keys.

use crate::formats::FormatError;
use crate::formats::gguf::GgufHeader;

use super::Family;
use super::names::GGUF;
use super::spec::{DecoderSpec, RopeStyle};

/// The registry's line.
pub const FAMILY: Family = Family { name: "qwen3", spec, names: &GGUF };

/// Sizes from the header.
///
/// # Errors
/// Those of [`DecoderSpec::from_gguf`] and [`DecoderSpec::checked`].
pub fn spec(header: &GgufHeader) -> Result<DecoderSpec, FormatError> {
    let spec = DecoderSpec::from_gguf(header, "qwen3")?;
    DecoderSpec { rope_style: RopeStyle::Half, qk_norm: true, ..spec }.checked()
}
