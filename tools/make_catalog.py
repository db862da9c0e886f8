#!/usr/bin/env python3
"""Writes what can be computed of a model file into its card of the catalog: size, SHA-256, the SHA-256 of each 4 MiB
chunk, and the self-test, which are next-token probabilities of the processor's f32 oracle (`headless probe`).

Usage: make_catalog.py CARD_ID FILE [HEADLESS]

HEADLESS is a built `headless`; by default cargo builds and runs it. The card's words stay as they are.
"""

import hashlib
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CATALOG = ROOT / "public" / "models" / "catalog.json"
CHUNK_BYTES = 4 << 20
# One token, and lengths that need each of the engine's prefill sizes (8, 32, 64 rows). They share no beginning, so that
# each is read from the first position on.
PROMPTS = [
    {"prompt": "Once"},
    {"prompt": "The capital of France is"},
    {"messages": [{"role": "user", "content": "Is a whale a fish?"}]},
    {"prompt": "The river ran past the old mill and two bridges, where 17 boats lay at the quay. Most of them were"},
]


def probes(file: pathlib.Path, headless: list[str]) -> list[dict]:
    lines = "".join(json.dumps({"id": index, **prompt}) + "\n" for index, prompt in enumerate(PROMPTS))
    done = subprocess.run(
        [*headless, "--model", str(file), "probe", "--top", "20"],
        input=lines, stdout=subprocess.PIPE, text=True, check=False, cwd=ROOT,
    )
    if done.returncode != 0:
        sys.exit("make_catalog: headless probe failed")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [{key: answer[key] for key in ("tokens", "top_ids", "top_logprobs")} for answer in answers]


def dump(catalog: dict) -> str:
    text = json.dumps(catalog, indent=2, ensure_ascii=False)
    # Lists of numbers stand on one line.
    return re.sub(r"\[\s+(-?[\d.][^\[\]{}\"]*?)\s+\]", lambda m: "[" + " ".join(m.group(1).split()) + "]", text) + "\n"


def main() -> None:
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    card_id, file = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    headless = sys.argv[3:] or ["cargo", "run", "--quiet", "--release", "--bin", "headless", "--"]
    catalog = json.loads(CATALOG.read_text(encoding="utf-8"))
    cards = [card for card in catalog["models"] if card["id"] == card_id]
    if not cards:
        sys.exit(f"make_catalog: no card has the id {card_id}")
    whole, chunks = hashlib.sha256(), []
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            whole.update(chunk)
            chunks.append(hashlib.sha256(chunk).hexdigest())
    cards[0].update(size_bytes=file.stat().st_size, sha256=whole.hexdigest(), chunk_sha256=chunks)
    cards[0]["self_test"] = probes(file, headless)
    CATALOG.write_text(dump(catalog), encoding="utf-8")


main()
