//! What can go wrong on the device.

/// Why the GPU could not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GpuError {
    /// No adapter at all.
    #[error("no GPU adapter: {detail}")]
    NoAdapter {
        /// What the system said.
        detail: String,
    },
    /// The adapter gave no device.
    #[error("the GPU gave no device: {detail}")]
    NoDevice {
        /// What the system said.
        detail: String,
    },
    /// A tensor does not fit in one binding.
    #[error("tensor {name} needs {needed} bytes in one buffer, this GPU allows {limit}")]
    TooLarge {
        /// The tensor.
        name: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// Shapes or layouts that do not go together.
    #[error("{kernel}: {detail}")]
    Shape {
        /// The kernel or operation.
        kernel: &'static str,
        /// What does not fit.
        detail: String,
    },
    /// The device has no memory left for a buffer.
    #[error("the GPU has not enough memory: {detail}")]
    OutOfMemory {
        /// Its words.
        detail: String,
    },
    /// A validation or internal error of the device.
    #[error("the GPU reported: {detail}")]
    Device {
        /// Its words.
        detail: String,
    },
    /// The device is gone.
    #[error("the GPU was lost: {detail}")]
    Lost {
        /// Why.
        detail: String,
    },
}

impl GpuError {
    /// A shape error of one operation.
    pub(crate) fn shape(kernel: &'static str, detail: impl Into<String>) -> Self {
        Self::Shape { kernel, detail: detail.into() }
    }
}
