"""Opens the exports under tests/golden/exports in the tools that they are made for and checks the accuracy.

The fixtures are written by the test `exports_for_other_tools_are_what_those_tools_were_tested_with`
(UPDATE_EXPECT=1 cargo test --test it exports_for); this script changes nothing.

    pip install inspect_ai==0.3.112 pandas==2.2.3
    python tests/golden/make/open_exports.py
"""

import json
import math
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "exports"
RIGHTLY, JUDGED, ALL, DECLINED = 4, 9, 10, 2


def check_inspect() -> None:
    """inspect_ai reads the log; its own reducer and metric give the same accuracy."""
    from inspect_ai.log import read_eval_log, read_eval_log_sample_summaries
    from inspect_ai.scorer import value_to_float

    for name in ("inspect_log.json", "run.eval"):
        check_inspect_log(read_eval_log(str(FOLDER / name)), value_to_float())
    summaries = read_eval_log_sample_summaries(str(FOLDER / "run.eval"))
    assert len(summaries) == ALL and sum(bool(it.error) for it in summaries) == ALL - JUDGED, summaries
    header = read_eval_log(str(FOLDER / "run.eval"), header_only=True)
    assert header.samples is None and header.results.total_samples == ALL


def check_inspect_log(log, to_float) -> None:
    assert log.status == "success", log.status
    assert len(log.samples) == ALL
    for name, wanted in (("acted_rightly", RIGHTLY / JUDGED), ("abstained", DECLINED / JUDGED)):
        values = [to_float(sample.scores[name].value) for sample in log.samples if sample.scores]
        assert len(values) == JUDGED, values
        assert math.isclose(sum(values) / JUDGED, wanted), (name, values)
        stored = next(score for score in log.results.scores if score.name == name)
        assert math.isclose(stored.metrics["accuracy"].value, wanted), stored
    failed = [sample for sample in log.samples if sample.error]
    assert len(failed) == ALL - JUDGED and "not a number" in failed[0].error.message
    first = log.samples[0]
    assert first.messages[-1].role == "assistant" and first.output.completion
    print("inspect_ai: read", len(log.samples), "samples, accuracy", RIGHTLY / JUDGED)


def check_lm_eval() -> None:
    """The samples give the accuracy of the results file, as lm-eval's own tables are made from both."""
    import pandas

    results = json.loads((FOLDER / "lm_eval_results.json").read_text())
    samples = pandas.read_json(FOLDER / "lm_eval_samples.jsonl", lines=True)
    row = results["results"]["known_unknowns"]
    assert math.isclose(samples["acc"].mean(), row["acc,none"]) and math.isclose(row["acc,none"], RIGHTLY / JUDGED)
    assert math.isclose(samples["acc"].sem(), row["acc_stderr,none"])
    assert results["n-samples"]["known_unknowns"] == {"original": ALL, "effective": JUDGED}
    needed = {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash",
              "prompt_hash", "target_hash"}
    assert needed <= set(samples.columns), needed - set(samples.columns)
    print("lm-eval files:", len(samples), "samples, accuracy", samples["acc"].mean())


if __name__ == "__main__":
    check_inspect()
    check_lm_eval()
