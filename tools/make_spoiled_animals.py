#!/usr/bin/env python3
"""Spoils three photographs of the sight set for the study `animals`: little, and so much that hardly anybody can tell.

    pip install pillow==13.0.0
    python tools/make_spoiled_animals.py

A blur of 3 or 14 pixels, then noise of 12 or 60 grey levels; the noise has a fixed seed.
"""

import random
from pathlib import Path

from PIL import Image, ImageFilter

SIGHT = Path("public/items/images/sight")
FOLDER = Path("public/items/images/animals")
ANIMALS = ["giraffe", "kangaroo", "polar_bear"]
LEVELS = [(3, 12), (14, 60)]


def spoiled(name: str, level: int) -> Image.Image:
    """The photograph, blurred and with Gaussian noise."""
    blur, noise = LEVELS[level]
    picture = Image.open(SIGHT / f"{name}.jpg").convert("RGB").filter(ImageFilter.GaussianBlur(blur))
    draw = random.Random(f"{name} {level}")
    changed = bytes(min(255, max(0, round(value + draw.gauss(0, noise)))) for value in picture.tobytes())
    return Image.frombytes("RGB", picture.size, changed)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for animal in ANIMALS:
        for level in range(len(LEVELS)):
            spoiled(animal, level).save(FOLDER / f"{animal}_{level}.webp", quality=40, method=6)
