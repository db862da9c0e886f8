"""Writes tests/golden/stats/calibration.json: scikit-learn where it has the measure, NumPy by definition elsewhere.

    pip install scikit-learn
    python tests/golden/make/stats_calibration.py
"""

import numpy as np
from sklearn import metrics
from sklearn.calibration import calibration_curve

from stats_common import SEED, write


def ece_width(confidence, correct, bins):
    """scikit-learn's calibration_curve gives the bins; their sizes come from the same edges."""
    accuracy, mean = calibration_curve(correct, confidence, n_bins=bins, strategy="uniform")
    index = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence)
    n = np.bincount(index, minlength=bins)
    n = n[n > 0]
    return float(np.sum(n * np.abs(accuracy - mean)) / n.sum()), n.tolist(), mean.tolist(), accuracy.tolist()


def ece_mass(confidence, correct, bins):
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, bins)
    return float(sum(len(p) * abs(correct[p].mean() - confidence[p].mean()) for p in parts) / len(confidence))


def areas(confidence, correct, orders, rng):
    """AURC and AUGRC averaged over `orders` random orders of tied answers (1 where nothing is tied)."""
    n = len(confidence)
    found = []
    for _ in range(orders):
        order = np.lexsort((rng.permutation(n), -confidence))
        errors = np.cumsum(1 - correct[order])
        found.append((np.mean(errors / np.arange(1, n + 1)), errors.mean() / n))
    return np.mean(found, axis=0).tolist()


def main():
    rng = np.random.default_rng(SEED)
    cases = []
    # The first case is the worked example of the literature notes, its tie at 0.9 broken as listed.
    worked = np.array([0.95, 0.9 + 1e-9, 0.9, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5])
    cases.append(("worked", worked, np.array([1, 1, 0, 1, 1, 0, 1, 0, 1, 0])))
    for n in [2, 40, 311]:
        confidence = rng.uniform(size=n)
        correct = (rng.uniform(size=n) < confidence**1.5).astype(int)
        correct[:2] = [0, 1]
        cases.append(("untied", confidence, correct))
    confidence = rng.integers(0, 11, size=150) / 10
    cases.append(("tied", confidence, (rng.uniform(size=150) < 0.3 + 0.5 * confidence).astype(int)))
    out = []
    for kind, confidence, correct in cases:
        width, n, mean, accuracy = ece_width(confidence, correct, 10)
        tied = kind == "tied"
        aurc, augrc = areas(confidence, correct, 20_000 if tied else 1, rng)
        best, _ = areas(correct.astype(float), correct, 1, rng)
        case = {
            "kind": kind,
            "confidence": confidence.tolist(),
            "correct": correct.astype(bool).tolist(),
            "brier": float(metrics.brier_score_loss(correct, confidence)),
            "log_loss": float(metrics.log_loss(
                correct, np.clip(np.stack([1 - confidence, confidence], axis=1), 1e-15, 1 - 1e-15), labels=[0, 1])),
            "auroc": float(metrics.roc_auc_score(correct, confidence)),
            "ece_width_10": width, "bin_n": n, "bin_confidence": mean, "bin_accuracy": accuracy,
            "ece_width_5": ece_width(confidence, correct, 5)[0],
            "ece_mass_5": None if tied else ece_mass(confidence, correct, min(5, len(correct))),
            "aurc": aurc, "best": best, "augrc": augrc,
        }
        out.append(case)
    write(__file__, "calibration", out, ["scikit-learn", "numpy"])

    probabilities = rng.dirichlet(np.ones(4), size=30)
    label = rng.integers(0, 4, size=30)
    value = metrics.brier_score_loss(label, probabilities, labels=[0, 1, 2, 3], scale_by_half=False)
    two = rng.dirichlet(np.ones(2), size=9)
    label2 = rng.integers(0, 2, size=9)
    value2 = 2 * metrics.brier_score_loss(label2, two[:, 1], labels=[0, 1], scale_by_half=True)
    write(__file__, "brier_multiclass", [
        {"probabilities": probabilities.tolist(), "label": label.tolist(), "brier": float(value)},
        {"probabilities": two.tolist(), "label": label2.tolist(), "brier": float(value2)},
    ], ["scikit-learn"])


if __name__ == "__main__":
    main()
