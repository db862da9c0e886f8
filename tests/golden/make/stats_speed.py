#!/usr/bin/env python3
"""How fast bootstraps of an RDM comparison are, beside rsatoolbox on the same machine and the same matrices.

Usage: stats_speed.py HEADLESS

Needs rsatoolbox 0.3.2 and NumPy. Two random matrices of 50 items (seed 1), resampled over items. Times are of the processor,
not of the clock, with one thread; `headless` draws 100,000 resamples (its start is subtracted by a run with 10), rsatoolbox
1,000. Prints a table; a timing is no test.
"""

import json
import os
import resource
import subprocess
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"
import numpy as np  # noqa: E402  (after the number of threads is set)
from rsatoolbox.inference import eval_bootstrap_pattern  # noqa: E402
from rsatoolbox.model import ModelFixed  # noqa: E402
from rsatoolbox.rdm import RDMs  # noqa: E402

ITEMS = 50
OURS, THEIRS = 100_000, 1_000


def headless_seconds(headless: str, problem: dict) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run([headless, "stats", "rdm-bootstrap"], input=json.dumps(problem), text=True, check=True, stdout=subprocess.DEVNULL)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def main() -> None:
    rng = np.random.default_rng(1)
    model, people = rng.random((2, 1, ITEMS * (ITEMS - 1) // 2))
    print("| measure | headless, microseconds a resample | rsatoolbox | ratio | 10,000 resamples |")
    print("| --- | --- | --- | --- | --- |")
    for method in ("spearman", "cosine"):
        problem = {"models": model.tolist(), "rdms": people.tolist(), "method": method, "factor": "conditions", "seed": 1}
        start = headless_seconds(sys.argv[1], {**problem, "resamples": 10})
        ours = (headless_seconds(sys.argv[1], {**problem, "resamples": OURS}) - start) / (OURS - 10)
        begin = time.process_time()
        eval_bootstrap_pattern(ModelFixed("model", RDMs(model)), RDMs(people), method=method, N=THEIRS)
        theirs = (time.process_time() - begin) / THEIRS
        print(f"| {method} | {1e6 * ours:.1f} | {1e6 * theirs:.0f} | {theirs / ours:.0f} | {1e4 * ours:.2f} s |")


if __name__ == "__main__":
    main()
