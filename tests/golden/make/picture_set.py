"""Makes tests/golden/sets/shapes.zip: an archive of the shape of VisAlign's open test set, of drawn shapes (96 x 96, in
all eight categories), by tools/visalign_set.py. Needs Pillow; ours, CC0.

    python tests/golden/make/picture_set.py
"""

import io
import pathlib
import random
import sys

from PIL import Image, ImageDraw, ImageFilter

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools"))
import visalign_set  # noqa: E402

SEED = 20261121
CLASSES = "tiger zebra camel giraffe elephant rhino gorilla bear kangaroo human".split()


def drawn(rng, blur=0):
    image = Image.new("RGB", (96, 96), tuple(rng.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    for _ in range(4):
        x, y, r = rng.randrange(80), rng.randrange(80), rng.randrange(8, 40)
        color = tuple(rng.randrange(256) for _ in range(3))
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)([x, y, x + r, y + r], fill=color)
    out = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(blur)).save(out, "JPEG", quality=70)
    return out.getvalue()


def main():
    rng = random.Random(SEED)
    rows = [(1, f"{name}{n}.jpg", drawn(rng)) for name in CLASSES for n in (1, 2)]
    rows += [(2, f"{name}1.jpg", drawn(rng)) for name in CLASSES[:3]]
    rows += [(3, f"{n}-{name}-vgg16-1.jpg", drawn(rng)) for n, name in enumerate(CLASSES[:3])]
    rows += [(category, f"thing{category}{n}.jpg", drawn(rng)) for category in (4, 5, 6, 7) for n in (1, 2)]
    gold = {}
    for severity in (1, 4, 7, 10):
        for name in ("tiger", "bear"):
            file = f"1-{name}-defocus_blur-{severity}.jpg"
            rows.append((8, file, drawn(rng, severity)))
            shares = [0.0] * 11
            shares[CLASSES.index(name)] = (10 - severity) / 10
            shares[10] = severity / 10
            gold[file] = shares
    out = ROOT / "tests/golden/sets/shapes.zip"
    out.parent.mkdir(exist_ok=True)
    print(visalign_set.write_set(out, rows, gold), out.stat().st_size)


main()
