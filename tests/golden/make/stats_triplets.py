"""Writes tests/golden/stats/{triplet_loss,triplet_fit}.json with cblearn.

    pip install cblearn
    python tests/golden/make/stats_triplets.py

cblearn adds 1e-12 to each probability's denominator, so its loss is compared to 1e-8.
"""

import warnings

import numpy as np
from cblearn import datasets
from cblearn.embedding import SOE, STE, TSTE
from cblearn.embedding._soe import _soe_loss
from cblearn.embedding._ste import _ste_x_grad

from stats_common import SEED, write


def main():
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(SEED)
    cases = []
    for n, dims, count in [(5, 2, 12), (10, 3, 80)]:
        points = 0.7 * rng.normal(size=(n, dims))
        triplets = np.array([rng.choice(n, size=3, replace=False) for _ in range(count)])
        case = {"points": points.tolist(), "triplets": triplets.tolist(), "alpha": max(dims - 1, 1), "margin": 0.1}
        for name, (loss, gradient) in {
            "ste": _ste_x_grad(points.ravel(), points.shape, triplets, False),
            "tste": _ste_x_grad(points.ravel(), points.shape, triplets, True),
            "soe": _soe_loss(points.ravel(), points.shape, triplets[:, [0, 1, 0, 2]], 0.1),
        }.items():
            # cblearn's SOE is a mean over triplets, its STE a sum.
            scale = count if name == "soe" else 1
            case[name] = {"loss": float(loss) * scale,
                          "gradient": (np.reshape(gradient, points.shape) * scale).tolist()}
        cases.append(case)
    write(__file__, "triplet_loss", cases, ["cblearn", "numpy", "scipy"])

    cases = []
    for n, dims in [(8, 2), (12, 2)]:
        state = np.random.RandomState(SEED + n)
        truth = state.normal(size=(n, dims))
        triplets = datasets.make_random_triplets(truth, result_format="list-order", size=600, random_state=state,
                                                 noise="normal", noise_options={"scale": 0.7})
        triplets = np.asarray(triplets)
        train, held_out = triplets[:450], triplets[450:]
        case = {"n": n, "dims": dims, "train": train.tolist(), "held_out": held_out.tolist(),
                "alpha": max(dims - 1, 1), "margin": 0.1}
        for name, estimator in [("ste", STE), ("tste", TSTE), ("soe", SOE)]:
            best = None
            for restart in range(10):
                kept = {"n_init": 1} if estimator is SOE else {}
                found = estimator(n_components=dims, random_state=np.random.RandomState(restart), max_iter=5000, **kept)
                found.fit(train, n_objects=n)
                if best is None or found.stress_ < best.stress_:
                    best = found
            case[name] = {"loss": float(best.stress_) * (len(train) if name == "soe" else 1),
                          "held_out_accuracy": float(best.score(held_out))}
        cases.append(case)
    write(__file__, "triplet_fit", cases, ["cblearn", "numpy", "scipy"])


if __name__ == "__main__":
    main()
