"""Makes tests/golden/models/tiny-{qwen2,qwen3,gemma3}: random models of these families in GGUF with golden logits.

    pip install torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 gguf==0.19.0 numpy==2.4.6 regex sentencepiece==0.2.3
    python tests/golden/make/tiny_families.py

The logits come from transformers' Qwen2ForCausalLM, Qwen3ForCausalLM and Gemma3ForCausalLM (float32, eager attention) on
the dequantized weights. Between them the files hold every quantization that tiny_models.py does not make; gguf cannot
write K-quants, so their blocks are random bytes with chosen scales. Gemma's vocabulary is a SentencePiece model trained
here with byte fallback and symbols of its own.
"""

import io
import json
import sys
from importlib.metadata import version

import gguf
import numpy as np
import sentencepiece
import torch
from transformers import (
    Gemma3ForCausalLM, Gemma3TextConfig, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM,
)

import tiny_models as tiny

KIND = gguf.GGMLQuantizationType
CONTEXT = 256
WINDOW = 8
GEMMA_SYMBOLS = ["[image]", "\n", "\n\n", "\n\n\n", "▁▁", "▁▁▁", "▁▁▁▁", "\t", "\t\t", "<table>", "</table>"]
GEMMA_CONTROLS = ["<start_of_turn>", "<end_of_turn>"]


