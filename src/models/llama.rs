//! Llama and its relatives (`SmolLM2`): sizes and tensor names. Metadata keys: llama.cpp `gguf-py/gguf/constants.py`.

use crate::formats::FormatError;
use crate::formats::gguf::{GgufHeader, optional};

use super::Family;
use super::names::NameTable;
use super::spec::{DecoderSpec, RopeStyle};

/// The registry's line.
pub const FAMILY: Family = Family { name: "llama", spec, names: &NAMES };

/// Tensor names.
pub static NAMES: NameTable = NameTable {
    token_embd: "token_embd.weight",
    output_norm: "output_norm.weight",
    output: "output.weight",
    attn_norm: "blk.{}.attn_norm.weight",
    attn_q: "blk.{}.attn_q.weight",
    attn_k: "blk.{}.attn_k.weight",
    attn_v: "blk.{}.attn_v.weight",
    attn_output: "blk.{}.attn_output.weight",
    ffn_norm: "blk.{}.ffn_norm.weight",
    ffn_gate: "blk.{}.ffn_gate.weight",
    ffn_up: "blk.{}.ffn_up.weight",
    ffn_down: "blk.{}.ffn_down.weight",
};

/// Sizes from the header.
///
/// # Errors
/// A missing key, or [`FormatError::Header`] for sizes that cannot be true and for position scalings that this
/// forward pass does not compute.
pub fn spec(header: &GgufHeader) -> Result<DecoderSpec, FormatError> {
    let metadata = &header.metadata;
    let size = |key: &str| metadata.u32(key).map(|value| value as usize);
    let n_heads = size("llama.attention.head_count")?;
    let n_embd = size("llama.embedding_length")?;
    if let Some(scaling) = optional(metadata.str("llama.rope.scaling.type"))?
        && scaling != "none"
    {
        return Err(FormatError::Header { detail: format!("rotary scaling {scaling:?} is not supported") });
    }
    if header.tensors.iter().any(|tensor| tensor.name == "rope_freqs.weight") {
        return Err(FormatError::Header { detail: "rotary frequency factors are not supported".to_owned() });
    }
    let head_dim = n_embd.checked_div(n_heads).unwrap_or_default();
    let head_dim = optional(size("llama.attention.key_length"))?.unwrap_or(head_dim);
    let n_vocab = header.tensor(NAMES.token_embd)?.shape.first().copied().unwrap_or_default();
    if let Some(rotated) = optional(size("llama.rope.dimension_count"))?
        && rotated != head_dim
    {
        return Err(FormatError::Header {
            detail: format!("rotating {rotated} of {head_dim} values is not supported"),
        });
    }
    DecoderSpec {
        n_layers: size("llama.block_count")?,
        n_embd,
        n_heads,
        n_kv_heads: optional(size("llama.attention.head_count_kv"))?.unwrap_or(n_heads),
        head_dim,
        n_ff: size("llama.feed_forward_length")?,
        n_vocab,
        context_length: size("llama.context_length")?,
        rope_base: optional(metadata.f32("llama.rope.freq_base"))?.unwrap_or(10_000.0),
        // llama.cpp permutes the rows of Q and K when it converts, so pairs lie side by side.
        rope_style: RopeStyle::Interleaved,
        rms_eps: metadata.f32("llama.attention.layer_norm_rms_epsilon")?,
    }
    .checked()
}
