#!/usr/bin/env python3
"""Writes size, SHA-256 and the SHA-256 of each 4 MiB chunk of a model file into its card of the catalog.

Usage: make_catalog.py CARD_ID FILE. The card's words and its `self_test` stay as they are.
"""

import hashlib
import json
import pathlib
import sys

CATALOG = pathlib.Path(__file__).resolve().parent.parent / "public" / "models" / "catalog.json"
CHUNK_BYTES = 4 << 20


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    card_id, file = sys.argv[1], pathlib.Path(sys.argv[2])
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
    CATALOG.write_text(json.dumps(catalog, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


main()
