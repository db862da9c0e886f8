//! A list of dispatches as data.

use std::collections::HashSet;

use super::device::Gpu;
use super::error::GpuError;
use super::kernel::Kernel;
use super::tensor::{Layout, Tensor};

/// One dispatch.
#[derive(Debug, Clone)]
pub struct Op {
    /// What runs.
    pub kernel: &'static Kernel,
    /// Bytes of its `Params`.
    pub params: Vec<u8>,
    /// Storage bindings in order: tensor and plane.
    pub bindings: Vec<(Tensor, usize)>,
    /// Workgroups in x, y, z.
    pub grid: [u32; 3],
}

/// Dispatches in order. Kernels add to it; the first shape error is kept and returned by `prepare`, so that a
/// forward pass reads as a straight line.
#[derive(Debug, Default)]
pub struct Recording {
    pub(crate) ops: Vec<Op>,
    pub(crate) scratch: HashSet<usize>,
    held: Vec<Tensor>,
    pub(crate) kept: Vec<Tensor>,
    pub(crate) error: Option<GpuError>,
    software: bool,
}

impl Recording {
    /// An empty list, in the way that suits GPUs.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty list, in the way that suits the device: adapters that compute on the processor want fewer, larger
    /// pieces and no memory shared by lanes. The kind of adapter decides and no measurement, so that results repeat.
    pub fn suiting(gpu: &Gpu) -> Self {
        Self { software: gpu.is_software(), ..Self::default() }
    }

    /// Whether kernels choose the way of a processor.
    pub(crate) fn is_software(&self) -> bool {
        self.software
    }

    #[cfg(test)]
    pub(crate) fn for_software() -> Self {
        Self { software: true, ..Self::default() }
    }

    /// A tensor that exists between the first and the last dispatch that uses it; later ones may reuse its
    /// memory unless it is [kept](Self::keep).
    pub fn scratch(&mut self, name: &str, shape: &[usize], layout: Layout) -> Tensor {
        let tensor = Tensor::with_planes(name, shape, layout, None);
        self.scratch.insert(tensor.id());
        // Held, so that an address is never used twice as an id.
        self.held.push(tensor.clone());
        tensor
    }

    /// Makes a scratch tensor readable after `submit`.
    pub fn keep(&mut self, tensor: &Tensor) {
        self.kept.push(tensor.clone());
    }

    /// The dispatches so far.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Adds a dispatch.
    pub fn dispatch(&mut self, kernel: &'static Kernel, params: &[u32], bindings: &[(&Tensor, usize)], grid: [u32; 3]) {
        if params.len() * 4 != kernel.params_size || bindings.len() != kernel.bindings.len() {
            self.fail(GpuError::shape(kernel.name, "wrong number of parameters or bindings"));
            return;
        }
        if grid.iter().any(|&n| n > 65535) {
            self.fail(GpuError::shape(kernel.name, format!("{grid:?} workgroups are more than 65535")));
            return;
        }
        self.ops.push(Op {
            kernel,
            params: bytemuck::cast_slice(params).to_vec(),
            bindings: bindings.iter().map(|&(tensor, plane)| (tensor.clone(), plane)).collect(),
            grid,
        });
    }

    /// Remembers the first error.
    pub fn fail(&mut self, error: GpuError) {
        self.error.get_or_insert(error);
    }

    /// Remembers a shape error unless `ok`.
    pub(crate) fn check(&mut self, ok: bool, kernel: &'static str, detail: impl FnOnce() -> String) {
        if !ok {
            self.fail(GpuError::shape(kernel, detail()));
        }
    }
}
