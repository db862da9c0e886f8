"""Makes tests/golden/sight/visalign_outputs.json: what the VisAlign authors' own code makes of drawn numbers, with their
functions loaded from a checkout of github.com/jiyounglee-0523/VisAlign (no licence file: none of it is kept here).

    pip install torch==2.15.0 scipy==1.17.1 pandas scikit-learn faiss-cpu tqdm
    python tests/golden/make/visalign_outputs.py CHECKOUT

Their evaluation writes a mean for each of eight categories; it is called with one picture in each, over and over, so that
every picture's own distance is seen while the scale is that of all pictures. Their feature functions want a graphics
card; `.cuda()` is made to do nothing, the network is the identity, and the steps on the input have size zero.
"""

import argparse
import csv
import json
import os
import pathlib
import pickle
import sys
import tempfile
import types
from importlib.metadata import version
from unittest.mock import MagicMock

import numpy as np
import torch

OUT = pathlib.Path(__file__).resolve().parents[1] / "sight" / "visalign_outputs.json"
SEED = 20261122
N = 24
CHECKOUT = pathlib.Path(sys.argv[1]).resolve()
sys.path.insert(0, str(CHECKOUT))
# Imported by their modules and not used by the functions called here.
for name in ("torchvision", "torchvision.transforms", "pytorch_lightning", "PIL"):
    sys.modules[name] = MagicMock()

torch.Tensor.cuda = lambda self, *_, **__: self
torch.cuda.FloatTensor = torch.FloatTensor

import evaluate_visual_alignment as theirs  # noqa: E402
from dataset.imagenet_test import return_int_label  # noqa: E402
from g_functions.postprocessors.knn_postprocessor import KNNPostProcessor  # noqa: E402
from g_functions.postprocessors.mds_postprocessor import MDSPostProcessor  # noqa: E402


def distances(method, predictions, scores, labels):
    """Distance of each picture by their evaluate()."""
    names = [f"picture{at}" for at in range(N)]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        here = os.getcwd()
        os.chdir(folder)
        dump = lambda name, value: pickle.dump(value, open(folder / name, "wb"))
        dump("labels.pk", dict(zip(names, labels)))
        dump("m-1-id_prediction.pk", {name: torch.tensor(p) for name, p in zip(names, predictions)})
        dump(f"m-{method}-1-oodscore.pk", dict(zip(names, scores)))
        for first in range(0, N, 8):
            for at in range(8):
                (folder / f"category{at + 1}.txt").write_text(f"any/{names[first + at]}\n")
            args = argparse.Namespace(test_filenames_path=str(folder), label_path=str(folder / "labels.pk"),
                                      save_dir=str(folder), seed=1, model_name="m", ood_method=method)
            theirs.evaluate(args)
            row = next(csv.DictReader(open(folder / f"m_{method}_1.csv")))
            found += [float(row[f"category{at + 1}"]) for at in range(8)]
        os.chdir(here)
    return found


def loader(features, labels):
    return [(torch.tensor(features), torch.tensor(labels))]


def main():
    rng = np.random.default_rng(SEED)
    logits = rng.normal(0, 2.5, (N, 10))
    predictions = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    # In single precision from the start, so that both sides read the same numbers.
    predictions = predictions.astype(np.float32)
    labels = [np.eye(11)[int(rng.integers(11))].tolist() for _ in range(16)]
    for _ in range(N - 16):
        counts = rng.integers(0, 6, 11) + np.eye(11, dtype=int)[10]
        labels.append((counts / counts.sum()).tolist())

    # Features: 500 of the training set in ten classes, N to judge; four values each.
    centers = rng.normal(0, 3, (10, 4))
    classes = np.arange(500) % 10
    bank = (centers[classes] + rng.normal(0, 0.6, (500, 4))).astype(np.float32)
    queries = (centers[np.arange(N) % 10] + rng.normal(0, np.linspace(0.2, 4, N)[:, None], (N, 4))).astype(np.float32)
    network = torch.nn.Identity()
    config = types.SimpleNamespace(
        postprocessor={"postprocessor_args": {"K": 50, "noise": 0.0, "feature_type_list": ["mean"], "alpha_list": [1],
                                              "reduce_dim_list": ["none"]}, "postprocessor_sweep": {"K_list": [50]}},
        dataset={"num_classes": 10},
    )
    knn = KNNPostProcessor(config)
    knn.setup(network, {"train": loader(bank[:, :, None], classes)}, None)
    nearest = knn.postprocess(network, torch.tensor(queries)).double().tolist()
    mds = MDSPostProcessor(config)
    mds.setup(network, {"train": loader(bank[:, :, None], classes)}, None)
    mahalanobis = mds.postprocess(network, torch.tensor(queries[:, :, None])).detach().double().tolist()

    names = ["tiger", "zebra", "camel", "giraffe", "elephant", "rhino", "gorilla", "bear", "kangaroo", "human"]
    order = {name: return_int_label(f"1-{name}-x.jpg") for name in names}
    rows = [np.asarray(p, dtype=np.float64) for p in predictions]
    out = {
        "made_by": {"script": "tests/golden/make/visalign_outputs.py", "seed": SEED, "python": sys.version.split()[0],
                    "code": "github.com/jiyounglee-0523/VisAlign at 12cd82b",
                    **{name: version(name) for name in ("torch", "scipy", "numpy", "pandas", "faiss-cpu", "scikit-learn")}},
        "order": order,
        "predictions": [p.tolist() for p in rows],
        "labels": labels,
        "distances": {
            "knn": distances("knn", predictions, nearest, labels),
            "mds": distances("mds", predictions, mahalanobis, labels),
            "msp": distances("msp", predictions, rows, labels),
        },
        "bank": bank.tolist(), "classes": classes.tolist(), "queries": queries.tolist(),
        "nearest": nearest, "mahalanobis": mahalanobis,
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(out) + "\n")
    print(OUT, OUT.stat().st_size)


main()
