"""Makes tests/golden/models/tiny-{clip,siglip,dinov2}.*: random vision transformers of three shapes, with transformers'
pooled features of two drawn pictures, and for CLIP the logits of three texts.

    pip install torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 safetensors==0.8.0 numpy==2.4.6
    python tests/golden/make/tiny_vit.py
"""

import json
import pathlib
import sys
import tempfile
from importlib.metadata import version

import tokenizers
import torch
from transformers import (
    CLIPConfig, CLIPModel, Dinov2Config, Dinov2Model, SiglipVisionConfig, SiglipVisionModel,
)

import tiny_models as tiny

OUT = tiny.OUT
SEED = 20261121
SIDE = 32
SMALL = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, image_size=SIDE, patch_size=8)
TEXTS = ["a photo of a tiger", "a photo of a zebra", "the cat sat on the mat"]
MEANS = {
    "clip": ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]),
    "siglip": ([0.5] * 3, [0.5] * 3),
    "dinov2": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
}


def picture(phase, kind):
    y, x, c = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), torch.arange(3), indexing="ij")
    pixels = (x * (3 + phase) + y * 5 + c * 40 + phase * 17) % 256 / 255.0
    mean, std = (torch.tensor(it) for it in MEANS[kind])
    return ((pixels - mean) / std).permute(2, 0, 1)[None].float()


def shaken(model):
    """Biases and norms that could be left out unnoticed are made large."""
    for name, parameter in model.named_parameters():
        if name.endswith("bias") or "norm" in name or "layrnorm" in name or "lambda" in name:
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
        elif "logit" not in name:
            torch.nn.init.normal_(parameter, 0, 0.25)
    return model.float().eval()


def write(kind, model, config, answer):
    path = OUT / f"tiny-{kind}.safetensors"
    # As published files name their tensors, which is not how transformers 5 holds them.
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        path.write_bytes((pathlib.Path(folder) / "model.safetensors").read_bytes())
    (OUT / f"tiny-{kind}-config.json").write_text(json.dumps(config, indent=1) + "\n")
    made_by = {"script": "tests/golden/make/tiny_vit.py", "seed": SEED, "python": sys.version.split()[0]}
    made_by |= {name: version(name) for name in ("torch", "transformers", "tokenizers", "safetensors")}
    (OUT / f"tiny-{kind}.json").write_text(json.dumps({"made_by": made_by, "side": SIDE, **answer}, indent=1) + "\n")
    print(kind, path.stat().st_size)


def tokenizer():
    it = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    it.normalizer = tokenizers.normalizers.Lowercase()
    it.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=200, special_tokens=["<|startoftext|>", "<|endoftext|>"], end_of_word_suffix="</w>", show_progress=False
    )
    it.train_from_iterator([*tiny.CORPUS, *TEXTS] * 3, trainer)
    ends = [(name, it.token_to_id(name)) for name in ("<|startoftext|>", "<|endoftext|>")]
    it.post_processor = tokenizers.processors.TemplateProcessing(
        single="<|startoftext|> $A <|endoftext|>", special_tokens=ends
    )
    return it


def main():
    torch.manual_seed(SEED)
    words = tokenizer()
    words.save(str(OUT / "tiny-clip-tokenizer.json"), pretty=False)
    config = CLIPConfig(
        vision_config=dict(**SMALL, intermediate_size=64, hidden_act="quick_gelu"),
        text_config=dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
                         vocab_size=words.get_vocab_size(), max_position_embeddings=20, hidden_act="quick_gelu",
                         bos_token_id=0, eos_token_id=1),
        projection_dim=16, attn_implementation="eager",
    )
    with torch.no_grad():
        model = shaken(CLIPModel(config))
        pooled, logits = [], []
        for phase in (0, 1):
            vision = model.vision_model(pixel_values=picture(phase, "clip")).pooler_output
            pooled.append(model.visual_projection(vision)[0].tolist())
            row = []
            for text in TEXTS:
                ids = torch.tensor([words.encode(text).ids])
                row.append(model(input_ids=ids, pixel_values=picture(phase, "clip")).logits_per_image[0, 0].item())
            logits.append(row)
        plain = config.to_dict()
        kept = {
            "model_type": "clip", "projection_dim": 16,
            "vision_config": {k: plain["vision_config"][k] for k in (
                "hidden_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size", "intermediate_size",
                "hidden_act", "layer_norm_eps")},
            "text_config": {k: plain["text_config"][k] for k in (
                "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size",
                "max_position_embeddings", "hidden_act", "layer_norm_eps", "eos_token_id")},
        }
        write("clip", model, kept, {"features": pooled, "texts": TEXTS, "logits": logits})

        config = SiglipVisionConfig(**SMALL, intermediate_size=64, hidden_act="gelu_pytorch_tanh", attn_implementation="eager")
        model = shaken(SiglipVisionModel(config))
        found = [model(pixel_values=picture(phase, "siglip")).pooler_output[0].tolist() for phase in (0, 1)]
        keys = ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size",
                "hidden_act", "layer_norm_eps")
        plain = config.to_dict() | {"model_type": "siglip_vision_model"}
        write("siglip", model, {k: plain[k] for k in (*keys, "intermediate_size")}, {"features": found})

        config = Dinov2Config(**SMALL, mlp_ratio=2, hidden_act="gelu", layerscale_value=1.0, attn_implementation="eager")
        model = shaken(Dinov2Model(config))
        found = [model(pixel_values=picture(phase, "dinov2")).pooler_output[0].tolist() for phase in (0, 1)]
        plain = config.to_dict() | {"model_type": "dinov2"}
        write("dinov2", model, {k: plain[k] for k in (*keys, "mlp_ratio")}, {"features": found})


main()
