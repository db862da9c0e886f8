"""Opens the exports of studies under tests/golden/exports/studies in the packages that they are made for.

The fixtures are written by the test `every_format_of_a_small_class_opens_elsewhere` (WRITE_GOLDEN=1); this script changes
nothing. Two environments, because the packages ask for different versions of others:

    pip install cblearn==0.4.0 rsatoolbox==0.3.2 numpy==1.26.4
    python tests/golden/make/open_study_exports.py cblearn rsatoolbox
    pip install inspect_ai==0.3.285
    python tests/golden/make/open_study_exports.py inspect_ai
"""

import csv
import json
import math
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "exports" / "studies"


def rows(path: str) -> list[dict]:
    return list(csv.DictReader((FOLDER / path).read_text().splitlines()))


def check_cblearn() -> None:
    """cblearn takes the triplets and means by them what the named columns say."""
    import numpy as np
    from cblearn.embedding import SOE
    from cblearn.utils import check_query_response

    for name in ("triplet", "anchored_triplet"):
        file = (FOLDER / name / "cblearn.csv").read_text().splitlines()
        assert file[0] == "i,j,k"
        triplets = np.loadtxt(file[1:], delimiter=",", dtype=int)
        ordered = check_query_response(triplets, result_format="list-order")
        assert (ordered == triplets).all(), "cblearn changes nothing: the first two are the closer ones"
        # Points in a plane that cblearn finds for the choices explain most of them; by chance it would be half.
        found = SOE(2, n_init=5, random_state=1).fit(triplets)
        share = found.score(triplets)
        assert share > 0.85, share
        print("cblearn:", name, triplets.shape, "explained", share)
    # Salmon's columns say the same as cblearn's, row by row.
    salmon = rows("anchored_triplet/salmon.csv")
    named = (FOLDER / "anchored_triplet" / "cblearn.csv").read_text().splitlines()[1:]
    assert len(salmon) == len(named)
    places = {}
    for row, line in zip(salmon, named):
        for word, place in zip((row["head"], row["winner"], row["loser"]), line.split(",")):
            assert places.setdefault(word, place) == place, (word, place)


def check_rsatoolbox() -> None:
    """rsatoolbox makes RDMs of the dict and compares them."""
    import numpy as np
    from rsatoolbox.rdm import compare
    from rsatoolbox.rdm.rdms import rdms_from_dict

    found = json.loads((FOLDER / "pair_rating" / "rdms.json").read_text())
    found["dissimilarities"] = np.array(found["dissimilarities"], dtype=float)
    rdms = rdms_from_dict(found)
    names = list(rdms.pattern_descriptors["conds"])
    assert rdms.n_rdm == 2 and rdms.n_cond == len(names) == 12, rdms
    assert list(rdms.rdm_descriptors["participant"]) == ["s0000", "s0001"]
    assert found["dissimilarities"].min() >= 0 and found["dissimilarities"].max() <= 1
    matrix = rdms.get_matrices()[0]
    # The first participant's rating of one pair, by hand from the CSV: 1 is most alike, so dissimilarity is (7 - r) / 6.
    row = next(it for it in rows("pair_rating/judgments.csv") if it["session_id"] == "s0000" and it["trial_kind"] == "main"
               and it["counts"] == "true")
    left, right = row["stimulus_1"], row["stimulus_2"]
    wanted = (7 - float(row["answer"])) / 6
    assert math.isclose(matrix[names.index(left), names.index(right)], wanted), (left, right)
    print("rsatoolbox:", rdms.n_rdm, "RDMs, Spearman", compare(rdms[0], rdms[1], "spearman")[0, 0])


def check_inspect() -> None:
    """inspect_ai attaches the scores to samples of the same ids, as `precomputed_scores` does."""
    from inspect_ai import Task, eval as run
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.scorer import mean, precomputed_scores
    from inspect_ai.solver import solver

    @solver
    def nothing():
        async def solve(state, generate):
            return state

        return solve

    def scored(name: str, metrics) -> list:
        file = FOLDER / name / "scores.jsonl"
        records = [json.loads(line) for line in file.read_text().splitlines()]
        samples = [Sample(id=it["id"], input="not asked", target="") for it in records]
        task = Task(dataset=MemoryDataset(samples), solver=nothing(), scorer=precomputed_scores(str(file), on_missing="error", metrics=metrics))
        [log] = run(task, model="mockllm/model", display="none", log_format="json", log_dir=tempfile.mkdtemp())
        assert log.status == "success", log.error.message
        assert len(log.samples) == len(records)
        by_id = {record["id"]: record for record in records}
        for sample in log.samples:
            record = by_id.pop(sample.id)
            [score] = sample.scores.values()
            assert score.value == record["value"] and score.metadata == record["metadata"], (score, record)
        print("inspect_ai:", name, [(it.name, {key: value.value for key, value in it.metrics.items()}) for it in log.results.scores])
        return records

    scored("label", [mean()])
    sources = scored("preference", {"*": [mean()]})[0]["value"]
    assert len(sources) == 2


CHECKS = {"cblearn": check_cblearn, "rsatoolbox": check_rsatoolbox, "inspect_ai": check_inspect}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or list(CHECKS):
        CHECKS[wanted]()
