"""Writes tests/golden/stats/*.json with SciPy, NumPy and statsmodels.

Run it in an environment that has them:
    pip install scipy statsmodels
    python tests/golden/make/stats.py
"""

import json
import pathlib
import platform

import numpy as np
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

SEED = 20260101
OUT = pathlib.Path(__file__).resolve().parent.parent / "stats"


def write(name, cases, versions):
    made_by = {
        "script": "tests/golden/make/stats.py",
        "seed": SEED,
        "python": platform.python_version(),
        **versions,
    }
    text = json.dumps({"made_by": made_by, "cases": cases}, indent=1, allow_nan=False)
    (OUT / f"{name}.json").write_text(text + "\n")


def main():
    rng = np.random.default_rng(SEED)
    OUT.mkdir(parents=True, exist_ok=True)

    cases = []
    for k, n in [(0, 1), (1, 1), (0, 10), (3, 10), (10, 10), (14, 20), (5, 7), (24, 48), (1, 1000), (731, 1000), (999_999, 1_000_000)]:
        for level in [0.9, 0.95, 0.99]:
            low, high = proportion_confint(k, n, alpha=1 - level, method="wilson")
            cases.append({"k": k, "n": n, "level": level, "low": float(low), "high": float(high)})
    write("wilson", cases, {"statsmodels": statsmodels.__version__, "scipy": scipy.__version__})

    cases = [{"p": p, "z": float(stats.norm.ppf(p))} for p in [1e-12, 1e-6, 0.001, 0.025, 0.1, 0.3, 0.5, 0.7, 0.9, 0.975, 0.995, 0.999999]]
    write("normal_quantile", cases, {"scipy": scipy.__version__})

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
    write("rank", cases, {"scipy": scipy.__version__, "numpy": np.__version__})

    cases = []
    for n in [1, 2, 5, 40]:
        values = np.sort(rng.normal(size=n))
        for q in [0.0, 0.025, 0.31, 0.5, 0.975, 1.0]:
            cases.append({"sorted": values.tolist(), "q": q, "value": float(np.quantile(values, q))})
    write("quantile", cases, {"numpy": np.__version__})

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
    write("bootstrap", cases, {"scipy": scipy.__version__, "numpy": np.__version__})


if __name__ == "__main__":
    main()
