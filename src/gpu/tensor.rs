//! A tensor: name, shape, layout and, once it has them, GPU buffers ("planes").

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// How the values of a tensor lie in its planes. Quantized layouts are for weights of shape `[rows, cols]` with
/// `cols` a multiple of 32; blocks of 32 run along a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// One `f32` a value.
    F32,
    /// One `u32` a value.
    U32,
    /// Two halves a `u32`, the first in the low bits.
    F16,
    /// Plane 0: four signed bytes a `u32`; plane 1: one `f32` scale a block.
    Q8_0,
    /// Plane 0: eight nibbles a `u32` in logical order (value + 8); plane 1: one `f32` scale a block.
    Q4_0,
    /// Plane 0: eight nibbles a `u32` in logical order; plane 1: one `u32` a block, half scale | half min << 16.
    Q4_1,
}

impl Layout {
    /// Number of buffers.
    pub fn n_planes(self) -> usize {
        match self {
            Self::F32 | Self::U32 | Self::F16 => 1,
            Self::Q8_0 | Self::Q4_0 | Self::Q4_1 => 2,
        }
    }

    /// Bytes of each plane for a shape whose last dimension is `cols` and whose others multiply to `rows`.
    pub fn plane_bytes(self, rows: usize, cols: usize) -> Vec<u64> {
        let n = rows as u64 * cols as u64;
        let blocks = n / 32;
        match self {
            Self::F32 | Self::U32 => vec![n * 4],
            Self::F16 => vec![n.div_ceil(2) * 4],
            Self::Q8_0 => vec![n, blocks * 4],
            Self::Q4_0 | Self::Q4_1 => vec![n / 2, blocks * 4],
        }
    }

    /// Whether rows must be whole blocks of 32.
    pub fn is_quantized(self) -> bool {
        self.n_planes() == 2
    }
}

/// Bytes and buffers that are alive on one device.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) bytes: Cell<u64>,
    /// The most that `bytes` has been.
    pub(crate) peak_bytes: Cell<u64>,
    pub(crate) buffers: Cell<usize>,
}

/// A GPU buffer that is destroyed, and struck from the ledger, when its last owner is gone.
#[derive(Debug)]
pub(crate) struct OwnedBuffer {
    pub(crate) raw: wgpu::Buffer,
    size: u64,
    ledger: Rc<Ledger>,
}

impl OwnedBuffer {
    pub(crate) fn new(raw: wgpu::Buffer, ledger: &Rc<Ledger>) -> Self {
        let size = raw.size();
        ledger.bytes.set(ledger.bytes.get() + size);
        ledger.peak_bytes.set(ledger.peak_bytes.get().max(ledger.bytes.get()));
        ledger.buffers.set(ledger.buffers.get() + 1);
        Self { raw, size, ledger: Rc::clone(ledger) }
    }
}

impl Drop for OwnedBuffer {
    fn drop(&mut self) {
        // Explicit, because on the web memory would otherwise wait for the garbage collector.
        self.raw.destroy();
        self.ledger.bytes.set(self.ledger.bytes.get().saturating_sub(self.size));
        self.ledger.buffers.set(self.ledger.buffers.get().saturating_sub(1));
    }
}

#[derive(Debug)]
struct Inner {
    name: String,
    shape: Vec<usize>,
    layout: Layout,
    /// `None` while a scratch tensor was not prepared, or shares its buffer with later ones.
    planes: RefCell<Option<Vec<Rc<OwnedBuffer>>>>,
}

/// A handle; clones share the buffers, and the last one gone frees them.
#[derive(Debug, Clone)]
pub struct Tensor {
    inner: Rc<Inner>,
}

impl Tensor {
    pub(crate) fn with_planes(
        name: &str,
        shape: &[usize],
        layout: Layout,
        planes: Option<Vec<Rc<OwnedBuffer>>>,
    ) -> Self {
        let inner = Inner { name: name.to_owned(), shape: shape.to_vec(), layout, planes: RefCell::new(planes) };
        Self { inner: Rc::new(inner) }
    }

    /// Its name, for messages.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Sizes, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.inner.shape
    }

    /// How values lie in memory.
    pub fn layout(&self) -> Layout {
        self.inner.layout
    }

    /// Last dimension (1 for an empty shape).
    pub fn cols(&self) -> usize {
        self.inner.shape.last().copied().unwrap_or(1)
    }

    /// Product of all dimensions but the last.
    pub fn rows(&self) -> usize {
        self.inner.shape.split_last().map_or(1, |(_, outer)| outer.iter().product())
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.rows() * self.cols()
    }

    /// Whether it has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of each plane.
    pub fn plane_bytes(&self) -> Vec<u64> {
        self.layout().plane_bytes(self.rows(), self.cols())
    }

    pub(crate) fn plane(&self, plane: usize) -> Option<Rc<OwnedBuffer>> {
        self.inner.planes.borrow().as_ref().and_then(|planes| planes.get(plane)).cloned()
    }

    pub(crate) fn set_planes(&self, planes: Vec<Rc<OwnedBuffer>>) {
        *self.inner.planes.borrow_mut() = Some(planes);
    }

    /// Identity of the handle's target, for liveness.
    pub(crate) fn id(&self) -> usize {
        Rc::as_ptr(&self.inner) as usize
    }
}
