//! The device: adapter, limits, buffers, reads and writes, loss.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use super::error::GpuError;
use super::executor::{Pipeline, Prepared};
use super::relayout;
use super::tensor::{Layout, Ledger, OwnedBuffer, Tensor};

/// What a callback said first: it comes on any thread natively.
type Shared<T> = Arc<Mutex<Option<T>>>;

fn get<T: Clone>(shared: &Shared<T>) -> Option<T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn set_first<T>(shared: &Shared<T>, said: T) {
    shared.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(said);
}

/// Work given to a device since it was opened; exact, so that tests can hold it to numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Kernels dispatched.
    pub dispatches: u64,
    /// Compute passes begun.
    pub passes: u64,
    /// Command buffers submitted, those that copy a result for reading included.
    pub submits: u64,
    /// Writes into buffers.
    pub uploads: u64,
    /// Bytes of those writes.
    pub upload_bytes: u64,
    /// Bytes read back.
    pub read_bytes: u64,
}

struct Inner {
    device: wgpu::Device,
    queue: wgpu::Queue,
    adapter: String,
    software: bool,
    limits: wgpu::Limits,
    ledger: Rc<Ledger>,
    counters: Cell<Counters>,
    lost: Shared<String>,
    /// Whether memory was out, and the words.
    error: Shared<(bool, String)>,
    pipelines: RefCell<HashMap<&'static str, Rc<Pipeline>>>,
}

/// A GPU. Clones share the device.
#[derive(Clone)]
pub struct Gpu {
    inner: Rc<Inner>,
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gpu").field("adapter", &self.inner.adapter).finish_non_exhaustive()
    }
}

impl Gpu {
    /// Asks for the fastest adapter, with no optional feature and with buffers as large as it offers.
    ///
    /// # Errors
    /// [`GpuError::NoAdapter`], [`GpuError::NoDevice`].
    pub async fn new() -> Result<Self, GpuError> {
        Self::request(true, "").await
    }

    /// As [`Self::new`], with the browser's words for its adapter: wgpu passes on only the description, which
    /// browsers leave empty.
    ///
    /// # Errors
    /// [`GpuError::NoAdapter`], [`GpuError::NoDevice`].
    pub async fn named(words: &str) -> Result<Self, GpuError> {
        Self::request(true, words).await
    }

