"""Draws the pictures of the study `shapes`: four shapes under growing noise, and noise alone.

Own work of this project, no outside source. Made with pillow 13.0.0 and numpy 2.4.6; the seed fixes every pixel.
Usage: python3 tools/make_shapes.py public/items/images/shapes
"""

import math
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = 128
SHAPES = ["circle", "square", "triangle", "star"]
# Share of pixels that noise replaces, and blur in pixels.
LEVELS = [(0.0, 0.0), (0.45, 1.0), (0.75, 2.0)]
N_EMPTY = 4


def polygon(kind, center, radius, turn):
    x, y = center
    if kind == "star":
        corners = [(radius if k % 2 == 0 else radius * 0.42, k * math.pi / 5) for k in range(10)]
    else:
        n = {"square": 4, "triangle": 3}[kind]
        corners = [(radius, k * 2 * math.pi / n) for k in range(n)]
    return [(x + r * math.cos(a + turn), y + r * math.sin(a + turn)) for r, a in corners]


def draw(kind, rng):
    image = Image.new("L", (SIZE, SIZE), 215)
    if kind:
        pen = ImageDraw.Draw(image)
        center = (SIZE / 2 + rng.uniform(-10, 10), SIZE / 2 + rng.uniform(-10, 10))
        radius = rng.uniform(34, 46)
        if kind == "circle":
            x, y = center
            pen.ellipse([x - radius * 0.85, y - radius * 0.85, x + radius * 0.85, y + radius * 0.85], fill=70)
        else:
            pen.polygon(polygon(kind, center, radius, rng.uniform(0, 2 * math.pi)), fill=70)
    return image


def spoil(image, share, blur, rng):
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(blur)), dtype=np.uint8).copy()
    noisy = rng.random(pixels.shape) < share
    pixels[noisy] = rng.integers(0, 256, size=int(noisy.sum()), dtype=np.uint8)
    return Image.fromarray(pixels)


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20261121)
    for kind in SHAPES:
        for level, (share, blur) in enumerate(LEVELS):
            spoil(draw(kind, rng), share, blur, rng).save(folder / f"{kind}_{level}.webp", quality=60, method=6)
    for number in range(N_EMPTY):
        spoil(draw(None, rng), 0.75, 2.0, rng).save(folder / f"empty_{number}.webp", quality=60, method=6)


main()
