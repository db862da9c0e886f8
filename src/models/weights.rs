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

/// Weights of one block; shapes as in [`NameTable`]. What is multiplied with the same activations is one table.
#[derive(Debug, Clone)]
pub struct LayerWeights {
    /// Norm before attention, (`n_embd`).
    pub attn_norm: Tensor,
    /// Queries, keys and values, (`n_q` + 2 `n_kv`, `n_embd`).
    pub attn_qkv: Tensor,
    /// What [`Heads`](crate::gpu::kernels::heads::Heads) calls vectors: rotary frequencies, norms and biases.
    pub attn_vectors: Tensor,
    /// Attention output, (`n_embd`, `n_q`).
    pub attn_output: Tensor,
    /// Norm of what attention adds, (`n_embd`), if the model has it.
    pub attn_post_norm: Option<Tensor>,
    /// `attn_norm` and the norm of what the block before adds last, (2, `n_embd`), if there is one.
    pub attn_norms: Option<Tensor>,
    /// Norm before the feed-forward layer, (`n_embd`).
    pub ffn_norm: Tensor,
    /// Gate and up, (2 `n_ff`, `n_embd`).
    pub ffn_gate_up: Tensor,
    /// Down, (`n_embd`, `n_ff`).
    pub ffn_down: Tensor,
    /// Norm of what the feed-forward layer adds, (`n_embd`), if the model has it.
    pub ffn_post_norm: Option<Tensor>,
    /// `ffn_norm` and `attn_post_norm`, (2, `n_embd`), if the model has it.
    pub ffn_norms: Option<Tensor>,
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
        for (pattern, len) in vectors(spec, names) {
            shapes.insert(of_layer(pattern, layer), vec![len]);
        }
        if spec.post_norms {
            for pattern in [names.attn_post_norm, names.ffn_post_norm] {
                shapes.insert(of_layer(pattern, layer), vec![d]);
            }
        }
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

/// Names and lengths of what follows the rotary frequencies in a block's `attn_vectors`.
fn vectors<'a>(spec: &DecoderSpec, names: &'a NameTable) -> Vec<(&'a str, usize)> {
    let mut vectors = Vec::new();
    if spec.qk_norm {
        vectors.extend([(names.attn_q_norm, spec.head_dim), (names.attn_k_norm, spec.head_dim)]);
    }
    if spec.qkv_bias {
        let (q, kv) = (spec.n_q(), spec.n_kv());
        vectors.extend([(names.attn_q_bias, q), (names.attn_k_bias, kv), (names.attn_v_bias, kv)]);
    }
    vectors
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

/// Product of all dimensions but the last, and the last.
fn rows_cols(entry: &TensorEntry) -> (usize, usize) {
    let cols = entry.shape.last().copied().unwrap_or(1).max(1);
    (entry.n_values() / cols, cols)
}

/// Bytes that the weights take on the device.
///
/// # Errors
/// [`FormatError::Quantization`].
pub fn device_bytes(header: &GgufHeader) -> Result<u64, FormatError> {
    let mut total = 0;
    for entry in &header.tensors {
        let (rows, cols) = rows_cols(entry);
        total += layout_of(entry)?.plane_bytes(rows, cols).iter().sum::<u64>();
    }
    Ok(total)
}

/// Where the rows of each tensor of the file go; of a vector, its values.
type Places = BTreeMap<String, Vec<(Tensor, usize)>>;

/// Adds a place for a tensor.
fn put(places: &mut Places, name: &str, tensor: &Tensor, first: usize) {
    places.entry(name.to_owned()).or_default().push((tensor.clone(), first));
}

/// Makes one table for matrices that are multiplied with the same activations. Neighbors of one quantization lie in one
/// buffer, so that one dispatch serves them; others are parts of their own.
fn stack(gpu: &Gpu, header: &GgufHeader, names: &[String], places: &mut Places) -> Result<Tensor, ModelError> {
    let entries = names.iter().map(|name| header.tensor(name)).collect::<Result<Vec<_>, _>>()?;
    let rows = |entry: &TensorEntry| entry.shape.first().copied().unwrap_or_default();
    let n_rows = |entries: &[&TensorEntry]| entries.iter().map(|entry| rows(entry)).sum::<usize>();
    let cols = entries.first().and_then(|entry| entry.shape.last()).copied().unwrap_or_default();
    let name = names.join("+");
    let mut tables = Vec::new();
    for alike in entries.chunk_by(|a, b| a.dtype == b.dtype) {
        let layout = alike.first().map_or(Ok(Layout::F32), |entry| layout_of(entry))?;
        let table = gpu.create_table(&name, &[n_rows(alike), cols], layout)?;
        let mut first = 0;
        for entry in alike {
            put(places, &entry.name, &table, first);
            first += rows(entry);
        }
        tables.push(table);
    }
    if let [table] = tables.as_slice() {
        return Ok(table.clone());
    }
    let layout = tables.first().map_or(Layout::F32, Tensor::layout);
    let parts = tables.iter().flat_map(Tensor::parts).map(|(_, part)| part).collect();
    Ok(Tensor::from_parts(&name, &[n_rows(&entries), cols], layout, parts))
}

/// Makes the tensors of a model, all zero, and says where each tensor of the file goes.
fn create(
    gpu: &Gpu,
    header: &GgufHeader,
    spec: &DecoderSpec,
    names: &NameTable,
) -> Result<(Weights, Places), ModelError> {
    let mut places = Places::new();
    let alone = |name: &str, places: &mut Places| -> Result<Tensor, ModelError> {
        let entry = header.tensor(name)?;
        let tensor = gpu.create_table(name, &entry.shape, layout_of(entry)?)?;
        put(places, name, &tensor, 0);
        Ok(tensor)
    };
    let mut layers = Vec::with_capacity(spec.n_layers);
    for layer in 0..spec.n_layers {
        let of = |pattern: &str| of_layer(pattern, layer);
        let freqs = spec.rope_freqs(layer);
        let n_vectors = freqs.len() + vectors(spec, names).iter().map(|(_, len)| len).sum::<usize>();
        let attn_vectors = gpu.create(&of("blk.{}.attn_vectors"), &[n_vectors], Layout::F32)?;
        gpu.write_f32(&attn_vectors, 0, &freqs)?;
        let mut first = freqs.len();
        for (pattern, len) in vectors(spec, names) {
            put(&mut places, &of(pattern), &attn_vectors, first);
            first += len;
        }
        let post_norm = |pattern, places: &mut Places| {
            if spec.post_norms { alone(&of(pattern), places).map(Some) } else { Ok(None) }
        };
        let attn_post_norm = post_norm(names.attn_post_norm, &mut places)?;
        let ffn_post_norm = post_norm(names.ffn_post_norm, &mut places)?;
        let pair = |norm: &str, post_norm: String, places: &mut Places| -> Result<Tensor, ModelError> {
            let tensor = gpu.create(&format!("{norm}+{post_norm}"), &[2, spec.n_embd], Layout::F32)?;
            put(places, norm, &tensor, 0);
            put(places, &post_norm, &tensor, spec.n_embd);
            Ok(tensor)
        };
        let before = layer.checked_sub(1).filter(|_| spec.post_norms).map(|last| of_layer(names.ffn_post_norm, last));
        let attn_norms = before.map(|last| pair(&of(names.attn_norm), last, &mut places)).transpose()?;
        let inside = spec.post_norms.then(|| of(names.attn_post_norm));
        let ffn_norms = inside.map(|post| pair(&of(names.ffn_norm), post, &mut places)).transpose()?;
        let qkv = [of(names.attn_q), of(names.attn_k), of(names.attn_v)];
        layers.push(LayerWeights {
            attn_norm: alone(&of(names.attn_norm), &mut places)?,
            attn_qkv: stack(gpu, header, &qkv, &mut places)?,
            attn_vectors,
            attn_output: alone(&of(names.attn_output), &mut places)?,
            attn_post_norm,
            attn_norms,
            ffn_norm: alone(&of(names.ffn_norm), &mut places)?,
            ffn_gate_up: stack(gpu, header, &[of(names.ffn_gate), of(names.ffn_up)], &mut places)?,
            ffn_down: alone(&of(names.ffn_down), &mut places)?,
            ffn_post_norm,
            ffn_norms,
        });
    }
    let token_embd = alone(names.token_embd, &mut places)?;
    let output = match header.tensor(names.output) {
        Ok(_) => alone(names.output, &mut places)?,
        Err(_) => token_embd.clone(),
    };
    let output_norm = alone(names.output_norm, &mut places)?;
    Ok((Weights { token_embd, layers, output_norm, output }, places))
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
    let (weights, places) = create(gpu, header, spec, names)?;
    let mut chunk = Vec::new();
    for entry in &header.tensors {
        let missing = || FormatError::MissingTensor { name: entry.name.clone() };
        let places = places.get(&entry.name).ok_or_else(missing)?;
        let (rows, _) = rows_cols(entry);
        let row_bytes = entry.size_bytes / rows.max(1) as u64;
        let rows_a_chunk = (CHUNK_BYTES as u64 / row_bytes.max(1)).max(1) as usize;
        let mut row = 0;
        while row < rows {
            let n_rows = rows_a_chunk.min(rows - row);
            let start = entry.offset + row as u64 * row_bytes;
            source.read(start..start + n_rows as u64 * row_bytes, &mut chunk).await?;
            for (tensor, first) in places {
                if entry.shape.len() == 1 {
                    gpu.write_f32(tensor, first + row, &dequantize(entry.dtype, &chunk)?)?;
                } else {
                    gpu.write_rows(tensor, first + row, &chunk)?;
                }
            }
            row += n_rows;
            done += n_rows as u64 * row_bytes;
            if on_bytes(done, total).is_break() {
                return Err(FormatError::Cancelled.into());
            }
        }
    }
    Ok(weights)
}
