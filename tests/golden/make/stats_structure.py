"""Writes tests/golden/stats/{mds,smacof,linkage,cka,procrustes}.json with scikit-learn, SciPy and NumPy.

    pip install scikit-learn scipy
    python tests/golden/make/stats_structure.py
"""

import warnings

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial import procrustes
from scipy.spatial.distance import pdist, squareform
from sklearn.manifold import ClassicalMDS, smacof

from stats_common import SEED, write


def weighted_smacof(square, weights, points, steps):
    """SMACOF with weights by its definition (Borg and Groenen 2005, eq. 8.24), with NumPy's pinv."""
    v = np.diag(weights.sum(0)) - weights
    inverse = np.linalg.pinv(v)
    for _ in range(steps):
        d = squareform(pdist(points))
        ratio = np.where(d > 0, weights * square / np.where(d > 0, d, 1), 0)
        b = np.diag(ratio.sum(0)) - ratio
        points = inverse @ b @ points
    d = squareform(pdist(points))
    stress = np.sqrt((weights * (square - d) ** 2).sum() / (weights * d**2).sum())
    return points, stress


def main():
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(SEED)
    cases = []
    for n, dims in [(5, 1), (12, 2), (20, 3)]:
        d = pdist(rng.normal(size=(n, 6))) + rng.uniform(0, 0.3, size=n * (n - 1) // 2)
        points = ClassicalMDS(n_components=dims, metric="precomputed").fit_transform(squareform(d))
        fitted = pdist(points)
        cases.append({"rdm": d.tolist(), "dims": dims, "distances": fitted.tolist(),
                      "stress": float(np.sqrt(((d - fitted) ** 2).sum() / (fitted**2).sum()))})
    write(__file__, "mds", cases, ["scikit-learn", "scipy", "numpy"])

    cases = []
    for n, dims, steps in [(6, 2, 1), (6, 2, 25), (15, 2, 60), (15, 3, 40)]:
        d = pdist(rng.normal(size=(n, 5)))
        start = rng.normal(size=(n, dims))
        points, stress, done = smacof(squareform(d), n_components=dims, init=start.copy(), n_init=1, max_iter=steps,
                                      eps=0, normalized_stress=True, return_n_iter=True)
        assert done == steps
        cases.append({"rdm": d.tolist(), "start": start.tolist(), "steps": steps, "points": points.tolist(),
                      "stress": float(stress)})
    n, steps = 10, 50
    d = pdist(rng.normal(size=(n, 4)))
    gone = rng.choice(len(d), size=12, replace=False)
    weights = np.ones(len(d))
    weights[gone] = 0
    start = rng.normal(size=(n, 2))
    points, stress = weighted_smacof(squareform(d), squareform(weights), start, steps)
    values = [None if w == 0 else float(v) for v, w in zip(d, weights)]
    cases.append({"rdm": values, "start": start.tolist(), "steps": steps, "points": points.tolist(),
                  "stress": float(stress)})
    write(__file__, "smacof", cases, ["scikit-learn", "scipy", "numpy"])

    cases = []
    for n in [2, 7, 30]:
        d = pdist(rng.normal(size=(n, 4)))
        tree = linkage(d, method="average")
        cases.append({"rdm": d.tolist(), "merges": tree.tolist(), "leaves": leaves_list(tree).tolist()})
    write(__file__, "linkage", cases, ["scipy", "numpy"])

    cases = []
    for n, p, q in [(6, 3, 3), (20, 5, 40), (30, 2, 2)]:
        x = rng.normal(size=(n, p))
        y = x @ rng.normal(size=(p, q)) + rng.normal(size=(n, q))
        xc, yc = x - x.mean(0), y - y.mean(0)
        cka = np.linalg.norm(yc.T @ xc) ** 2 / np.linalg.norm(xc.T @ xc) / np.linalg.norm(yc.T @ yc)
        width = max(p, q)
        pad = [np.pad(m, ((0, 0), (0, width - m.shape[1]))) for m in (x, y)]
        _, _, disparity = procrustes(*pad)
        cases.append({"x": x.tolist(), "y": y.tolist(), "cka": float(cka), "procrustes_r2": float(1 - disparity)})
    write(__file__, "cka", cases, ["scipy", "numpy"])


if __name__ == "__main__":
    main()
