"""Writes tests/golden/stats/{bca,permutation,mcnemar,holm}.json with SciPy and statsmodels.

    pip install scipy statsmodels
    python tests/golden/make/stats_resampling.py
"""

import numpy as np
from scipy import stats
from scipy._lib._array_api import array_namespace
from scipy.stats import _resampling
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from stats_common import SEED, write


def main():
    rng = np.random.default_rng(SEED)

    # The same draws go through SciPy's BCa and ours, so that the ends must agree to the last digits.
    cases = []
    for n, statistic in [(9, "mean"), (15, "mean"), (25, "median"), (14, "std")]:
        x = rng.exponential(size=n)
        f = {"mean": np.mean, "median": np.median, "std": np.std}[statistic]
        draws = np.array([f(x[rng.integers(0, n, size=n)]) for _ in range(400)])
        level = float(rng.choice([0.9, 0.95]))
        alpha = (1 - level) / 2
        a, b, _ = _resampling._bca_interval((x,), f, -1, alpha, draws, None, array_namespace(x))
        low, high = np.quantile(draws, [float(a), float(b)])
        jackknife = [float(f(np.delete(x, i))) for i in range(n)]
        cases.append({"draws": draws.tolist(), "level": level, "estimate": float(f(x)), "jackknife": [jackknife],
                      "low": float(low), "high": float(high)})
    x, y = rng.exponential(size=8), rng.exponential(size=12) + 0.3

    def difference(x, y, axis=-1):
        return np.mean(x, axis=axis) - np.mean(y, axis=axis)

    draws = np.array([difference(x[rng.integers(0, 8, size=8)], y[rng.integers(0, 12, size=12)]) for _ in range(400)])
    a, b, _ = _resampling._bca_interval((x, y), difference, -1, 0.025, draws, None, array_namespace(x))
    low, high = np.quantile(draws, [float(a), float(b)])
    cases.append({
        "draws": draws.tolist(), "level": 0.95, "estimate": float(difference(x, y)),
        "jackknife": [[float(difference(np.delete(x, i), y)) for i in range(8)],
                      [float(difference(x, np.delete(y, i))) for i in range(12)]],
        "low": float(low), "high": float(high),
    })
    write(__file__, "bca", cases, ["scipy", "numpy"])

    cases = []
    for n in [5, 9, 12]:
        x, y = rng.normal(size=n), rng.normal(size=n) + 0.5
        if n == 9:
            x, y = np.round(x), np.round(y)
        paired = stats.permutation_test((x, y), lambda a, b: np.mean(a - b), permutation_type="samples",
                                        n_resamples=np.inf)
        k = n // 2
        # SciPy's two-sided p doubles the smaller tail; the absolute difference counts both tails, as ours does.
        two = stats.permutation_test((x[:k], y[:k + 1]), lambda a, b: np.abs(np.mean(a) - np.mean(b)),
                                     permutation_type="independent", n_resamples=np.inf, alternative="greater")
        cases.append({"x": x.tolist(), "y": y.tolist(), "paired_difference": float(paired.statistic),
                      "paired_p": float(paired.pvalue), "split": k, "two_sample_difference": float(np.mean(x[:k]) - np.mean(y[:k + 1])),
                      "two_sample_p": float(two.pvalue)})
    write(__file__, "permutation", cases, ["scipy", "numpy"])

    cases = []
    for b, c in [(8, 2), (0, 3), (5, 5), (40, 21), (1, 0), (300, 241)]:
        exact = mcnemar([[10, b], [c, 10]], exact=True)
        corrected = mcnemar([[10, b], [c, 10]], exact=False, correction=True)
        cases.append({"b": b, "c": c, "exact": float(exact.pvalue), "chi2": float(corrected.statistic),
                      "corrected": float(corrected.pvalue)})
    write(__file__, "mcnemar", cases, ["statsmodels"])

    cases = []
    for p in [[0.01, 0.04, 0.03, 0.005], [0.5], [0.2, 0.2, 0.2], rng.uniform(0, 0.1, size=12).tolist()]:
        cases.append({"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()})
    write(__file__, "holm", cases, ["statsmodels"])


if __name__ == "__main__":
    main()
