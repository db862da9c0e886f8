//! Weights from a file to the device, one chunk at a time: the heap never holds a whole tensor.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::formats::FormatError;
use crate::formats::gguf::{GgufHeader, TensorEntry};
use crate::formats::quant::{Dtype, dequantize};
use crate::formats::source::ByteSource;
use crate::gpu::{Gpu, Layout, Tensor};

use super::ModelError;
use super::names::{NameTable, of_layer};
use super::spec::DecoderSpec;

/// Most bytes that are read at once.
pub const CHUNK_BYTES: usize = 4 << 20;

/// Weights of one block; shapes as in [`NameTable`].
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of NameTable")]
pub struct LayerWeights {
    pub attn_norm: Tensor,
    pub attn_q: Tensor,
    pub attn_k: Tensor,
    pub attn_v: Tensor,
    pub attn_output: Tensor,
    pub ffn_norm: Tensor,
    pub ffn_gate: Tensor,
    pub ffn_up: Tensor,
    pub ffn_down: Tensor,
}

/// All weights of a decoder on one device.
#[derive(Debug, Clone)]
pub struct Weights {
    /// Token embeddings, (`n_vocab`, `n_embd`).
    pub token_embd: Tensor,
    /// The blocks.
    pub layers: Vec<LayerWeights>,
    /// Weight of the last norm, (`n_embd`).
    pub output_norm: Tensor,
    /// Output head, (`n_vocab`, `n_embd`); the token embeddings where the file has no head of its own.
    pub output: Tensor,
}

/// Every tensor that the forward pass needs, with its shape (outermost first).
pub fn expected_shapes(header: &GgufHeader, spec: &DecoderSpec, names: &NameTable) -> BTreeMap<String, Vec<usize>> {
    let (d, q, kv, ff) = (spec.n_embd, spec.n_q(), spec.n_kv(), spec.n_ff);
    let mut shapes =
        BTreeMap::from([(names.token_embd.to_owned(), vec![spec.n_vocab, d]), (names.output_norm.to_owned(), vec![d])]);
    if header.tensor(names.output).is_ok() {
        shapes.insert(names.output.to_owned(), vec![spec.n_vocab, d]);
    }
    for layer in 0..spec.n_layers {
        for (pattern, shape) in [
            (names.attn_norm, vec![d]),
            (names.attn_q, vec![q, d]),
            (names.attn_k, vec![kv, d]),
            (names.attn_v, vec![kv, d]),
            (names.attn_output, vec![d, q]),
            (names.ffn_norm, vec![d]),
            (names.ffn_gate, vec![ff, d]),
            (names.ffn_up, vec![ff, d]),
            (names.ffn_down, vec![d, ff]),
        ] {
            shapes.insert(of_layer(pattern, layer), shape);
        }
    }
    shapes
}

/// Checks that the file has exactly the tensors of this forward pass, in shapes and quantizations that it reads.
/// A tensor that the pass would ignore (a bias, say) is an error: results would be wrong without a word.
///
/// # Errors
/// [`FormatError::MissingTensor`], [`FormatError::Shape`], [`FormatError::Quantization`], [`FormatError::Header`].
pub fn check_tensors(header: &GgufHeader, spec: &DecoderSpec, names: &NameTable) -> Result<(), FormatError> {
    let shapes = expected_shapes(header, spec, names);
    for (name, expected) in &shapes {
        let entry = header.tensor(name)?;
        if entry.shape != *expected {
            return Err(FormatError::Shape {
                name: name.clone(),
                expected: expected.clone(),
                found: entry.shape.clone(),
            });
        }
    }
    if let Some(extra) = header.tensors.iter().find(|tensor| !shapes.contains_key(&tensor.name)) {
        let detail = format!("tensor {} has no place in this architecture's forward pass", extra.name);
        return Err(FormatError::Header { detail });
    }
    header.check_supported()
}

