//! Prepares a recording: memory for scratch tensors, pipelines, bind groups.

use std::collections::HashMap;
use std::rc::Rc;

use super::device::Gpu;
use super::error::GpuError;
use super::kernel::{Access, Kernel};
use super::recording::Recording;
use super::tensor::OwnedBuffer;

/// A compiled kernel.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

#[derive(Debug)]
struct Step {
    kernel: &'static str,
    pipeline: Rc<Pipeline>,
    group: wgpu::BindGroup,
    grid: [u32; 3],
}

/// A recording ready to be replayed; owns the buffers that it uses.
#[derive(Debug)]
pub struct Prepared {
    steps: Vec<Step>,
    scratch_bytes: u64,
    _buffers: Vec<Rc<OwnedBuffer>>,
}

impl Prepared {
    /// Dispatches of one replay.
    pub fn n_dispatches(&self) -> usize {
        self.steps.len()
    }

    /// Bytes of scratch memory.
    pub fn scratch_bytes(&self) -> u64 {
        self.scratch_bytes
    }

    /// Its kernels in order of their first dispatch, and how many dispatches each has.
    pub fn kernels(&self) -> Vec<(&'static str, u32)> {
        let mut kernels: Vec<(&'static str, u32)> = Vec::new();
        for step in &self.steps {
            match kernels.iter_mut().find(|(name, _)| *name == step.kernel) {
                Some((_, n)) => *n += 1,
                None => kernels.push((step.kernel, 1)),
            }
        }
        kernels
    }

    /// Appends its dispatches, or those of one kernel; says how many.
    pub(crate) fn encode(&self, pass: &mut wgpu::ComputePass<'_>, only: Option<&str>) -> u64 {
        let mut n = 0;
        for step in self.steps.iter().filter(|step| only.is_none_or(|only| only == step.kernel)) {
            n += 1;
            pass.set_pipeline(&step.pipeline.pipeline);
            pass.set_bind_group(0, &step.group, &[]);
            let [x, y, z] = step.grid;
            pass.dispatch_workgroups(x, y, z);
        }
        n
    }
}

/// Uniform bindings start at multiples of this (WebGPU's default limit).
const UNIFORM_ALIGNMENT: u64 = 256;

/// Builds what `submit` replays.
///
/// # Errors
/// The first shape error of the recording; [`GpuError::TooLarge`], [`GpuError::Device`], [`GpuError::Lost`].
pub fn prepare(gpu: &Gpu, recording: &Recording) -> Result<Prepared, GpuError> {
    if let Some(error) = &recording.error {
        return Err(error.clone());
    }
    gpu.check()?;
    let (scratch, mut buffers) = scratch_buffers(gpu, recording)?;
    let scratch_bytes = buffers.iter().map(|buffer| buffer.raw.size()).sum();

    // All parameter blocks share one uniform buffer, equal ones one place in it.
    let mut offsets: HashMap<&[u8], u64> = HashMap::new();
    let mut packed: Vec<u8> = Vec::new();
    for op in &recording.ops {
        offsets.entry(&op.params).or_insert_with(|| {
            let offset = packed.len() as u64;
            packed.extend_from_slice(&op.params);
            packed.resize(packed.len().next_multiple_of(UNIFORM_ALIGNMENT as usize), 0);
            offset
        });
    }
    let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
    let params = Rc::new(gpu.raw_buffer("params", (packed.len() as u64).max(UNIFORM_ALIGNMENT), usage)?);
    gpu.write_raw(&params, &packed);

    let mut steps = Vec::with_capacity(recording.ops.len());
    for op in &recording.ops {
        let pipeline = pipeline(gpu, op.kernel)?;
        let mut entries = vec![wgpu::BindGroupEntry {
            binding: 0,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: &params.raw,
                offset: offsets.get(op.params.as_slice()).copied().unwrap_or(0),
                size: std::num::NonZeroU64::new(op.params.len() as u64),
            }),
        }];
        let mut bound = Vec::with_capacity(op.bindings.len());
        for (tensor, plane) in &op.bindings {
            let buffer =
                scratch.get(&tensor.id()).cloned().or_else(|| tensor.plane(*plane)).ok_or_else(|| {
                    GpuError::shape(op.kernel.name, format!("{} has no plane {plane}", tensor.name()))
                })?;
            bound.push(buffer);
        }
        for (binding, buffer) in (1..).zip(&bound) {
            entries.push(wgpu::BindGroupEntry { binding, resource: buffer.raw.as_entire_binding() });
        }
        let group = gpu.raw().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(op.kernel.name),
            layout: &pipeline.layout,
            entries: &entries,
        });
        buffers.extend(bound);
        steps.push(Step { kernel: op.kernel.name, pipeline, group, grid: op.grid });
    }
    buffers.push(params);
    gpu.check()?;
    Ok(Prepared { steps, scratch_bytes, _buffers: buffers })
}

