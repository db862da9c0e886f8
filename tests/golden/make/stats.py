"""Writes tests/golden/stats/*.json with SciPy, NumPy and statsmodels.

Run it in an environment that has them:
    pip install scipy statsmodels
    python tests/golden/make/stats.py
"""

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from stats_common import SEED, write


def main():
    rng = np.random.default_rng(SEED)

    cases = []
    for k, n in [(0, 1), (1, 1), (0, 10), (3, 10), (10, 10), (14, 20), (5, 7), (24, 48), (1, 1000), (731, 1000), (999_999, 1_000_000)]:
        for level in [0.9, 0.95, 0.99]:
            low, high = proportion_confint(k, n, alpha=1 - level, method="wilson")
            exact = proportion_confint(k, n, alpha=1 - level, method="beta")
            cases.append({"k": k, "n": n, "level": level, "low": float(low), "high": float(high),
                          "exact": [float(end) for end in exact]})
    write(__file__, "wilson", cases, ["statsmodels", "scipy"])

    cases = [{"p": p, "z": float(stats.norm.ppf(p))} for p in [1e-12, 1e-6, 0.001, 0.025, 0.1, 0.3, 0.5, 0.7, 0.9, 0.975, 0.995, 0.999999]]
    write(__file__, "normal_quantile", cases, ["scipy"])

    pairs = [
        ([1, 2, 2, 3, 4, 4], [1, 3, 2, 2, 5, 4]),
        ([1, 2], [2, 1]),
        ([1, 1, 2], [5, 6, 6]),
        ([0, 0, 0, 1], [1, 0, 0, 0]),
    ]
    for n, levels in [(5, 0), (45, 0), (45, 7), (100, 3), (300, 0), (7, 2)]:
        x = rng.normal(size=n)
        y = 0.6 * x + rng.normal(size=n)
        if levels:
            x = np.floor(stats.norm.cdf(x) * levels)
            y = np.floor(stats.norm.cdf(y / 1.2) * levels)
        pairs.append((x.tolist(), y.tolist()))
    cases = [
        {
            "x": [float(v) for v in x],
            "y": [float(v) for v in y],
            "pearson": float(stats.pearsonr(x, y).statistic),
            "spearman": float(stats.spearmanr(x, y).statistic),
            "kendall_tau_b": float(stats.kendalltau(x, y, variant="b").statistic),
        }
        for x, y in pairs
    ]
    write(__file__, "rank", cases, ["scipy", "numpy"])

    cases = []
    for n in [1, 2, 5, 40]:
        values = np.sort(rng.normal(size=n))
        for q in [0.0, 0.025, 0.31, 0.5, 0.975, 1.0]:
            cases.append({"sorted": values.tolist(), "q": q, "value": float(np.quantile(values, q))})
    write(__file__, "quantile", cases, ["numpy"])

    # Percentile bootstrap with many resamples: the two programs draw other resamples, so the ends agree to within
    # Monte Carlo error only.
    cases = []
    for n in [12, 45]:
        x = rng.normal(size=n)
        y = 0.7 * x + rng.normal(size=n)
        mean = stats.bootstrap((x,), np.mean, n_resamples=100_000, method="percentile", rng=np.random.default_rng(SEED))
        rho = stats.bootstrap(
            (x, y), lambda a, b: stats.spearmanr(a, b).statistic, paired=True, vectorized=False,
            n_resamples=20_000, method="percentile", rng=np.random.default_rng(SEED),
        )
        cases.append({
            "x": x.tolist(), "y": y.tolist(),
            "mean": [float(mean.confidence_interval.low), float(mean.confidence_interval.high)],
            "spearman": [float(rho.confidence_interval.low), float(rho.confidence_interval.high)],
        })
    write(__file__, "bootstrap", cases, ["scipy", "numpy"])


if __name__ == "__main__":
    main()