    /// With `large` false, every limit is WebGPU's default, as on the smallest conforming device.
    pub(crate) async fn request(large: bool, words: &str) -> Result<Self, GpuError> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..wgpu::RequestAdapterOptions::default()
        };
        let adapter = instance
            .request_adapter(&options)
            .await
            .map_err(|error| GpuError::NoAdapter { detail: error.to_string() })?;
        let offered = adapter.limits();
        let mut limits = wgpu::Limits::default();
        if large {
            limits.max_storage_buffer_binding_size =
                limits.max_storage_buffer_binding_size.max(offered.max_storage_buffer_binding_size);
            limits.max_buffer_size = limits.max_buffer_size.max(offered.max_buffer_size);
        }
        let descriptor =
            wgpu::DeviceDescriptor { required_limits: limits.clone(), ..wgpu::DeviceDescriptor::default() };
        let (device, queue) = adapter
            .request_device(&descriptor)
            .await
            .map_err(|error| GpuError::NoDevice { detail: error.to_string() })?;
        let lost = Shared::default();
        let error = Shared::default();
        let (lost_too, error_too) = (Arc::clone(&lost), Arc::clone(&error));
        device.set_device_lost_callback(move |reason, words| {
            set_first(&lost_too, if words.is_empty() { format!("{reason:?}") } else { words });
        });
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            set_first(&error_too, (matches!(error, wgpu::Error::OutOfMemory { .. }), error.to_string()));
        }));
        let info = adapter.get_info();
        let name = format!("{} {words}", info.name).to_lowercase();
        let software = info.device_type == wgpu::DeviceType::Cpu
            || ["swiftshader", "llvmpipe", "lavapipe", "software", "basic render"]
                .iter()
                .any(|word| name.contains(word));
        let words: Vec<&str> =
            [words, info.name.as_str(), info.driver.as_str()].into_iter().filter(|word| !word.is_empty()).collect();
        let adapter = if words.is_empty() { "unnamed adapter".to_owned() } else { words.join(", ") };
        Ok(Self {
            inner: Rc::new(Inner {
                device,
                queue,
                adapter,
                software,
                limits,
                ledger: Rc::default(),
                counters: Cell::default(),
                lost,
                error,
                pipelines: RefCell::default(),
            }),
        })
    }

    /// Name and driver in plain words.
    pub fn adapter(&self) -> &str {
        &self.inner.adapter
    }

    /// Whether the adapter computes on the processor (SwiftShader, llvmpipe, WARP).
    pub fn is_software(&self) -> bool {
        self.inner.software
    }

    /// Bytes in live buffers, read-back staging included while it is alive.
    pub fn allocated_bytes(&self) -> u64 {
        self.inner.ledger.bytes.get()
    }

    /// The most that [`Self::allocated_bytes`] has been.
    pub fn peak_bytes(&self) -> u64 {
        self.inner.ledger.peak_bytes.get()
    }

    /// Work done so far.
    pub fn counters(&self) -> Counters {
        self.inner.counters.get()
    }

    fn count(&self, work: impl FnOnce(&mut Counters)) {
        let mut counters = self.inner.counters.get();
        work(&mut counters);
        self.inner.counters.set(counters);
    }

    fn submit_encoder(&self, encoder: wgpu::CommandEncoder) -> wgpu::SubmissionIndex {
        self.count(|counters| counters.submits += 1);
        self.inner.queue.submit([encoder.finish()])
    }

    fn write_buffer(&self, buffer: &OwnedBuffer, offset: u64, bytes: &[u8]) {
        self.inner.queue.write_buffer(&buffer.raw, offset, bytes);
        self.count(|counters| {
            counters.uploads += 1;
            counters.upload_bytes += bytes.len() as u64;
        });
    }

    /// Live buffers.
    pub fn n_buffers(&self) -> usize {
        self.inner.ledger.buffers.get()
    }

    /// Most bytes of one plane.
    pub fn max_plane_bytes(&self) -> u64 {
        self.inner.limits.max_storage_buffer_binding_size.min(self.inner.limits.max_buffer_size)
    }

    /// Why the device is gone, if it is.
    pub fn lost(&self) -> Option<String> {
        get(&self.inner.lost)
    }

    /// Gives the device back; everything fails afterwards.
    pub fn destroy(&self) {
        self.inner.device.destroy();
        set_first(&self.inner.lost, "it was given back".to_owned());
    }

    pub(crate) fn raw(&self) -> &wgpu::Device {
        &self.inner.device
    }

    pub(crate) fn pipelines(&self) -> &RefCell<HashMap<&'static str, Rc<Pipeline>>> {
        &self.inner.pipelines
    }

    pub(crate) fn write_raw(&self, buffer: &OwnedBuffer, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.write_buffer(buffer, 0, bytes);
        }
    }

    /// The first error that the device reported, if any. It stays: results after it are not to be trusted.
    pub fn check(&self) -> Result<(), GpuError> {
        if let Some(detail) = self.lost() {
            return Err(GpuError::Lost { detail });
        }
        match get(&self.inner.error) {
            None => Ok(()),
            Some((true, detail)) => Err(GpuError::OutOfMemory { detail }),
            Some((false, detail)) => Err(GpuError::Device { detail }),
        }
    }

    /// A zeroed tensor.
    ///
    /// # Errors
    /// [`GpuError::TooLarge`] if a plane exceeds the binding limit, [`GpuError::Shape`] for rows that are not
    /// whole blocks, [`GpuError::Device`] when memory is out (on the web it may surface at the next read).
    pub fn create(&self, name: &str, shape: &[usize], layout: Layout) -> Result<Tensor, GpuError> {
        let tensor = Tensor::with_planes(name, shape, layout, None);
        if !tensor.cols().is_multiple_of(layout.block_len()) {
            let detail = format!("{name} has rows of {}, not a multiple of {}", tensor.cols(), layout.block_len());
            return Err(GpuError::shape("create", detail));
        }
        let planes = tensor
            .plane_bytes()
            .into_iter()
            .map(|bytes| self.buffer(name, bytes).map(Rc::new))
            .collect::<Result<Vec<_>, _>>()?;
        tensor.set_planes(planes);
        Ok(tensor)
    }

    /// A zeroed table of weights, in [parts](Tensor::parts) where a plane exceeds the binding limit.
    ///
    /// # Errors
    /// As [`Self::create`]; [`GpuError::TooLarge`] only if a single row exceeds the limit.
    pub fn create_table(&self, name: &str, shape: &[usize], layout: Layout) -> Result<Tensor, GpuError> {
        self.create_table_within(name, shape, layout, self.max_plane_bytes())
    }

    pub(crate) fn create_table_within(
        &self,
        name: &str,
        shape: &[usize],
        layout: Layout,
        max_plane_bytes: u64,
    ) -> Result<Tensor, GpuError> {
        let [rows, cols] = *shape else { return self.create(name, shape, layout) };
        let row_bytes = layout.plane_bytes(1, cols).into_iter().max().unwrap_or(0);
        let rows_a_part = usize::try_from(max_plane_bytes / row_bytes.max(1)).unwrap_or(usize::MAX).max(1);
        if rows <= rows_a_part {
            return self.create(name, shape, layout);
        }
        let parts = (0..rows)
            .step_by(rows_a_part)
            .map(|first| self.create(name, &[rows_a_part.min(rows - first), cols], layout))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Tensor::from_parts(name, shape, layout, parts))
    }

    /// A zeroed storage buffer of at least `bytes`, rounded up to 16 for four-lane loads.
    pub(crate) fn buffer(&self, name: &str, bytes: u64) -> Result<OwnedBuffer, GpuError> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let size = bytes.max(4).div_ceil(16) * 16;
        if size > self.max_plane_bytes() {
            return Err(GpuError::TooLarge { name: name.to_owned(), needed: size, limit: self.max_plane_bytes() });
        }
        self.raw_buffer(name, size, usage)
    }

    pub(crate) fn raw_buffer(&self, name: &str, size: u64, usage: wgpu::BufferUsages) -> Result<OwnedBuffer, GpuError> {
        self.check()?;
        let descriptor = wgpu::BufferDescriptor { label: Some(name), size, usage, mapped_at_creation: false };
        let owned = OwnedBuffer::new(self.inner.device.create_buffer(&descriptor), &self.inner.ledger);
        self.check()?;
        Ok(owned)
    }

    /// Writes bytes into a plane. Offset and length are multiples of 4.
    ///
    /// # Errors
    /// [`GpuError::Shape`] outside the plane, [`GpuError::Device`], [`GpuError::Lost`].
    pub fn write(&self, tensor: &Tensor, plane: usize, offset_bytes: u64, bytes: &[u8]) -> Result<(), GpuError> {
        let size = tensor.plane_bytes().get(plane).copied().unwrap_or(0);
        let buffer = tensor.plane(plane);
        let Some(buffer) = buffer.filter(|_| offset_bytes + bytes.len() as u64 <= size.div_ceil(4) * 4) else {
            return Err(GpuError::shape(
                "write",
                format!(
                    "{} bytes at {offset_bytes} go past plane {plane} of {} ({size} bytes)",
                    bytes.len(),
                    tensor.name()
                ),
            ));
        };
        if !offset_bytes.is_multiple_of(4) || !bytes.len().is_multiple_of(4) {
            return Err(GpuError::shape("write", "offset and length must be multiples of 4"));
        }
        self.write_buffer(&buffer, offset_bytes, bytes);
        self.check()
    }

    /// Writes values from index `start` on.
    pub fn write_f32(&self, tensor: &Tensor, start: usize, values: &[f32]) -> Result<(), GpuError> {
        self.write(tensor, 0, start as u64 * 4, bytemuck::cast_slice(values))
    }

    /// Writes values from index `start` on.
    pub fn write_u32(&self, tensor: &Tensor, start: usize, values: &[u32]) -> Result<(), GpuError> {
        self.write(tensor, 0, start as u64 * 4, bytemuck::cast_slice(values))
    }

    /// Writes whole rows given as in a GGUF file, from row `first_row` on. A chunk ends at a row's end.
    ///
    /// # Errors
    /// [`GpuError::Shape`] if the bytes are not whole rows or go past the end.
    pub fn write_rows(&self, tensor: &Tensor, first_row: usize, ggml: &[u8]) -> Result<(), GpuError> {
        let (layout, cols) = (tensor.layout(), tensor.cols());
        let row_bytes = usize::try_from(relayout::ggml_bytes(layout, 1, cols)).unwrap_or(usize::MAX).max(1);
        let end = first_row + ggml.len() / row_bytes;
        if !ggml.len().is_multiple_of(row_bytes) || end > tensor.rows() {
            let detail = format!("{} bytes from row {first_row} on are no rows of {}", ggml.len(), tensor.name());
            return Err(GpuError::shape("write_rows", detail));
        }
        for (part_row, part) in tensor.parts() {
            let (from, to) = (first_row.max(part_row), end.min(part_row + part.rows()));
            if from >= to {
                continue;
            }
            let rows = &ggml[(from - first_row) * row_bytes..(to - first_row) * row_bytes];
            let offsets = layout.plane_bytes(from - part_row, cols);
            let planes = relayout::relayout(layout, rows)?;
            for (plane, (offset, bytes)) in offsets.into_iter().zip(planes).enumerate() {
                self.write(&part, plane, offset, &bytes)?;
            }
        }
        Ok(())
    }

    /// Makes two buffers and gives what copies one to the other so many times, to time it.
    ///
    /// # Errors
    /// [`GpuError::Device`], [`GpuError::Lost`].
    pub fn copier(&self, bytes: u64) -> Result<impl Fn(u32) -> Result<(), GpuError> + '_, GpuError> {
        // Beside the ledger: the peak that it keeps is that of models.
        let buffer = |usage| {
            let (size, mapped_at_creation) = (bytes, false);
            self.inner.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation })
        };
        let (from, to) = (buffer(wgpu::BufferUsages::COPY_SRC), buffer(wgpu::BufferUsages::COPY_DST));
        self.check()?;
        Ok(move |times| {
            let mut encoder = self.inner.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            for _ in 0..times {
                encoder.copy_buffer_to_buffer(&from, 0, &to, 0, bytes);
            }
            self.submit_encoder(encoder);
            self.check()
        })
    }

    /// Replays a prepared list `steps` times in one compute pass and one submission.
    ///
    /// # Errors
    /// [`GpuError::Device`], [`GpuError::Lost`].
    pub fn submit(&self, prepared: &Prepared, steps: u32) -> Result<(), GpuError> {
        self.check()?;
        let encoder = self.encode(prepared, steps, None);
        self.submit_encoder(encoder);
        self.check()
    }

    /// Replays the dispatches of one kernel of a prepared list only, to time them.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub fn submit_kernel(&self, prepared: &Prepared, kernel: &str, steps: u32) -> Result<(), GpuError> {
        self.check()?;
        let encoder = self.encode(prepared, steps, Some(kernel));
        self.submit_encoder(encoder);
        self.check()
    }

    /// [`Self::submit`] that also copies values `range` of a `u32` or `f32` tensor for [`Self::take`], in the same
    /// submission.
    ///
    /// # Errors
    /// As [`Self::submit`]; [`GpuError::Shape`] for a wrong range or layout, or a scratch tensor that was not kept.
    pub fn submit_and_read(
        &self,
        prepared: &Prepared,
        steps: u32,
        tensor: &Tensor,
        range: Range<usize>,
    ) -> Result<Readback, GpuError> {
        self.check()?;
        let encoder = self.encode(prepared, steps, None);
        let layout = if tensor.layout() == Layout::F32 { Layout::F32 } else { Layout::U32 };
        self.copy_out(encoder, tensor, layout, range)
    }

    fn encode(&self, prepared: &Prepared, steps: u32, only: Option<&str>) -> wgpu::CommandEncoder {
        let mut encoder = self.inner.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        let dispatches: u64 = (0..steps).map(|_| prepared.encode(&mut pass, only)).sum();
        drop(pass);
        self.count(|counters| {
            counters.passes += 1;
            counters.dispatches += dispatches;
        });
        encoder
    }

    /// Values `range` of an `f32` tensor, after everything submitted before.
    ///
    /// # Errors
    /// [`GpuError::Shape`] for a wrong range or layout, or a scratch tensor that was not kept;
    /// [`GpuError::Device`], [`GpuError::Lost`].
    pub async fn read_f32(&self, tensor: &Tensor, range: Range<usize>) -> Result<Vec<f32>, GpuError> {
        let bytes = self.read(tensor, Layout::F32, range).await?;
        Ok(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    /// Values `range` of a `u32` tensor.
    pub async fn read_u32(&self, tensor: &Tensor, range: Range<usize>) -> Result<Vec<u32>, GpuError> {
        let bytes = self.read(tensor, Layout::U32, range).await?;
        Ok(bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    async fn read(&self, tensor: &Tensor, layout: Layout, range: Range<usize>) -> Result<Vec<u8>, GpuError> {
        self.check()?;
        if range.is_empty() && range.end <= tensor.len() {
            return Ok(Vec::new());
        }
        let encoder = self.inner.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let readback = self.copy_out(encoder, tensor, layout, range)?;
        self.bytes(readback).await
    }

    /// Ends `encoder` with a copy of four-byte values `range` of `tensor`, submits it and asks for the copy.
    fn copy_out(
        &self,
        mut encoder: wgpu::CommandEncoder,
        tensor: &Tensor,
        layout: Layout,
        range: Range<usize>,
    ) -> Result<Readback, GpuError> {
        let Some(buffer) = tensor.plane(0) else {
            return Err(GpuError::shape("read", format!("{} was not kept", tensor.name())));
        };
        if tensor.layout() != layout || range.is_empty() || range.end > tensor.len() {
            return Err(GpuError::shape("read", format!("{range:?} as {layout:?} of {}", tensor.name())));
        }
        let size = range.len() as u64 * 4;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = self.raw_buffer("read", size, usage)?;
        encoder.copy_buffer_to_buffer(&buffer.raw, range.start as u64 * 4, &staging.raw, 0, size);
        let submission = self.submit_encoder(encoder);
        self.count(|counters| counters.read_bytes += size);
        let (sender, signal) = signal();
        staging.raw.map_async(wgpu::MapMode::Read, .., move |result| {
            sender.send(result.map_err(|error| error.to_string()));
        });
        Ok(Readback { staging, signal, submission })
    }

    /// The words that [`Self::submit_and_read`] copied, once it has run; what was submitted later is not waited for.
    ///
    /// # Errors
    /// [`GpuError::Device`], [`GpuError::Lost`].
    pub async fn take(&self, readback: Readback) -> Result<Vec<u32>, GpuError> {
        let bytes = self.bytes(readback).await?;
        Ok(bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    async fn bytes(&self, readback: Readback) -> Result<Vec<u8>, GpuError> {
        let Readback { staging, signal, submission } = readback;
        self.wait(signal, Some(submission)).await?;
        self.check()?;
        let view = staging
            .raw
            .get_mapped_range(..)
            .map_err(|error| GpuError::Device { detail: format!("mapping: {error}") })?;
        let bytes = view.to_vec();
        drop(view);
        staging.raw.unmap();
        Ok(bytes)
    }

    /// Resolves when everything submitted so far has run.
    pub async fn finish(&self) -> Result<(), GpuError> {
        self.check()?;
        let (sender, signal) = signal();
        self.inner.queue.on_submitted_work_done(move || sender.send(Ok(())));
        self.wait(signal, None).await?;
        self.check()
    }

    /// Waits for a callback; natively for one submission or, by default, for all.
    async fn wait(&self, signal: Signal, submission_index: Option<wgpu::SubmissionIndex>) -> Result<(), GpuError> {
        // Natively this blocks until callbacks have run; on the web it does nothing and the event loop calls back.
        if let Err(error) = self.inner.device.poll(wgpu::PollType::Wait { submission_index, timeout: None }) {
            self.check()?;
            return Err(GpuError::Device { detail: error.to_string() });
        }
        match signal.await {
            Ok(()) => Ok(()),
            Err(detail) => {
                self.check()?;
                Err(GpuError::Device { detail })
            }
        }
    }
}

/// A copy on its way from the device.
pub struct Readback {
    staging: OwnedBuffer,
    signal: Signal,
    submission: wgpu::SubmissionIndex,
}

#[derive(Default)]
struct Slot {
    value: Option<Result<(), String>>,
    waker: Option<Waker>,
}

/// Resolves once its [`Sender`] sends, or with an error when it is dropped unsent.
struct Signal(Arc<Mutex<Slot>>);
struct Sender(Arc<Mutex<Slot>>);

fn signal() -> (Sender, Signal) {
    let slot = Arc::new(Mutex::new(Slot::default()));
    (Sender(Arc::clone(&slot)), Signal(slot))
}

impl Sender {
    fn send(&self, value: Result<(), String>) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.value.get_or_insert(value);
        if let Some(waker) = slot.waker.take() {
            drop(slot);
            waker.wake();
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // After a send this changes nothing that anyone still waits for.
        self.send(Err("the GPU dropped the request".to_owned()));
    }
}

impl Future for Signal {
    type Output = Result<(), String>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = slot.value.clone() {
            return Poll::Ready(value);
        }
        slot.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::kernels;
    use crate::gpu::testing::{gpu, noise, state, tensor};
    use crate::gpu::{Recording, prepare};

    #[test]
    fn dropped_tensors_leave_the_ledger() {
        let gpu = gpu();
        assert_eq!((gpu.n_buffers(), gpu.allocated_bytes()), (0, 0));
        let weights = gpu.create("w", &[4, 64], Layout::Q4_1).unwrap();
        assert_eq!((gpu.n_buffers(), gpu.allocated_bytes()), (2, 128 + 32));
        let clone = weights.clone();
        drop(weights);
        assert_eq!(gpu.n_buffers(), 2);
        drop(clone);
        assert_eq!((gpu.n_buffers(), gpu.allocated_bytes()), (0, 0));
    }

    #[test]
    fn running_again_and_again_takes_no_more_memory_and_scratch_is_shared() {
        let gpu = gpu();
        let (x, state) = (tensor(&gpu, &[1, 64], &noise(64, 1)), state(&gpu, 0, 1));
        let mut rec = Recording::new();
        let mut sum = kernels::add(&mut rec, &x, &x, &state);
        for _ in 0..20 {
            sum = kernels::add(&mut rec, &sum, &x, &state);
        }
        rec.keep(&sum);
        let prepared = prepare(&gpu, &rec).unwrap();
        // Two that alternate and the kept one.
        assert_eq!(prepared.scratch_bytes(), 3 * 256);
        let before = (gpu.n_buffers(), gpu.allocated_bytes());
        for _ in 0..100 {
            gpu.submit(&prepared, 2).unwrap();
            let found = pollster::block_on(gpu.read_f32(&sum, 0..64)).unwrap();
            let expected: Vec<f32> = noise(64, 1).iter().map(|v| v * 22.0).collect();
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4));
        }
        assert_eq!((gpu.n_buffers(), gpu.allocated_bytes()), before);
    }

    #[test]
    fn a_tensor_over_the_binding_limit_is_refused_by_name() {
        let gpu = gpu();
        let limit = gpu.max_plane_bytes();
        let error = gpu.create("token_embd", &[usize::try_from(limit / 4).unwrap() + 4], Layout::F32).unwrap_err();
        assert!(matches!(error, GpuError::TooLarge { name, .. } if name == "token_embd"));
        assert_eq!(gpu.n_buffers(), 0);
    }

    #[test]
    fn wrong_writes_and_reads_are_errors() {
        let gpu = gpu();
        let t = gpu.create("t", &[4], Layout::F32).unwrap();
        assert!(gpu.write_f32(&t, 1, &[0.0; 4]).is_err());
        assert!(gpu.write(&t, 0, 2, &[0; 4]).is_err());
        assert!(gpu.write(&t, 1, 0, &[0; 4]).is_err());
        assert!(pollster::block_on(gpu.read_f32(&t, 2..5)).is_err());
        assert!(pollster::block_on(gpu.read_u32(&t, 0..4)).is_err());
        let mut rec = Recording::new();
        let scratch = rec.scratch("s", &[4], Layout::F32);
        assert!(pollster::block_on(gpu.read_f32(&scratch, 0..4)).is_err());
        assert!(gpu.check().is_ok());
    }

    #[test]
    fn a_destroyed_device_is_lost_and_says_so() {
        let gpu = gpu();
        let t = gpu.create("t", &[4], Layout::F32).unwrap();
        assert_eq!(gpu.lost(), None);
        gpu.destroy();
        assert!(gpu.lost().is_some());
        assert!(matches!(pollster::block_on(gpu.read_f32(&t, 0..4)), Err(GpuError::Lost { .. })));
        assert!(matches!(gpu.create("u", &[4], Layout::F32), Err(GpuError::Lost { .. })));
    }

    #[test]
    fn an_error_of_the_device_surfaces_and_stays() {
        static BROKEN: crate::gpu::kernel::Kernel = crate::gpu::kernel::Kernel {
            name: "broken",
            sources: &["@compute @workgroup_size(1) fn main() { let x: u32 = 1.5; }"],
            bindings: &[],
            params_size: 16,
        };
        let gpu = gpu();
        let mut rec = Recording::new();
        rec.dispatch(&BROKEN, &[0; 4], &[], [1, 1, 1]);
        assert!(matches!(prepare(&gpu, &rec), Err(GpuError::Device { .. })));
        assert!(matches!(gpu.check(), Err(GpuError::Device { .. })));
    }
}
