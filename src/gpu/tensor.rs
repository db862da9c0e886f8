//! A tensor: name, shape, layout and, once it has them, GPU buffers ("planes").

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// How the values of a tensor lie in its planes. Quantized layouts are for weights of shape `[rows, cols]` with
/// `cols` a multiple of the block; blocks run along a row. All hold exactly what the file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// One `f32` a value.
    F32,
    /// One `u32` a value.
    U32,
    /// Two halves a `u32`, the first in the low bits.
    F16,
    /// Two bfloat16 a `u32`, the first in the low bits.
    Bf16,
    /// Plane 0: four signed bytes a `u32`; plane 1: one `f32` scale a block.
    Q8_0,
    /// Plane 0: eight nibbles a `u32` in logical order (value + 8); plane 1: one `f32` scale a block.
    Q4_0,
    /// Plane 0: eight nibbles a `u32` in logical order; plane 1: one `u32` a block, half scale | half min << 16.
    Q4_1,
    /// Plane 0: as `Q4_0` (value + 16); plane 1: two words a block, 32 fifth bits and an `f32` scale.
    Q5_0,
    /// Plane 0: as `Q4_0`; plane 1: two words a block, 32 fifth bits and half scale | half min << 16.
    Q5_1,
    /// Plane 0: as `Q4_0`; plane 1: five words for 256 values, half scale of scales | half scale of mins << 16, then
    /// for each 32 values a byte of scale and a byte of min.
    Q4K,
    /// Plane 0: as `Q4_0`; plane 1: thirteen words for 256 values, those of `Q4K` and 256 fifth bits.
    Q5K,
    /// Plane 0: as `Q4_0` (value + 32); plane 1: 21 words for 256 values, sixteen of fifth and sixth bits, four of
    /// signed bytes that scale 16 values each, and the `f32` scale of those.
    Q6K,
}

impl Layout {
    /// Number of buffers.
    pub fn n_planes(self) -> usize {
        match self {
            Self::F32 | Self::U32 | Self::F16 | Self::Bf16 => 1,
            _ => 2,
        }
    }

    /// Values of a block; rows are whole blocks.
    pub fn block_len(self) -> usize {
        match self {
            Self::F32 | Self::U32 | Self::F16 | Self::Bf16 => 1,
            Self::Q8_0 | Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 => 32,
            Self::Q4K | Self::Q5K | Self::Q6K => 256,
        }
    }

    /// Bytes of each plane for a shape whose last dimension is `cols` and whose others multiply to `rows`.
    pub fn plane_bytes(self, rows: usize, cols: usize) -> Vec<u64> {
        let n = rows as u64 * cols as u64;
        let words = |a_block: u64| n / self.block_len() as u64 * a_block * 4;
        match self {
            Self::F32 | Self::U32 => vec![n * 4],
            Self::F16 | Self::Bf16 => vec![n.div_ceil(2) * 4],
            Self::Q8_0 => vec![n, words(1)],
            Self::Q4_0 | Self::Q4_1 => vec![n / 2, words(1)],
            Self::Q5_0 | Self::Q5_1 => vec![n / 2, words(2)],
            Self::Q4K => vec![n / 2, words(5)],
            Self::Q5K => vec![n / 2, words(13)],
            Self::Q6K => vec![n / 2, words(21)],
        }
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
    /// `None` while a scratch tensor was not prepared, or shares its buffer with later ones, and for tables in parts.
    planes: RefCell<Option<Vec<Rc<OwnedBuffer>>>>,
    /// Consecutive rows as tensors of their own, where one binding cannot hold them all; else empty.
    parts: Vec<Tensor>,
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
        let (name, shape, planes) = (name.to_owned(), shape.to_vec(), RefCell::new(planes));
        Self { inner: Rc::new(Inner { name, shape, layout, planes, parts: Vec::new() }) }
    }

    /// A table made of tables with the same columns, in order.
    pub(crate) fn from_parts(name: &str, shape: &[usize], layout: Layout, parts: Vec<Self>) -> Self {
        let (name, shape, planes) = (name.to_owned(), shape.to_vec(), RefCell::new(None));
        Self { inner: Rc::new(Inner { name, shape, layout, planes, parts }) }
    }

    /// What a kernel binds: first row and rows of each part; a tensor that one binding holds is its own only part.
    pub fn parts(&self) -> Vec<(usize, Self)> {
        if self.inner.parts.is_empty() {
            return vec![(0, self.clone())];
        }
        let first_rows = self.inner.parts.iter().scan(0, |next, part| {
            let first = *next;
            *next += part.rows();
            Some(first)
        });
        first_rows.zip(self.inner.parts.iter().cloned()).collect()
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

    /// Bytes of all planes of all parts.
    pub fn size_bytes(&self) -> u64 {
        self.parts().iter().flat_map(|(_, part)| part.plane_bytes()).sum()
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
