"""Makes tests/golden/models: random two-layer llama models in GGUF with golden logits, and golden token ids.

    pip install torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 gguf==0.19.0 numpy==2.4.6 regex
    python tests/golden/make/tiny_models.py

The logits come from transformers' LlamaForCausalLM (float32, eager attention) on the dequantized weights, with the
rows of Q and K put back from llama.cpp's interleaved order. The ids come from a BPE written here in plain Python
with the `regex` package; for the pre-tokenizers that transformers can express they are compared with
PreTrainedTokenizerFast before they are written.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import gguf
import numpy as np
import regex
import tokenizers
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

OUT = Path(__file__).resolve().parent.parent / "models"
SEED = 20240501
N_EMBD, N_HEADS, N_KV, N_FF, N_LAYERS, CONTEXT, N_VOCAB = 64, 4, 2, 128, 2, 256, 320
HEAD_DIM = N_EMBD // N_HEADS
ROPE_BASE, EPS = 10000.0, 1e-5
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CORPUS = [
    "The cat sat on the mat and the dog lay in the sun. What is the answer to the question?",
    "I do not know the answer. The answer is in the image; the other one is not.",
    "Which of the two is more like the first? The second is more like the first than the third.",
    "It isn't there, they're here, we've seen it, I'll wait, you'd know.",
    "In 1999 there were 12 ships and 365 days.  Two  spaces and\n\nnew lines.",
] * 4

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
# What llama.cpp (src/llama-vocab.cpp) splits by, one expression after the other.
PRE = {
    "smollm": [r"\p{N}", GPT2],
    "gpt-2": [GPT2],
    "llama-bpe": [LLAMA3],
    "qwen2": [QWEN2],
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
}
TEXTS = [
    "Hello world", " leading", "trailing ", "  two  spaces  ", "a   b    c", "\n", "\n\n\n", " \n \n ", "\t\ttabs\t", "line\r\nline\r\n",
    "1", "12", "123", "1234", "1234567890", "3.14159", "year 1999, day 365", "v1.2.3-rc4", "٣٤٥", "x²+y³", "½ cup", "No.5",
    "it's they're we've I'll you'd don't", "IT'S THEY'RE WE'VE", "'s 't", "''''", "rock 'n' roll",
    "😀", "😀😀 👩‍👩‍👧‍👦 🏳️‍🌈", "emoji😀in😀words", "naïve café", "Zürich straße", "日本語のテキスト", "한국어", "Привет, мир!", "مرحبا", "नमस्ते",
    "e\u0301 combining", "a\u200bb zero width", "non\u00a0breaking", "em\u2014dash \u201cquotes\u201d", "\ufeffbom", "",
    "if (x != 0) { return a[i] + b; }", "def f(x):\n    return x ** 2\n", "https://example.org/a?b=c&d=%20", "a_b_c __init__", "<|im_end|>", "<|im_start|>user",
    "$100 + 5% = €95 ~ ^ |", "...", "!!!???", "#hashtag @name", "\\n is not \n", "the the the", "answer the question", "ALL CAPS", "CamelCaseWords", "snake_case_words",
    "    indented\n        more", "end with space \n", "tabs\tand spaces \t ", "\u3000wide space", "mixed123abc456", "a1b2c3", "  1  22  333  ", "(1)(22)(333)",
]
PROMPTS = ["The answer is", "Which of the two is more like the first?\n", "<|im_start|>user\nIs it 12?<|im_end|>\n<|im_start|>assistant\n"]


def byte_chars():
    kept = list(range(ord("!"), ord("~") + 1)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    rest = [b for b in range(256) if b not in kept]
    return {b: chr(b) for b in kept} | {b: chr(256 + i) for i, b in enumerate(rest)}


BYTES = byte_chars()


def make_vocab():
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [tokenizers.pre_tokenizers.Digits(individual_digits=True), tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=N_VOCAB, special_tokens=SPECIALS, initial_alphabet=sorted(BYTES.values()), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    assert len(tokens) == N_VOCAB, len(tokens)
    return tokens, [tuple(m) for m in model["merges"]]


def split_isolated(pieces, pattern):
    out = []
    for piece in pieces:
        end = 0
        for match in regex.finditer(pattern, piece):
            if match.start() > end:
                out.append(piece[end : match.start()])
            if match.group():
                out.append(match.group())
            end = match.end()
        if end < len(piece):
            out.append(piece[end:])
    return out


def encode(text, ids, ranks, pre, specials=False):
    if specials:
        out = []
        for part in regex.split("(" + "|".join(map(regex.escape, SPECIALS)) + ")", text):
            out += [ids[part]] if part in SPECIALS else encode(part, ids, ranks, pre)
        return out
    pieces = [text] if text else []
    for pattern in PRE[pre]:
        pieces = split_isolated(pieces, pattern)
    out = []
    for piece in pieces:
        word = [BYTES[b] for b in piece.encode()]
        if pre == "llama-bpe" and "".join(word) in ids:
            out.append(ids["".join(word)])
            continue
        while len(word) > 1:
            rank, at = min((ranks.get((a, b), len(ranks)), i) for i, (a, b) in enumerate(zip(word, word[1:])))
            if rank == len(ranks):
                break
            word[at : at + 2] = [word[at] + word[at + 1]]
        out += [ids[token] for token in word]
    return out


def fast_tokenizer(tokens, merges, pre):
    model = tokenizers.models.BPE({t: i for i, t in enumerate(tokens)}, merges, ignore_merges=pre == "llama-bpe")
    tokenizer = tokenizers.Tokenizer(model)
    p = tokenizers.pre_tokenizers
    if pre == "smollm":
        steps = [p.Digits(individual_digits=True), p.ByteLevel(add_prefix_space=False)]
    elif pre == "gpt-2":
        steps = [p.ByteLevel(add_prefix_space=False)]
    else:
        pattern = tokenizers.Regex(PRE[pre][0])
        steps = [p.Split(pattern, "isolated"), p.ByteLevel(add_prefix_space=False, use_regex=False)]
    tokenizer.pre_tokenizer = p.Sequence(steps)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def interleave(weight, n_heads):
    """From transformers' order (two halves a head) to llama.cpp's (pairs side by side)."""
    return weight.reshape(n_heads, 2, HEAD_DIM // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def halves(weight, n_heads):
    return weight.reshape(n_heads, HEAD_DIM // 2, 2, -1).swapaxes(1, 2).reshape(weight.shape)


def make_weights():
    rng = np.random.default_rng(SEED)
    matrix = lambda rows, cols, gain: (rng.standard_normal((rows, cols)) * gain / np.sqrt(cols)).astype(np.float32)
    norm = lambda: rng.uniform(0.7, 1.3, N_EMBD).astype(np.float32)
    weights = {"token_embd.weight": matrix(N_VOCAB, N_EMBD, 3.0), "output_norm.weight": norm()}
    for i in range(N_LAYERS):
        weights |= {
            f"blk.{i}.attn_norm.weight": norm(),
            f"blk.{i}.attn_q.weight": matrix(N_EMBD, N_EMBD, 1.5),
            f"blk.{i}.attn_k.weight": matrix(N_KV * HEAD_DIM, N_EMBD, 1.5),
            f"blk.{i}.attn_v.weight": matrix(N_KV * HEAD_DIM, N_EMBD, 1.5),
            f"blk.{i}.attn_output.weight": matrix(N_EMBD, N_EMBD, 1.5),
            f"blk.{i}.ffn_norm.weight": norm(),
            f"blk.{i}.ffn_gate.weight": matrix(N_FF, N_EMBD, 1.5),
            f"blk.{i}.ffn_up.weight": matrix(N_FF, N_EMBD, 1.5),
            f"blk.{i}.ffn_down.weight": matrix(N_EMBD, N_FF, 1.5),
        }
    return weights


def write_gguf(path, weights, kind, embd_kind, tokens, merges):
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny random llama")
    writer.add_license("CC0-1.0")
    writer.add_block_count(N_LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(N_EMBD)
    writer.add_feed_forward_length(N_FF)
    writer.add_head_count(N_HEADS)
    writer.add_head_count_kv(N_KV)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_rope_dimension_count(HEAD_DIM)
    writer.add_layer_norm_rms_eps(EPS)
    writer.add_vocab_size(N_VOCAB)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if t in SPECIALS else 1 for t in tokens])
    writer.add_token_merges([" ".join(m) for m in merges])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    values = {}
    for name, weight in weights.items():
        used = gguf.GGMLQuantizationType.F32 if weight.ndim == 1 else embd_kind if name.startswith("token_embd") else kind
        blocks = gguf.quants.quantize(weight, used)
        values[name] = gguf.quants.dequantize(blocks, used).astype(np.float32).reshape(weight.shape)
        writer.add_tensor(name, blocks, raw_dtype=used)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert path.stat().st_size <= 200 << 10, path.stat().st_size
    return values


def reference(values):
    config = LlamaConfig(
        vocab_size=N_VOCAB, hidden_size=N_EMBD, intermediate_size=N_FF, num_hidden_layers=N_LAYERS,
        num_attention_heads=N_HEADS, num_key_value_heads=N_KV, max_position_embeddings=CONTEXT, rms_norm_eps=EPS,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_BASE}, tie_word_embeddings=True,
        attn_implementation="eager", bos_token_id=1, eos_token_id=None, pad_token_id=0,
    )
    model = LlamaForCausalLM(config).float().eval()
    state = {"model.embed_tokens.weight": values["token_embd.weight"], "model.norm.weight": values["output_norm.weight"]}
    parts = {
        "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    }
    for i in range(N_LAYERS):
        for ours, theirs in parts.items():
            value = values[f"blk.{i}.{ours}.weight"]
            if ours in ("attn_q", "attn_k"):
                value = halves(value, N_HEADS if ours == "attn_q" else N_KV)
            state[f"model.layers.{i}.{theirs}.weight"] = value
    missing = model.load_state_dict({k: torch.tensor(np.ascontiguousarray(v)) for k, v in state.items()}, strict=False)
    assert missing.unexpected_keys == [] and missing.missing_keys in ([], ["lm_head.weight"]), missing
    model.tie_weights()
    return model


def golden(model, prompts):
    cases = []
    with torch.no_grad():
        for ids in prompts:
            logits = model(torch.tensor([ids])).logits[0]
            logprobs = torch.log_softmax(logits.double(), -1)
            greedy, margins = list(ids), []
            for _ in range(32):
                last = model(torch.tensor([greedy])).logits[0, -1]
                top = torch.topk(last, 2).values
                margins.append(float(top[0] - top[1]))
                greedy.append(int(last.argmax()))
            cases.append({
                "tokens": ids,
                "logits": [round(float(x), 5) for x in logits[-1]],
                "next_logprobs": [round(float(logprobs[i, ids[i + 1]]), 6) for i in range(len(ids) - 1)],
                "greedy": greedy[len(ids) :],
                "smallest_margin": round(min(margins), 6),
            })
            print(f"  margin {min(margins):.4f}, {len(set(greedy[len(ids):]))} different of 32")
    return cases


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    made_by = {"script": "tests/golden/make/tiny_models.py", "seed": SEED, "python": sys.version.split()[0]}
    made_by |= {name: version(name) for name in ["torch", "transformers", "tokenizers", "gguf", "numpy", "regex"]}
    tokens, merges = make_vocab()
    ids = {t: i for i, t in enumerate(tokens)}
    ranks = {m: i for i, m in enumerate(merges)}

    cases = {}
    for pre in PRE:
        fast = None if pre == "default" else fast_tokenizer(tokens, merges, pre)
        for text in TEXTS:
            if fast is not None:
                theirs = fast(text, add_special_tokens=False)["input_ids"]
                assert encode(text, ids, ranks, pre) == theirs, (pre, text)
        cases[pre] = [encode(text, ids, ranks, pre) for text in TEXTS]
    fixture = {"made_by": made_by, "vocabulary_of": "tiny-llama-q8_0.gguf", "texts": TEXTS, "ids": cases}
    (OUT / "tokenizer_ids.json").write_text(json.dumps(fixture, ensure_ascii=True, separators=(",", ":")) + "\n")

    weights = make_weights()
    prompts = [encode(text, ids, ranks, "smollm", specials=True) for text in PROMPTS]
    kinds = gguf.GGMLQuantizationType
    for name, kind, embd_kind in [("q4_1", kinds.Q4_1, kinds.Q8_0), ("q8_0", kinds.Q8_0, kinds.Q8_0), ("f16", kinds.F16, kinds.F16), ("q4_0", kinds.Q4_0, kinds.F32)]:
        values = write_gguf(OUT / f"tiny-llama-{name}.gguf", weights, kind, embd_kind, tokens, merges)
        print(name)
        result = {"made_by": made_by, "prompts": PROMPTS, "cases": golden(reference(values), prompts)}
        (OUT / f"tiny-llama-{name}.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
