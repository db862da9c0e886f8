//! Llama and its relatives (`SmolLM2`).

use crate::formats::FormatError;
use crate::formats::gguf::GgufHeader;

use super::Family;
use super::names::GGUF;
use super::spec::DecoderSpec;

/// The registry's line.
pub const FAMILY: Family = Family { name: "llama", spec, names: &GGUF };

/// Sizes from the header.
///
/// # Errors
/// Those of [`DecoderSpec::from_gguf`] and [`DecoderSpec::checked`].
pub fn spec(header: &GgufHeader) -> Result<DecoderSpec, FormatError> {
    DecoderSpec::from_gguf(header, "llama")?.checked()
}