def random_blocks(rng, kind, shape, gain):
    """Random K-quant blocks whose values have about the deviation gain / sqrt(columns)."""
    rows, cols = shape
    block, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (rows * cols // block, size), dtype=np.uint8)
    half = lambda values: values.astype("<f2").view(np.uint8).reshape(-1, 2)
    n = len(blocks)
    if kind == KIND.Q6_K:
        # q - 32 has a deviation of 18.5, the signed scales one of 74.
        blocks[:, 208:210] = half(rng.uniform(0.5, 1.5, n) * gain / np.sqrt(cols) / (18.5 * 74))
    else:
        # Scales and mins average 31.5 and have a deviation of 18; the mins take the mean out, or nearly.
        top = 15 if kind == KIND.Q4_K else 31
        d = rng.uniform(0.5, 1.5, n) * gain / np.sqrt(cols) / (36 * top * 0.45)
        blocks[:, 0:2], blocks[:, 2:4] = half(d), half(d * top / 2)
    return blocks.reshape(rows, -1)


def sizes(arch):
    common = {"arch": arch, "n_embd": 64, "n_heads": 4, "n_kv": 2, "n_layers": 2, "n_ff": 256, "n_vocab": tiny.N_VOCAB}
    return common | {
        "qwen2": {"head_dim": 16, "rope_base": 1e6},
        "qwen3": {"head_dim": 32, "rope_base": 1e6},
        # Six layers: five look at a window, the last at everything.
        "gemma3": {"head_dim": 64, "rope_base": 1e6, "n_kv": 1, "n_layers": 6, "n_embd": 32},
    }[arch]


def kinds(arch):
    return {
        "qwen2": {"": KIND.Q5_1, "ffn_down": KIND.Q5_K, "attn_output": KIND.Q8_0},
        "qwen3": {"": KIND.BF16, "ffn_down": KIND.Q4_K, "ffn_gate": KIND.Q4_0, "ffn_up": KIND.Q4_0},
        # As Gemma 3 270M in Q4_K_M.
        "gemma3": {"": KIND.Q5_0, "token_embd": KIND.Q8_0, "attn_output": KIND.Q4_K, "ffn_down": KIND.Q6_K, "attn_v": KIND.Q8_0},
    }[arch]


def make_tensors(arch, size, rng):
    """Blocks and values of every tensor, by llama.cpp's names."""
    d, q, kv, ff = size["n_embd"], size["n_heads"] * size["head_dim"], size["n_kv"] * size["head_dim"], size["n_ff"]
    tensors = {}

    def matrix(name, rows, cols, gain=1.5):
        kind = kinds(arch).get(name.split(".")[-2], kinds(arch)[""])
        if kind in (KIND.Q4_K, KIND.Q5_K, KIND.Q6_K):
            blocks = random_blocks(rng, kind, (rows, cols), gain)
        else:
            blocks = gguf.quants.quantize((rng.standard_normal((rows, cols)) * gain / np.sqrt(cols)).astype(np.float32), kind)
        tensors[name] = (kind, blocks, gguf.quants.dequantize(blocks, kind).astype(np.float32).reshape(rows, cols))

    def vector(name, values):
        tensors[name] = (KIND.F32, values.astype(np.float32), values.astype(np.float32))

    norm = lambda n: rng.uniform(0.7, 1.3, n)
    matrix("token_embd.weight", size["n_vocab"], d, 3.0 if arch != "gemma3" else 1.0)
    vector("output_norm.weight", norm(d))
    if arch == "qwen3":
        matrix("output.weight", size["n_vocab"], d, 3.0)
    for i in range(size["n_layers"]):
        b = f"blk.{i}."
        vector(b + "attn_norm.weight", norm(d))
        matrix(b + "attn_q.weight", q, d)
        matrix(b + "attn_k.weight", kv, d)
        matrix(b + "attn_v.weight", kv, d)
        matrix(b + "attn_output.weight", d, q)
        vector(b + "ffn_norm.weight", norm(d))
        matrix(b + "ffn_gate.weight", ff, d)
        matrix(b + "ffn_up.weight", ff, d)
        matrix(b + "ffn_down.weight", d, ff)
        if arch == "qwen2":
            for name, n in [("attn_q", q), ("attn_k", kv), ("attn_v", kv)]:
                vector(f"{b}{name}.bias", rng.standard_normal(n) * 0.5)
        else:
            vector(b + "attn_q_norm.weight", norm(size["head_dim"]))
            vector(b + "attn_k_norm.weight", norm(size["head_dim"]))
        if arch == "gemma3":
            vector(b + "post_attention_norm.weight", norm(d))
            vector(b + "post_ffw_norm.weight", norm(d))
    return tensors


def train_pieces():
    """A SentencePiece BPE model like Gemma's; token, score and type of each piece."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(tiny.CORPUS), model_writer=model, model_type="bpe", vocab_size=480, byte_fallback=True,
        add_dummy_prefix=False, remove_extra_whitespaces=False, normalization_rule_name="identity", split_digits=True,
        pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>", unk_piece="<unk>",
        user_defined_symbols=GEMMA_SYMBOLS, control_symbols=GEMMA_CONTROLS, character_coverage=1.0,
        minloglevel=2, num_threads=1,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = []
    for i in range(processor.vocab_size()):
        piece = processor.id_to_piece(i)
        if piece in GEMMA_SYMBOLS:
            kind = gguf.TokenType.USER_DEFINED
        elif processor.is_control(i) or processor.is_unknown(i):
            kind = gguf.TokenType.CONTROL
        elif processor.is_byte(i):
            kind = gguf.TokenType.BYTE
        else:
            kind = gguf.TokenType.NORMAL
        pieces.append((piece, processor.get_score(i), kind))
    return pieces


def add_gemma_vocabulary(writer, pieces):
    """As llama.cpp's converter writes it: symbols with plain spaces and without their score, no merges."""
    user = gguf.TokenType.USER_DEFINED
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([p.replace("▁", " ") if kind == user else p for p, _, kind in pieces])
    writer.add_token_scores([-1000.0 if kind in (user, gguf.TokenType.CONTROL) else score for _, score, kind in pieces])
    writer.add_token_types([int(kind) for _, _, kind in pieces])
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(3)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)


def add_qwen_vocabulary(writer, tokens, merges):
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if t in tiny.SPECIALS else 1 for t in tokens])
    writer.add_token_merges([" ".join(m) for m in merges])
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(tiny.TEMPLATE)


