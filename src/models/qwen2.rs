//! Qwen 2 and 2.5 (Yang et al. 2024): Llama with biases of queries, keys and values.

use crate::formats::FormatError;
use crate::formats::gguf::GgufHeader;

use super::Family;
use super::names::GGUF;
use super::spec::{DecoderSpec, RopeStyle};

/// The registry's line.
pub const FAMILY: Family = Family { name: "qwen2", spec, names: &GGUF };

/// Sizes from the header.
///
/// # Errors
/// Those of [`DecoderSpec::from_gguf`] and [`DecoderSpec::checked`].
pub fn spec(header: &GgufHeader) -> Result<DecoderSpec, FormatError> {
    let spec = DecoderSpec::from_gguf(header, "qwen2")?;
    DecoderSpec { rope_style: RopeStyle::Half, qkv_bias: true, ..spec }.checked()
}
