//! Why a model could not be loaded, and how a device's errors look to a caller of the engine.

use crate::eval::engine::EngineError;
use crate::formats::FormatError;
use crate::gpu::GpuError;
use crate::models::ModelError;

/// Why a model could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file, its transport or the budget.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The device.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The first passes.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A stored check of this device, version and weights says that it gives wrong numbers.
    #[error("found by an earlier check: {detail}")]
    FailedBefore {
        /// What that check found.
        detail: String,
    },
}

impl From<ModelError> for LoadError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Format(error) => Self::Format(error),
            ModelError::Gpu(error) => Self::Gpu(error),
        }
    }
}

impl From<GpuError> for EngineError {
    fn from(error: GpuError) -> Self {
        match error {
            GpuError::Lost { detail } => Self::DeviceLost { detail },
            other => Self::Backend { detail: other.to_string() },
        }
    }
}