def write_gguf(path, size, tensors, add_vocabulary):
    writer = gguf.GGUFWriter(str(path), size["arch"])
    writer.add_name(f"tiny random {size['arch']}")
    writer.add_license("CC0-1.0")
    writer.add_block_count(size["n_layers"])
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(size["n_embd"])
    writer.add_feed_forward_length(size["n_ff"])
    writer.add_head_count(size["n_heads"])
    writer.add_head_count_kv(size["n_kv"])
    writer.add_rope_freq_base(size["rope_base"])
    writer.add_layer_norm_rms_eps(1e-6)
    if size["arch"] != "qwen2":
        writer.add_key_length(size["head_dim"])
        writer.add_value_length(size["head_dim"])
    if size["arch"] == "gemma3":
        writer.add_sliding_window(WINDOW)
    add_vocabulary(writer)
    for name, (kind, blocks, _) in tensors.items():
        writer.add_tensor(name, blocks, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(path.name, path.stat().st_size)
    assert path.stat().st_size <= 300 << 10, path.stat().st_size


def reference(size, tensors):
    arch = size["arch"]
    common = dict(
        vocab_size=size["n_vocab"], hidden_size=size["n_embd"], intermediate_size=size["n_ff"], num_hidden_layers=size["n_layers"],
        num_attention_heads=size["n_heads"], num_key_value_heads=size["n_kv"], max_position_embeddings=CONTEXT, rms_norm_eps=1e-6,
        tie_word_embeddings="output.weight" not in tensors, attn_implementation="eager", bos_token_id=2, eos_token_id=None, pad_token_id=0,
    )
    rope = {"rope_type": "default", "rope_theta": size["rope_base"]}
    if arch == "qwen2":
        model = Qwen2ForCausalLM(Qwen2Config(**common, rope_parameters=rope, use_sliding_window=False))
    elif arch == "qwen3":
        model = Qwen3ForCausalLM(Qwen3Config(**common, head_dim=size["head_dim"], rope_parameters=rope, use_sliding_window=False))
    else:
        kinds = ["full_attention" if i % 6 == 5 else "sliding_attention" for i in range(size["n_layers"])]
        local = {"rope_type": "default", "rope_theta": 10000.0}
        model = Gemma3ForCausalLM(Gemma3TextConfig(
            **common, head_dim=size["head_dim"], query_pre_attn_scalar=size["head_dim"], sliding_window=WINDOW, layer_types=kinds,
            hidden_activation="gelu_pytorch_tanh", rope_parameters={"full_attention": rope, "sliding_attention": local},
        ))
    return load_tensors(model.float().eval(), arch, tensors)


def load_tensors(model, arch, tensors):
    """Puts values by llama.cpp's names into a model of transformers."""
    names = {
        "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
        "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm", "post_attention_norm": "post_attention_layernorm",
        "post_ffw_norm": "post_feedforward_layernorm",
        "ffn_norm": "pre_feedforward_layernorm" if arch == "gemma3" else "post_attention_layernorm",
    }
    outer = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
    state = {}
    for name, (_, _, values) in tensors.items():
        # Gemma's norms multiply by 1 + weight; files hold the sum.
        if arch == "gemma3" and "norm" in name:
            values = values - 1
        parts = name.split(".")
        theirs = outer[parts[0]] if parts[0] != "blk" else f"model.layers.{parts[1]}.{names[parts[2]]}"
        state[f"{theirs}.{parts[-1]}"] = torch.tensor(values)
    loaded = model.load_state_dict(state, strict=False)
    assert loaded.unexpected_keys == [] and loaded.missing_keys in ([], ["lm_head.weight"]), loaded
    model.tie_weights()
    return model


def main():
    torch.manual_seed(tiny.SEED)
    made_by = {"script": "tests/golden/make/tiny_families.py", "seed": tiny.SEED, "python": sys.version.split()[0]}
    made_by |= {name: version(name) for name in ["torch", "transformers", "tokenizers", "gguf", "numpy", "sentencepiece"]}
    tokens, merges = tiny.make_vocab()
    ids, ranks = {t: i for i, t in enumerate(tokens)}, {m: i for i, m in enumerate(merges)}
    pieces = train_pieces()
    for arch in ["qwen2", "qwen3", "gemma3"]:
        size = sizes(arch)
        rng = np.random.default_rng(tiny.SEED)
        if arch == "gemma3":
            size["n_vocab"] = len(pieces)
            add = lambda writer: add_gemma_vocabulary(writer, pieces)
            prompts = [[2] + [int(i) for i in rng.integers(4, len(pieces), n)] for n in (3, 12, 41)]
        else:
            add = lambda writer: add_qwen_vocabulary(writer, tokens, merges)
            prompts = [tiny.encode(text, ids, ranks, "qwen2", specials=True) for text in tiny.PROMPTS]
        tensors = make_tensors(arch, size, rng)
        write_gguf(tiny.OUT / f"tiny-{arch}.gguf", size, tensors, add)
        result = {"made_by": made_by, "cases": tiny.golden(reference(size, tensors), prompts)}
        (tiny.OUT / f"tiny-{arch}.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