/// Buffer of each scratch tensor by its id.
type Assigned = HashMap<usize, Rc<OwnedBuffer>>;

/// A buffer for every scratch tensor, and all buffers once; tensors whose uses do not overlap share one.
fn scratch_buffers(gpu: &Gpu, recording: &Recording) -> Result<(Assigned, Vec<Rc<OwnedBuffer>>), GpuError> {
    let mut last_use: HashMap<usize, usize> = HashMap::new();
    for (index, op) in recording.ops.iter().enumerate() {
        for (tensor, _) in &op.bindings {
            last_use.insert(tensor.id(), index);
        }
    }
    let mut assigned = Assigned::new();
    let mut all = Vec::new();
    for tensor in &recording.kept {
        if recording.scratch.contains(&tensor.id()) && !assigned.contains_key(&tensor.id()) {
            let buffer = match tensor.plane(0) {
                Some(buffer) => buffer,
                None => Rc::new(gpu.buffer(tensor.name(), tensor.plane_bytes().first().copied().unwrap_or(0))?),
            };
            tensor.set_planes(vec![Rc::clone(&buffer)]);
            all.push(Rc::clone(&buffer));
            assigned.insert(tensor.id(), buffer);
        }
    }
    let kept: Vec<usize> = recording.kept.iter().map(super::tensor::Tensor::id).collect();
    let mut free: Vec<Rc<OwnedBuffer>> = Vec::new();
    for (index, op) in recording.ops.iter().enumerate() {
        for (tensor, _) in &op.bindings {
            let id = tensor.id();
            if !recording.scratch.contains(&id) || assigned.contains_key(&id) {
                continue;
            }
            let needed: u64 = tensor.plane_bytes().iter().sum();
            // The smallest that fits; else a new one.
            let fit = (0..free.len()).filter(|&i| free[i].raw.size() >= needed).min_by_key(|&i| free[i].raw.size());
            let buffer = if let Some(i) = fit {
                free.swap_remove(i)
            } else {
                let buffer = Rc::new(gpu.buffer(tensor.name(), needed)?);
                all.push(Rc::clone(&buffer));
                buffer
            };
            assigned.insert(id, buffer);
        }
        let mut released = Vec::new();
        for (tensor, _) in &op.bindings {
            let id = tensor.id();
            if last_use.get(&id) == Some(&index)
                && !kept.contains(&id)
                && !released.contains(&id)
                && recording.scratch.contains(&id)
                && let Some(buffer) = assigned.get(&id)
            {
                released.push(id);
                free.push(Rc::clone(buffer));
            }
        }
    }
    Ok((assigned, all))
}

fn pipeline(gpu: &Gpu, kernel: &'static Kernel) -> Result<Rc<Pipeline>, GpuError> {
    if let Some(pipeline) = gpu.pipelines().borrow().get(kernel.name) {
        return Ok(Rc::clone(pipeline));
    }
    let device = gpu.raw();
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(kernel.name),
        source: wgpu::ShaderSource::Wgsl(kernel.source().into()),
    });
    let entry = |binding: u32, ty: wgpu::BufferBindingType| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    };
    let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform)];
    entries.extend((1..).zip(kernel.bindings).map(|(binding, access)| {
        entry(binding, wgpu::BufferBindingType::Storage { read_only: *access == Access::Read })
    }));
    let layout = device
        .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(kernel.name), entries: &entries });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(kernel.name),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(kernel.name),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    });
    gpu.check()?;
    let pipeline = Rc::new(Pipeline { pipeline, layout });
    gpu.pipelines().borrow_mut().insert(kernel.name, Rc::clone(&pipeline));
    Ok(pipeline)
}
