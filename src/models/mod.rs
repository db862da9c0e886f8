//! Architectures as tables, one readable forward pass.

pub mod decoder;
pub mod gemma3;
pub mod kv_cache;
pub mod llama;
pub mod names;
pub mod qwen2;
pub mod qwen3;
pub mod spec;
pub mod weights;

use crate::formats::FormatError;
use crate::formats::gguf::GgufHeader;
use crate::gpu::GpuError;

use names::NameTable;
use spec::DecoderSpec;

/// Why a model cannot be put on the device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The file.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The device.
    #[error(transparent)]
    Gpu(#[from] GpuError),
}

/// One architecture: how its header is read and how its tensors are called.
pub struct Family {
    /// `general.architecture` in the file.
    pub name: &'static str,
    /// Sizes and choices from a header.
    pub spec: fn(&GgufHeader) -> Result<DecoderSpec, FormatError>,
    /// Names of the tensors.
    pub names: &'static NameTable,
}

/// Every architecture that we can run.
pub static FAMILIES: &[Family] = &[llama::FAMILY, qwen2::FAMILY, qwen3::FAMILY, gemma3::FAMILY];

/// The architecture of a file.
///
/// # Errors
/// [`FormatError::MissingKey`] or [`FormatError::Family`].
pub fn family_of(header: &GgufHeader) -> Result<&'static Family, FormatError> {
    let name = header.metadata.str("general.architecture")?;
    FAMILIES.iter().find(|family| family.name == name).ok_or_else(|| FormatError::Family { family: name.to_owned() })
}
