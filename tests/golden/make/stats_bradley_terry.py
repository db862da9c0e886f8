"""Writes tests/golden/stats/{bradley_terry,ties}.json with choix, statsmodels and SciPy.

    pip install choix statsmodels scipy
    python tests/golden/make/stats_bradley_terry.py

Plain strengths come from choix; standard errors from a logistic regression in statsmodels (plain and clustered by
participant). No Python package fits Davidson's or Rao and Kupper's model, so SciPy maximizes their likelihoods as
written in the papers.
"""

import choix
import numpy as np
import statsmodels.api as sm
from scipy.optimize import minimize
from scipy.special import expit

from stats_common import SEED, write


def votes_of(rng, n, count, people, tie_share):
    theta = rng.normal(size=n)
    votes = []
    for index in range(count):
        a, b = (int(i) for i in rng.choice(n, size=2, replace=False))
        if rng.uniform() < tie_share:
            outcome = "tie"
        else:
            outcome = "a" if rng.uniform() < expit(theta[a] - theta[b]) else "b"
        votes.append((a, b, outcome, index % people))
    return votes


def plain(n, votes):
    """choix twice, and statsmodels' logistic regression with the first item as base."""
    wins = [(a, b) if outcome == "a" else (b, a) for a, b, outcome, _ in votes]
    strengths = choix.opt_pairwise(n, wins, alpha=0, tol=1e-13)
    mm = choix.mm_pairwise(n, wins, alpha=0, max_iter=200_000, tol=1e-13)
    assert np.abs(strengths - strengths.mean() - (mm - mm.mean())).max() < 1e-6
    x = np.zeros((len(votes), n))
    for row, (a, b, _, _) in enumerate(votes):
        x[row, a] += 1
        x[row, b] -= 1
    y = np.array([outcome == "a" for _, _, outcome, _ in votes], dtype=float)
    model = sm.Logit(y, x[:, 1:])
    kept = dict(disp=0, method="newton", tol=1e-14, maxiter=200)
    fit = model.fit(**kept)
    groups = np.array([person for *_, person in votes])
    clustered = model.fit(cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}, **kept)
    # Change from base-item to sum-zero coordinates.
    change = np.vstack([np.zeros(n - 1), np.eye(n - 1)]) - 1 / n
    theta = change @ fit.params
    assert np.abs(theta - (strengths - strengths.mean())).max() < 1e-5
    spread = lambda covariance: np.sqrt(np.diag(change @ covariance @ change.T)).tolist()
    return {"strengths": theta.tolist(), "se": spread(fit.cov_params()), "sandwich": spread(clustered.cov_params()),
            "log_likelihood": float(fit.llf)}


def tied(n, votes, model, half=False):
    a, b = (np.array([vote[i] for vote in votes]) for i in (0, 1))
    kind = np.array([{"a": 0, "b": 1, "tie": 2}[vote[2]] for vote in votes])

    def nll(x):
        theta = np.concatenate([x[:n - 1], [-x[:n - 1].sum()]])
        d = theta[a] - theta[b]
        if model == "half":
            return -np.sum(np.where(kind == 0, np.log(expit(d)), np.where(kind == 1, np.log(expit(-d)),
                           0.5 * np.log(expit(d)) + 0.5 * np.log(expit(-d)))))
        if model == "davidson":
            p = np.exp(theta)
            nu = np.exp(x[-1])
            middle = nu * np.sqrt(p[a] * p[b])
            total = p[a] + p[b] + middle
            return -np.sum(np.log(np.choose(kind, [p[a], p[b], middle]) / total))
        eta = np.exp(x[-1])
        first, second = expit(d - eta), expit(-d - eta)
        return -np.sum(np.log(np.choose(kind, [first, second, 1 - first - second])))

    size = n - 1 + (model != "half")
    best = minimize(nll, np.zeros(size), method="BFGS", options={"gtol": 1e-9, "maxiter": 10_000})
    best = minimize(nll, best.x, method="Nelder-Mead", options={"xatol": 1e-12, "fatol": 1e-14, "maxiter": 100_000})
    theta = np.concatenate([best.x[:n - 1], [-best.x[:n - 1].sum()]])
    return {"strengths": theta.tolist(), "tie_parameter": None if model == "half" else float(np.exp(best.x[-1])),
            "log_likelihood": -float(best.fun)}


def main():
    rng = np.random.default_rng(SEED)
    named = lambda votes: [{"first": a, "second": b, "outcome": o, "participant": p} for a, b, o, p in votes]
    cases = []
    for n, count, people in [(3, 40, 40), (6, 150, 12), (12, 900, 30)]:
        votes = votes_of(rng, n, count, people, 0)
        cases.append({"n": n, "votes": named(votes), **plain(n, votes)})
    write(__file__, "bradley_terry", cases, ["choix", "statsmodels", "scipy", "numpy"])

    cases = []
    for n, count, share in [(3, 60, 0.2), (5, 200, 0.35)]:
        votes = votes_of(rng, n, count, 10, share)
        cases.append({"n": n, "votes": named(votes), "half": tied(n, votes, "half"),
                      "davidson": tied(n, votes, "davidson"), "rao_kupper": tied(n, votes, "rao_kupper")})
    write(__file__, "ties", cases, ["scipy", "numpy"])


if __name__ == "__main__":
    main()
