"""Writes tests/golden/stats/{kappa,fleiss,krippendorff,icc,split_half}.json with scikit-learn, statsmodels,
krippendorff and pingouin.

    pip install scikit-learn statsmodels krippendorff pingouin
    python tests/golden/make/stats_agreement.py
"""

import itertools
import warnings

import krippendorff
import numpy as np
import pandas as pd
import pingouin
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import fleiss_kappa

from stats_common import SEED, write


def listed(values):
    return [None if np.isnan(v) else float(v) for v in values]


def main():
    warnings.simplefilter("ignore")
    pingouin.options["round"] = None
    for option in list(pingouin.options):
        if option.startswith("round"):
            pingouin.options[option] = None
    rng = np.random.default_rng(SEED)

    cases = []
    for n, k in [(5, 2), (40, 3), (200, 7)]:
        a = rng.integers(0, k, size=n)
        b = np.where(rng.uniform(size=n) < 0.6, a, rng.integers(0, k, size=n))
        labels = list(range(k))
        cases.append({
            "a": a.tolist(), "b": b.tolist(),
            "unweighted": float(cohen_kappa_score(a, b, labels=labels)),
            "linear": float(cohen_kappa_score(a, b, labels=labels, weights="linear")),
            "quadratic": float(cohen_kappa_score(a, b, labels=labels, weights="quadratic")),
        })
    write(__file__, "kappa", cases, ["scikit-learn"])

    cases = []
    for items, raters, k in [(10, 14, 5), (30, 3, 2)]:
        counts = np.array([rng.multinomial(raters, rng.dirichlet(np.full(k, 0.5))) for _ in range(items)])
        cases.append({"counts": counts.tolist(), "kappa": float(fleiss_kappa(counts))})
    write(__file__, "fleiss", cases, ["statsmodels"])

    star = np.nan
    published = np.array([
        [star, star, star, star, star, 3, 4, 1, 2, 1, 1, 3, 3, star, 3],
        [1, star, 2, 1, 3, 3, 4, 3, star, star, star, star, star, star, star],
        [star, star, 2, 1, 3, 4, 4, star, 2, 1, 1, 3, 3, star, 4],
    ])
    tables = [published]
    for raters, units, missing in [(2, 12, 0.0), (5, 40, 0.3), (20, 60, 0.6)]:
        truth = rng.integers(1, 8, size=units)
        table = np.clip(truth + rng.integers(-1, 2, size=(raters, units)), 0, 8).astype(float)
        table[rng.uniform(size=table.shape) < missing] = np.nan
        tables.append(table)
    cases = []
    for table in tables:
        cases.append({"ratings": [listed(row) for row in table], **{
            level: float(krippendorff.alpha(reliability_data=table, level_of_measurement=level))
            for level in ["nominal", "ordinal", "interval", "ratio"]
        }})
    write(__file__, "krippendorff", cases, ["krippendorff"])

    cases = []
    for n, k in [(6, 4), (20, 2), (35, 7)]:
        truth = rng.normal(scale=2, size=(n, 1))
        table = truth + rng.normal(scale=1, size=(n, k)) + rng.normal(scale=0.5, size=k) + 5
        long = pd.DataFrame([(i, j, table[i, j]) for i in range(n) for j in range(k)],
                            columns=["target", "rater", "rating"])
        found = pingouin.intraclass_corr(long, targets="target", raters="rater", ratings="rating")
        rows = []
        for _, row in found.iterrows():
            interval = row["CI95"] if "CI95" in found.columns else row["CI95%"]
            rows.append({"value": float(row["ICC"]), "f": float(row["F"]), "p": float(row["pval"]),
                         "low": float(interval[0]), "high": float(interval[1]), "type": row["Type"]})
        cases.append({"ratings": table.tolist(), "rows": rows})
    write(__file__, "icc", cases, ["pingouin", "numpy"])

    cases = []
    for raters, items, missing in [(4, 10, 0.0), (7, 20, 0.1)]:
        table = rng.normal(size=items) + rng.normal(scale=1.2, size=(raters, items))
        table[rng.uniform(size=table.shape) < missing] = np.nan
        z = []
        for first in itertools.combinations(range(raters), raters // 2):
            rest = [i for i in range(raters) if i not in first]
            a, b = np.nanmean(table[list(first)], axis=0), np.nanmean(table[rest], axis=0)
            both = ~np.isnan(a) & ~np.isnan(b)
            z.append(np.arctanh(np.corrcoef(a[both], b[both])[0, 1]))
        r = float(np.tanh(np.mean(z)))
        cases.append({"ratings": [listed(row) for row in table], "splits": len(z), "r": r,
                      "spearman_brown": 2 * r / (1 + r)})
    write(__file__, "split_half", cases, ["numpy"])


if __name__ == "__main__":
    main()
