"""Writes latent_class.json (StepMix) and discretion.json (the formulas of arXiv:2502.10441 with SciPy).

    pip install stepmix==3.0.0 scipy==1.17.1 numpy==1.26.4
    python tests/golden/make/stats_groups.py
"""

import numpy as np
from scipy.optimize import minimize
from scipy.stats import kendalltau, rankdata
from stepmix.stepmix import StepMix

from stats_common import SEED, write


def latent_classes(rng):
    """Answers of planted classes, some missing, and the best maximum of the likelihood that StepMix finds."""
    cases = []
    for sizes, questions, missing in [((20, 20), 8, 0.0), ((30, 15), 10, 0.2), ((20, 20, 20), 12, 0.1)]:
        shares = rng.dirichlet(np.full(3, 0.5), size=(len(sizes), questions))
        shares = 0.9 * shares + 0.1 / 3
        rows = [[int(rng.choice(3, p=shares[group, question])) for question in range(questions)]
                for group, size in enumerate(sizes) for _ in range(size)]
        table = np.array(rows, dtype=float)
        table[rng.random(table.shape) < missing] = np.nan
        fits = {}
        for classes in (1, len(sizes)):
            model = StepMix(n_components=classes, measurement="categorical_nan", n_init=200, abs_tol=1e-11, rel_tol=1e-12,
                            max_iter=5000, random_state=SEED, progress_bar=0)
            model.fit(table)
            fits[str(classes)] = {"log_likelihood": float(model.score(table) * len(table)),
                                  "weights": sorted((float(it) for it in model.weights_), reverse=True)}
        answers = [[None if np.isnan(it) else int(it) for it in row] for row in table]
        cases.append({"answers": answers, "fits": fits})
    write(__file__, "latent_class", cases, ["stepmix", "numpy"])


def priorities(verdicts, principles):
    """Weights that minimize the logistic loss against the shares of conflicts won, weighted by their number."""
    size = len(principles)
    wins, n = np.zeros((size, size)), np.zeros((size, size))
    for p in range(size):
        for q in range(size):
            clash = (principles[p] * principles[q] < 0) & (verdicts != 0)
            n[p, q] = clash.sum()
            wins[p, q] = (principles[p][clash] * verdicts[clash] > 0).sum()
    share = np.divide(wins, n, out=np.zeros_like(wins), where=n > 0)

    def loss(weights):
        gap = weights[:, None] - weights[None, :]
        return (n * (share * np.logaddexp(0, -gap) + (1 - share) * np.logaddexp(0, gap))).sum()

    found = minimize(loss, np.zeros(size), method="BFGS", options={"gtol": 1e-11})
    return share, n, found.x - found.x.mean()


def discretion(rng):
    cases = []
    for items, size in [(60, 4), (200, 6)]:
        quality = rng.normal(size=items)
        principles = [np.sign(quality + rng.normal(size=items)).astype(int) * (rng.random(items) < 0.7) for _ in range(size)]
        annotators = [np.sign(quality + spread * rng.normal(size=items) + bias * principles[0]).astype(int)
                      * (rng.random(items) < 0.9) for spread, bias in [(0.5, 0.0), (1.5, 0.8)]]
        out, weights = [], []
        for verdicts in annotators:
            consensus = [i for i in range(items) if verdicts[i] != 0
                         and any(p[i] for p in principles) and not (any(p[i] > 0 for p in principles) and any(p[i] < 0 for p in principles))]
            sign = [next(p[i] for p in principles if p[i]) for i in consensus]
            against = [verdicts[i] * s < 0 for i, s in zip(consensus, sign)]
            share, n, own = priorities(verdicts, principles)
            weights.append(own)
            out.append({"verdicts": [int(it) for it in verdicts], "arbitrariness": float(np.mean(against)), "n": len(consensus),
                        "supremacy": [[float(it) for it in row] for row in share],
                        "conflicts": [[int(it) for it in row] for row in n], "priority": [float(it) for it in own]})
        tau = kendalltau(rankdata(weights[0]), rankdata(weights[1]), variant="b").statistic
        cases.append({"principles": [[int(it) for it in p] for p in principles], "annotators": out,
                      "discrepancy": float((1 - tau) / 2)})
    write(__file__, "discretion", cases, ["scipy", "numpy"])


if __name__ == "__main__":
    latent_classes(np.random.default_rng(SEED))
    discretion(np.random.default_rng(SEED + 1))
