//! What a family calls its tensors.

/// Names of llama.cpp's converter (`gguf-py/gguf/constants.py`), which are the same for every family that has the tensor.
pub static GGUF: NameTable = NameTable {
    token_embd: "token_embd.weight",
    output_norm: "output_norm.weight",
    output: "output.weight",
    attn_norm: "blk.{}.attn_norm.weight",
    attn_q: "blk.{}.attn_q.weight",
    attn_k: "blk.{}.attn_k.weight",
    attn_v: "blk.{}.attn_v.weight",
    attn_q_bias: "blk.{}.attn_q.bias",
    attn_k_bias: "blk.{}.attn_k.bias",
    attn_v_bias: "blk.{}.attn_v.bias",
    attn_q_norm: "blk.{}.attn_q_norm.weight",
    attn_k_norm: "blk.{}.attn_k_norm.weight",
    attn_output: "blk.{}.attn_output.weight",
    attn_post_norm: "blk.{}.post_attention_norm.weight",
    ffn_norm: "blk.{}.ffn_norm.weight",
    ffn_gate: "blk.{}.ffn_gate.weight",
    ffn_up: "blk.{}.ffn_up.weight",
    ffn_down: "blk.{}.ffn_down.weight",
    ffn_post_norm: "blk.{}.post_ffw_norm.weight",
};

/// Tensor names; `{}` stands for the number of the block.
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
    /// Bias of the queries, (`n_q`).
    pub attn_q_bias: &'static str,
    /// Bias of the keys, (`n_kv`).
    pub attn_k_bias: &'static str,
    /// Bias of the values, (`n_kv`).
    pub attn_v_bias: &'static str,
    /// Weight of the norm of each head's queries, (`head_dim`).
    pub attn_q_norm: &'static str,
    /// Weight of the norm of each head's keys, (`head_dim`).
    pub attn_k_norm: &'static str,
    /// Attention output, (`n_embd`, `n_q`).
    pub attn_output: &'static str,
    /// Weight of the norm of what attention adds, (`n_embd`).
    pub attn_post_norm: &'static str,
    /// Weight of the norm before the feed-forward layer, (`n_embd`).
    pub ffn_norm: &'static str,
    /// Gate, (`n_ff`, `n_embd`).
    pub ffn_gate: &'static str,
    /// Up, (`n_ff`, `n_embd`).
    pub ffn_up: &'static str,
    /// Down, (`n_embd`, `n_ff`).
    pub ffn_down: &'static str,
    /// Weight of the norm of what the feed-forward layer adds, (`n_embd`).
    pub ffn_post_norm: &'static str,
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
