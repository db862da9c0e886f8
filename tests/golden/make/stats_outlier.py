"""Writes tests/golden/stats/outlier.json with scikit-learn and NumPy.

    pip install scikit-learn numpy
    python tests/golden/make/stats_outlier.py
"""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.covariance import ledoit_wolf
from sklearn.neighbors import NearestNeighbors

from stats_common import SEED, write


def distances(rows, groups, queries):
    """Squared Mahalanobis distance to the nearest mean, with scikit-learn's covariance and NumPy's inverse."""
    means = np.array([rows[groups == g].mean(0) for g in range(groups.max() + 1)])
    covariance, shrinkage = ledoit_wolf(rows - means[groups], assume_centered=True)
    inverse = np.linalg.inv(covariance)
    found = [min((q - m) @ inverse @ (q - m) for m in means) for q in queries]
    return np.array(found), float(shrinkage)


def starts(rows, k):
    """The row nearest to the mean, then always the farthest from those before."""
    chosen = [int(((rows - rows.mean(0)) ** 2).sum(1).argmin())]
    while len(chosen) < k:
        chosen.append(int(((rows[:, None] - rows[chosen]) ** 2).sum(2).min(1).argmax()))
    return rows[chosen]


def main():
    rng = np.random.default_rng(SEED)
    cases = []
    # More rows than values, and fewer.
    for n, p, n_groups, most in [(40, 3, 1, 3), (30, 5, 3, 4), (12, 40, 2, 2), (8, 60, 4, 1)]:
        groups = np.arange(n) % n_groups
        rows = rng.normal(size=(n, p)) * rng.uniform(0.2, 3, size=p) + rng.normal(size=(n_groups, p))[groups] * 2
        queries = np.concatenate([rows[:2] + rng.normal(size=(2, p)) * 0.1, rng.normal(size=(3, p)) * 4])
        squared, shrinkage = distances(rows, groups, queries)
        lengths = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        nearest = NearestNeighbors(n_neighbors=4).fit(lengths)
        kth = nearest.kneighbors(queries / np.linalg.norm(queries, axis=1, keepdims=True))[0]
        partitions, mean = [], np.zeros(len(queries))
        for k in range(1, most + 1):
            found = KMeans(k, init=starts(rows, k), n_init=1, tol=0, algorithm="lloyd", max_iter=300).fit(rows).labels_
            partitions.append(found.tolist())
            mean += distances(rows, found, queries)[0] / most
        cases.append({"rows": rows.tolist(), "groups": groups.tolist(), "queries": queries.tolist(),
                      "shrinkage": shrinkage, "squared": squared.tolist(), "kth": kth.tolist(), "most": most,
                      "partitions": partitions, "tapudd": mean.tolist()})
    write(__file__, "outlier", cases, ["scikit-learn", "numpy"])


main()
