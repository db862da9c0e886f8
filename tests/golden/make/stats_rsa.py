"""Writes tests/golden/stats/{rdm_compare,noise_ceiling,mantel,distance,dual_variance}.json with rsatoolbox and SciPy.

    pip install rsatoolbox  (in an environment of its own: it wants an older NumPy than the other scripts)
    python tests/golden/make/stats_rsa.py

Missing pairs are null. rsatoolbox wants the same pairs missing in both, so they are made missing in both here; ours
takes the union.
"""

import itertools
import warnings

import numpy as np
from rsatoolbox.inference import boot_noise_ceiling
from rsatoolbox.rdm import RDMs, compare
from rsatoolbox.util.inference_util import _dual_bootstrap
from scipy import stats
from scipy.spatial.distance import pdist, squareform

from stats_common import SEED, write

METHODS = {
    "cosine": "cosine", "pearson": "corr", "spearman": "spearman", "rho-a": "rho-a", "kendall-tau-a": "tau-a",
    "kendall-tau-b": "tau-b", "whitened-cosine": "cosine_cov", "whitened-pearson": "corr_cov",
}


def listed(values):
    return [None if np.isnan(v) else float(v) for v in values]


def all_methods(a, b):
    return {ours: float(compare(RDMs(a[None]), RDMs(b[None]), theirs)[0, 0]) for ours, theirs in METHODS.items()}


def pearson_or_spearman(method, x, y):
    return stats.pearsonr(x, y).statistic if method == "pearson" else stats.spearmanr(x, y).statistic


def exact_mantel(a, b, method):
    """All permutations of the rows and columns of a together."""
    square = squareform(a)
    upper = np.triu_indices(len(square), 1)
    observed = pearson_or_spearman(method, a, b)
    greater = two = total = 0
    for order in itertools.permutations(range(len(square))):
        r = pearson_or_spearman(method, square[np.ix_(order, order)][upper], b)
        greater += r >= observed - 1e-12
        two += abs(r) >= abs(observed) - 1e-12
        total += 1
    return float(observed), greater / total, two / total


def main():
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(SEED)
    cases = []
    for n, levels, missing in [(4, 0, 0), (12, 0, 0), (12, 5, 0), (25, 0, 0), (25, 3, 0), (12, 0, 8), (20, 4, 30)]:
        m = n * (n - 1) // 2
        a = rng.uniform(0.2, 2.0, size=m)
        b = a + rng.normal(scale=0.5, size=m)
        if levels:
            a, b = np.ceil(a / 2 * levels), np.ceil(np.clip(b, 0.1, 3) / 3 * levels)
        gone = rng.choice(m, size=missing, replace=False)
        a[gone] = b[gone] = np.nan
        cases.append({"n": n, "a": listed(a), "b": listed(b), **all_methods(a, b)})
    # A category model.
    a = (np.subtract.outer(np.arange(16) // 4, np.arange(16) // 4) != 0).astype(float)[np.triu_indices(16, 1)]
    b = a + rng.normal(scale=0.8, size=len(a)) + 2
    cases.append({"n": 16, "a": listed(a), "b": listed(b), **all_methods(a, b)})
    write(__file__, "rdm_compare", cases, ["rsatoolbox", "scipy", "numpy"])

    cases = []
    for n, subjects, levels in [(4, 4, 0), (10, 6, 0), (10, 15, 7), (14, 2, 0)]:
        m = n * (n - 1) // 2
        truth = rng.uniform(1, 5, size=m)
        rdms = truth + rng.normal(scale=1.0, size=(subjects, m))
        if levels:
            rdms = np.clip(np.round(rdms), 1, levels)
        case = {"rdms": [listed(row) for row in rdms]}
        for ours, theirs in METHODS.items():
            lower, upper = boot_noise_ceiling(RDMs(rdms), theirs)
            case[ours] = [float(lower), float(upper)]
        cases.append(case)
    write(__file__, "noise_ceiling", cases, ["rsatoolbox", "numpy"])

    cases = []
    for n, levels in [(4, 0), (5, 0), (6, 4), (6, 0)]:
        m = n * (n - 1) // 2
        a = rng.uniform(size=m)
        b = a + rng.normal(scale=0.3, size=m)
        if levels:
            a, b = np.ceil(a * levels), np.ceil(np.clip(b, 0.05, 2) * levels)
        case = {"a": listed(a), "b": listed(b)}
        for method in ["pearson", "spearman"]:
            r, greater, two = exact_mantel(a, b, method)
            case[method] = {"r": r, "greater": greater, "two_sided": two}
        cases.append(case)
    write(__file__, "mantel", cases, ["scipy", "numpy"])

    cases = []
    for n, width in [(3, 4), (8, 30)]:
        rows = rng.normal(size=(n, width)) + 0.5
        centered = rows - rows.mean(0)
        cases.append({
            "rows": rows.tolist(),
            **{metric: pdist(rows, metric).tolist() for metric in ["cosine", "correlation", "euclidean"]},
            "centered_cosine": pdist(centered, "cosine").tolist(),
        })
    write(__file__, "distance", cases, ["scipy", "numpy"])

    cases = []
    for _ in range(6):
        s, p = rng.uniform(0.001, 0.01, size=2)
        both = s + p + rng.uniform(-0.002, 0.01)
        n_subjects, n_conditions = int(rng.integers(2, 30)), int(rng.integers(3, 60))
        value = float(_dual_bootstrap(np.array([both, s, p]), n_subjects, n_conditions))
        cases.append({"both": both, "subjects": s, "conditions": p, "n_subjects": n_subjects,
                      "n_conditions": n_conditions, "value": value})
    write(__file__, "dual_variance", cases, ["rsatoolbox", "numpy"])


if __name__ == "__main__":
    main()
