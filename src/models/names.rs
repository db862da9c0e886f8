//! What a family calls its tensors.

/// Tensor names of a family; `{}` stands for the number of the block.
#[derive(Debug, Clone, Copy)]
pub struct NameTable {
    /// Token embeddings, (`n_vocab`, `n_embd`).
    pub token_embd: &'static str,
    /// Weight of the last norm, (`n_embd`).
    pub output_norm: &'static str,
    /// Output head, (`n_vocab`, `n_embd`); where the file lacks it, the token embeddings serve.
    pub output: &'static str,
    /// Weight of the norm before attention, (`n_embd`).
    pub attn_norm: &'static str,
    /// Queries, (`n_q`, `n_embd`).
    pub attn_q: &'static str,
    /// Keys, (`n_kv`, `n_embd`).
    pub attn_k: &'static str,
    /// Values, (`n_kv`, `n_embd`).
    pub attn_v: &'static str,
    /// Attention output, (`n_embd`, `n_q`).
    pub attn_output: &'static str,
    /// Weight of the norm before the feed-forward layer, (`n_embd`).
    pub ffn_norm: &'static str,
    /// Gate, (`n_ff`, `n_embd`).
    pub ffn_gate: &'static str,
    /// Up, (`n_ff`, `n_embd`).
    pub ffn_up: &'static str,
    /// Down, (`n_embd`, `n_ff`).
    pub ffn_down: &'static str,
}

/// The name of a block's tensor.
pub fn of_layer(pattern: &str, layer: usize) -> String {
    pattern.replace("{}", &layer.to_string())
}

#[cfg(test)]
mod tests {
    #[test]
    fn layer_numbers_are_filled_in() {
        assert_eq!(super::of_layer("blk.{}.attn_q.weight", 12), "blk.12.attn_q.weight");
    }
}