/// The layout that a tensor gets on the device; vectors (norm weights) are always `f32`.
fn layout_of(entry: &TensorEntry) -> Result<Layout, FormatError> {
    if entry.shape.len() == 1 {
        return Ok(Layout::F32);
    }
    match entry.dtype {
        Dtype::F32 => Ok(Layout::F32),
        Dtype::F16 => Ok(Layout::F16),
        Dtype::Bf16 => Ok(Layout::Bf16),
        Dtype::Q8_0 => Ok(Layout::Q8_0),
        Dtype::Q4_0 => Ok(Layout::Q4_0),
        Dtype::Q4_1 => Ok(Layout::Q4_1),
        Dtype::Q5_0 => Ok(Layout::Q5_0),
        Dtype::Q5_1 => Ok(Layout::Q5_1),
        Dtype::Q4K => Ok(Layout::Q4K),
        Dtype::Q5K => Ok(Layout::Q5K),
        Dtype::Q6K => Ok(Layout::Q6K),
        other => Err(FormatError::Quantization { dtype: other.name().to_owned(), tensor: entry.name.clone() }),
    }
}

/// Bytes that the weights take on the device.
///
/// # Errors
/// [`FormatError::Quantization`].
pub fn device_bytes(header: &GgufHeader) -> Result<u64, FormatError> {
    let mut total = 0;
    for entry in &header.tensors {
        let cols = entry.shape.last().copied().unwrap_or(1);
        let rows = entry.n_values() / cols.max(1);
        total += layout_of(entry)?.plane_bytes(rows, cols).iter().sum::<u64>();
    }
    Ok(total)
}

/// Reads every tensor in the order of the file and uploads it, at most [`CHUNK_BYTES`] at a time. `on_bytes` hears
/// the bytes of weights done and in total and may stop the upload.
///
/// # Errors
/// What the file, the source or the device says; [`FormatError::Cancelled`] if `on_bytes` breaks.
pub async fn upload(
    source: &impl ByteSource,
    header: &GgufHeader,
    spec: &DecoderSpec,
    names: &NameTable,
    gpu: &Gpu,
    on_bytes: &dyn Fn(u64, u64) -> ControlFlow<()>,
) -> Result<Weights, ModelError> {
    check_tensors(header, spec, names)?;
    let total: u64 = header.tensors.iter().map(|tensor| tensor.size_bytes).sum();
    let mut done = 0;
    let mut tensors = BTreeMap::new();
    let mut chunk = Vec::new();
    for entry in &header.tensors {
        let tensor = gpu.create_table(&entry.name, &entry.shape, layout_of(entry)?)?;
        let rows = tensor.rows();
        let row_bytes = entry.size_bytes / rows.max(1) as u64;
        let rows_a_chunk = (CHUNK_BYTES as u64 / row_bytes.max(1)).max(1) as usize;
        let mut row = 0;
        while row < rows {
            let n_rows = rows_a_chunk.min(rows - row);
            let start = entry.offset + row as u64 * row_bytes;
            source.read(start..start + n_rows as u64 * row_bytes, &mut chunk).await?;
            if entry.shape.len() == 1 && entry.dtype != Dtype::F32 {
                gpu.write_f32(&tensor, 0, &dequantize(entry.dtype, &chunk)?)?;
            } else {
                gpu.write_rows(&tensor, row, &chunk)?;
            }
            row += n_rows;
            done += n_rows as u64 * row_bytes;
            if on_bytes(done, total).is_break() {
                return Err(FormatError::Cancelled.into());
            }
        }
        tensors.insert(entry.name.clone(), tensor);
    }
    let take =
        |name: &str| tensors.get(name).cloned().ok_or_else(|| FormatError::MissingTensor { name: name.to_owned() });
    let layers = (0..spec.n_layers)
        .map(|layer| {
            let take = |pattern| take(&of_layer(pattern, layer));
            Ok(LayerWeights {
                attn_norm: take(names.attn_norm)?,
                attn_q: take(names.attn_q)?,
                attn_k: take(names.attn_k)?,
                attn_v: take(names.attn_v)?,
                attn_output: take(names.attn_output)?,
                ffn_norm: take(names.ffn_norm)?,
                ffn_gate: take(names.ffn_gate)?,
                ffn_up: take(names.ffn_up)?,
                ffn_down: take(names.ffn_down)?,
            })
        })
        .collect::<Result<Vec<_>, FormatError>>()?;
    let token_embd = take(names.token_embd)?;
    let output = take(names.output).unwrap_or_else(|_| token_embd.clone());
    Ok(Weights { token_embd, layers, output_norm: take(names.output_norm)?, output })
}
