//! Tensors, recordings, kernels; knows no model.
//!
//! The life of one dispatch: a kernel's `record` checks shapes and adds an [`recording::Op`] to a
//! [`recording::Recording`] (plain data); [`executor::prepare`] gives scratch tensors their buffers and builds
//! pipelines and bind groups once; [`device::Gpu::submit`] replays the list in one compute pass as often as
//! wanted. What changes from call to call (position, row count, tokens) is written into small tensors before.

pub mod device;
pub mod error;
pub mod executor;
pub mod kernel;
pub mod kernels;
pub mod recording;
pub mod relayout;
pub mod tensor;
#[cfg(test)]
pub(crate) mod testing;

pub use device::{Counters, Gpu, Readback};
pub use error::GpuError;
pub use executor::{Prepared, prepare};
pub use recording::Recording;
pub use tensor::{Layout, Tensor};
