"""Makes tests/golden/models/hidden_states.json: the residual stream of the tiny models after the embeddings and after
each block, pooled over the tokens of a prompt.

    pip install torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 gguf==0.19.0 numpy==2.4.6 regex sentencepiece==0.2.3
    python tests/golden/make/hidden_states.py

The weights are read back from the GGUF files by gguf and put into transformers' models (float32, eager attention). The
states are what each decoder layer returns, caught by hooks: transformers' own `hidden_states` end with a normed one.
Prompts are the cases beside each file.
"""

import json
import sys
from importlib.metadata import version

import gguf
import numpy as np
import torch

import tiny_families as families
import tiny_models as tiny

FILES = ["tiny-llama-q4_1", "tiny-qwen2", "tiny-qwen3", "tiny-gemma3"]


def read_values(path):
    """Dequantized tensors by llama.cpp's names."""
    tensors = {}
    for tensor in gguf.GGUFReader(str(path)).tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        tensors[tensor.name] = values.reshape([int(n) for n in reversed(tensor.shape)])
    return tensors


def model_of(name):
    values = read_values(tiny.OUT / f"{name}.gguf")
    if name.startswith("tiny-llama"):
        return tiny.reference(values)
    size = families.sizes(name.removeprefix("tiny-"))
    size["n_vocab"] = len(values["token_embd.weight"])
    return families.reference(size, {key: (None, None, value) for key, value in values.items()})


def states_of(model, ids):
    """(layers + 1, tokens, n_embd)."""
    found = []
    hooks = [model.model.layers[0].register_forward_pre_hook(lambda _, args: found.append(args[0][0]))]
    for layer in model.model.layers:
        hooks.append(layer.register_forward_hook(lambda _, __, out: found.append((out[0] if isinstance(out, tuple) else out)[0])))
    with torch.no_grad():
        model(torch.tensor([ids]))
    for hook in hooks:
        hook.remove()
    return torch.stack(found)


def main():
    made_by = {"script": "tests/golden/make/hidden_states.py", "python": sys.version.split()[0]}
    made_by |= {name: version(name) for name in ["torch", "transformers", "gguf", "numpy"]}
    models = []
    for name in FILES:
        model = model_of(name)
        cases = json.loads((tiny.OUT / f"{name}.json").read_text())["cases"]
        found = []
        for case in cases:
            states = states_of(model, case["tokens"])
            rounded = lambda vectors: [[round(float(v), 5) for v in row] for row in vectors]
            found.append({"tokens": case["tokens"], "last": rounded(states[:, -1]), "mean": rounded(states.mean(1))})
            print(name, states.shape, float(states.abs().max()))
        models.append({"file": f"{name}.gguf", "cases": found})
    (tiny.OUT / "hidden_states.json").write_text(json.dumps({"made_by": made_by, "models": models}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
