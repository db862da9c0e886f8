//! Keys and values of every position read so far, on the device.

use crate::gpu::{Gpu, GpuError, Layout, Tensor};

use super::spec::DecoderSpec;

/// Most positions that the cache holds, whatever the model was trained for: its memory is taken at load.
pub const MAX_POSITIONS: usize = 2048;

/// One pair of tables a block, each (`capacity`, `n_kv`) `f32`.
#[derive(Debug, Clone)]
pub struct KvCache {
    /// Keys and values of each block.
    pub layers: Vec<(Tensor, Tensor)>,
    /// Positions.
    pub capacity: usize,
}

impl KvCache {
    /// Positions for a model.
    pub fn capacity_for(spec: &DecoderSpec) -> usize {
        spec.context_length.min(MAX_POSITIONS)
    }

    /// Bytes it takes.
    pub fn bytes_for(spec: &DecoderSpec) -> u64 {
        (spec.n_layers * 2 * Self::capacity_for(spec) * spec.n_kv() * 4) as u64
    }

    /// An empty cache.
    ///
    /// # Errors
    /// [`GpuError`] if memory is out or a table exceeds the device's binding limit.
    pub fn new(gpu: &Gpu, spec: &DecoderSpec) -> Result<Self, GpuError> {
        let capacity = Self::capacity_for(spec);
        let shape = [capacity, spec.n_kv()];
        let layers = (0..spec.n_layers)
            .map(|layer| {
                Ok((
                    gpu.create(&format!("cache_k.{layer}"), &shape, Layout::F32)?,
                    gpu.create(&format!("cache_v.{layer}"), &shape, Layout::F32)?,
                ))
            })
            .collect::<Result<Vec<_>, GpuError>>()?;
        Ok(Self { layers, capacity })
    }
}
