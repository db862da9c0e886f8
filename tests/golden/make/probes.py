"""Makes tests/golden/models/probes.json: what the tiny models' residual stream is at each token, what they say while a
vector is added to it, and how far that moves their distributions.

    pip install torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 gguf==0.19.0 numpy==2.4.6 regex sentencepiece==0.2.3
    python tests/golden/make/probes.py

Models as in hidden_states.py. Layer 0 is what the first block gets, layer l what block l - 1 leaves; a steering vector is
added there by a hook, to every token. The divergence is torch's kl_div of the whole distributions in float64.
"""

import json
import sys
from importlib.metadata import version

import numpy as np
import torch

import tiny_models as tiny
from hidden_states import FILES, model_of, states_of

SEED = 20261121
STRENGTH = 1.5
LAYERS = [0, 1, 2]
OTHER = [11, 45, 7, 130]


def steer(model, layer, vector):
    """Hook that adds the vector; returns what removes it."""
    if layer == 0:
        return model.model.layers[0].register_forward_pre_hook(lambda _, args: (args[0] + vector, *args[1:]))
    add = lambda _, __, out: (out[0] + vector, *out[1:]) if isinstance(out, tuple) else out + vector
    return model.model.layers[layer - 1].register_forward_hook(add)


def logits_of(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].double()


def logprobs_of(logits, ids):
    """Log-probability of each token but the first."""
    return torch.log_softmax(logits[:-1], -1)[range(len(ids) - 1), ids[1:]]


def kl_of(p, q):
    """KL(p || q) at each position of logits."""
    p, q = torch.log_softmax(p, -1), torch.log_softmax(q, -1)
    return torch.nn.functional.kl_div(q, p, reduction="none", log_target=True).sum(-1)


def main():
    made_by = {"script": "tests/golden/make/probes.py", "python": sys.version.split()[0], "seed": SEED}
    made_by |= {name: version(name) for name in ["torch", "transformers", "gguf", "numpy"]}
    rng = np.random.default_rng(SEED)
    rounded = lambda values, digits: [round(float(v), digits) for v in values]
    models = []
    for name in FILES:
        model = model_of(name)
        cases = json.loads((tiny.OUT / f"{name}.json").read_text())["cases"]
        ids = max((case["tokens"] for case in cases), key=len)[:12]
        plain, states = logits_of(model, ids), states_of(model, ids)
        vector = torch.tensor(rng.standard_normal(states.shape[-1]).astype(np.float32).round(4))
        steered = []
        for layer in LAYERS:
            hook = steer(model, layer, STRENGTH * vector)
            logits = logits_of(model, ids)
            hook.remove()
            steered.append(
                {
                    "layer": layer,
                    "logits": rounded(logits[-1], 5),
                    "next_logprobs": rounded(logprobs_of(logits, ids), 6),
                    "kl": rounded(kl_of(plain[3:-1], logits[3:-1]), 7),
                }
            )
        # The tokens from the fourth on, after the first four and after others.
        other = logits_of(model, OTHER + ids[4:])
        models.append(
            {
                "file": f"{name}.gguf",
                "tokens": ids,
                "states": [[rounded(row, 5) for row in layer] for layer in states],
                "next_logprobs": rounded(logprobs_of(plain, ids), 6),
                "vector": rounded(vector, 4),
                "strength": STRENGTH,
                "steered": steered,
                "other": OTHER,
                "other_kl": rounded(kl_of(plain[3:-1], other[3:-1]), 7),
            }
        )
        print(name, len(ids), [max(found["kl"]) for found in steered], max(models[-1]["other_kl"]))
    (tiny.OUT / "probes.json").write_text(json.dumps({"made_by": made_by, "models": models}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
