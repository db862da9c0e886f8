"""Makes tests/golden/models/tiny-bert*: a random two-layer BERT with its WordPiece tokenizer, and embeddings of texts.

    pip install torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 safetensors==0.8.0
    python tests/golden/make/tiny_bert.py

The embeddings are the mean of transformers' BertModel (float32, eager attention) over the tokens, divided by its length,
as sentence-transformers' all-MiniLM-L6-v2 is pooled.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import tokenizers
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

import tiny_models as tiny

OUT = tiny.OUT
SEED = 20240501
TEXTS = ["dog", "The cat sat on the mat.", "Naïve café, 日本 — what's the answer?", "", "  spaces   and\ttabs\n", "the image " * 40, "zzzz😀"]


def make_tokenizer():
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = tokenizers.trainers.WordPieceTrainer(vocab_size=300, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator(tiny.CORPUS, trainer)
    ids = {token: tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]")}
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=list(ids.items())
    )
    # As the published file: padded to a length and cut at 128, both of which a reader must replace.
    tokenizer.enable_padding(length=128)
    tokenizer.enable_truncation(max_length=128)
    return tokenizer


def main():
    torch.manual_seed(SEED)
    tokenizer = make_tokenizer()
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=96, hidden_act="gelu", initializer_range=0.5, attn_implementation="eager",
    )
    model = BertModel(config, add_pooling_layer=False).float().eval()
    for name, parameter in model.named_parameters():
        if name.endswith("bias") or "LayerNorm" in name:
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    state = {name: value.contiguous() for name, value in model.state_dict().items() if value.is_floating_point()}
    save_file(state, OUT / "tiny-bert.safetensors")
    tokenizer.save(str(OUT / "tiny-bert-tokenizer.json"), pretty=False)
    kept = ["model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "max_position_embeddings",
            "vocab_size", "layer_norm_eps", "hidden_act"]
    (OUT / "tiny-bert-config.json").write_text(json.dumps({"model_type": "bert"} | {key: config.to_dict()[key] for key in kept}, indent=1) + "\n")
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=96)
    cases = []
    with torch.no_grad():
        for text in TEXTS:
            ids = tokenizer.encode(text).ids
            mean = model(torch.tensor([ids])).last_hidden_state[0].mean(0)
            cases.append({"text": text, "tokens": ids, "embedding": [round(float(v), 7) for v in mean / mean.norm()]})
            print(len(ids), [round(v, 3) for v in cases[-1]["embedding"][:4]])
    made_by = {"script": "tests/golden/make/tiny_bert.py", "seed": SEED, "python": sys.version.split()[0]}
    made_by |= {name: version(name) for name in ["torch", "transformers", "tokenizers", "safetensors"]}
    (OUT / "tiny-bert.json").write_text(json.dumps({"made_by": made_by, "cases": cases}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
