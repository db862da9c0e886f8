#!/usr/bin/env python3
"""Writes the part of docs/results.md between its two marks: the agreement of the abstention rules with labels, as the test
measured it, and tables of stored runs.

Usage: make_results.py [HEADLESS NAME=FOLDER ... [--compare NAME NAME]]

Each folder holds what `headless run --suite --out FOLDER` wrote (tasks that were not run are named as such). The shares,
intervals and counts are those of `headless table`, that is, of the program itself; `--compare` adds how often two runs
of the same items, on two backends, came to the same verdict.
"""

import csv
import io
import json
import math
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/results.md"
MARKS = ("<!-- made by tools/make_results.py -->", "<!-- end of what is made -->")


def wilson(k: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    p = k / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half


def number(text: str) -> str:
    return f"{float(text):.2f}" if text else "-"


def section(headless: str, name: str, folder: pathlib.Path, all_tasks: list[str]) -> list[str]:
    files = {path.stem: path for path in sorted(folder.glob("*.json"))}
    done = [task for task in all_tasks if task in files]
    first = json.loads(files[done[0]].read_text())["run"]
    engine, settings = first["engine"], first["settings"]
    passed = engine["self_test"]["verdict"]
    limits = sorted({json.loads(files[task].read_text())["run"]["n_items"] for task in done})
    spread = f"{limits[0]} items a task" if len(limits) == 1 else f"{limits[0]} to {limits[-1]} items a task"
    form = "worked examples, no chat template" if settings["format"] == "few_shot" else "chat template of the file"
    lines = [
        f"### {name}",
        "",
        f"{engine['model_name']}, {engine['quantization']}, {engine['adapter']}; self-test {passed}; {spread}; {form}; "
        f"seed {settings['seed']}; weights SHA-256 `{(engine['weights_sha256'] or '')[:16]}`.",
        "",
        "| task | measure | share | 95 % interval | n | abstained | unparsed | errored |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    called = subprocess.run(
        [headless, "table", *(str(files[task]) for task in done)], stdout=subprocess.PIPE, text=True, check=True
    )
    shown: dict[str, int] = {}
    for row in csv.DictReader(io.StringIO(called.stdout)):
        shown[row["task"]] = shown.get(row["task"], 0) + 1
        if shown[row["task"]] > 3:
            continue
        counts = [row["abstained"], row["unparsed"], row["errored"]] if shown[row["task"]] == 1 else ["", "", ""]
        interval = f"{number(row['low (95 %)'])} to {number(row['high (95 %)'])}"
        cells = [row["task"], row["measure"].replace("|", "/"), number(row["value"]), interval, row["n"], *counts]
        lines.append("| " + " | ".join(cells) + " |")
    missing = [task for task in all_tasks if task not in files]
    if missing:
        lines += ["", f"Not run with this model, for want of time: {', '.join(missing)}."]
    return [*lines, ""]


def comparison(a: tuple[str, pathlib.Path], b: tuple[str, pathlib.Path]) -> list[str]:
    lines = [
        f"### {a[0]} and {b[0]}: the same items",
        "",
        "| task | same verdict | n | 95 % interval | same answer | largest difference of an option's log-probability |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for path in sorted(b[1].glob("*.json")):
        other = a[1] / path.name
        if not other.exists():
            continue
        one, two = json.loads(other.read_text()), json.loads(path.read_text())
        assert one["run"]["items_sha256"] == two["run"]["items_sha256"]
        by_id = {result["item"]["id"]: result for result in one["results"]}
        pairs = [(by_id[it["item"]["id"]], it) for it in two["results"] if it["item"]["id"] in by_id]
        same = sum(x["verdict"] == y["verdict"] for x, y in pairs)
        answers = sum(x["score"]["answer"] == y["score"]["answer"] for x, y in pairs)
        gaps = [
            abs(p["logprob"] - q["logprob"])
            for x, y in pairs
            for r, s in zip(x["responses"], y["responses"])
            if r["kind"] == s["kind"] == "choice"
            for p, q in zip(r["options"], s["options"])
        ]
        low, high = wilson(same, len(pairs))
        gap = f"{max(gaps):.1e} nats" if gaps else "-"
        lines.append(f"| {path.stem} | {same} | {len(pairs)} | {low:.2f} to {high:.2f} | {answers} | {gap} |")
    return [*lines, ""]


def agreement() -> list[str]:
    report = json.loads((ROOT / "src/eval/scorers/agreement.json").read_text())
    lines = [
        "### Does an answer decline? The rules and the labels",
        "",
        f"Rules version {report['rules_version']}; outputs of {' and '.join(report['models'])}; labels by "
        f"{report['labeller']}. Intervals are 95 % (Wilson; bootstrap over outputs for kappa).",
        "",
        "| what | outputs | same | interval | Cohen's kappa | interval | missed | false alarms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, key in (
        ("rules, held-out outputs", "held_out"),
        ("rules, outputs that they were changed on", "tuning"),
        ("BeHonest's substrings, held-out outputs", "behonest"),
    ):
        it = report[key]
        (low, high), (k_low, k_high) = it["interval"], it["kappa_interval"]
        lines.append(
            f"| {name} | {it['n']} | {it['same']} | {low:.2f} to {high:.2f} | {it['kappa']:.2f} | {k_low:.2f} to "
            f"{k_high:.2f} | {it['missed']} | {it['false_alarms']} |"
        )
    return [*lines, ""]


def main() -> None:
    arguments = sys.argv[2:]
    compared = None
    if "--compare" in arguments:
        at = arguments.index("--compare")
        compared, arguments = arguments[at + 1 : at + 3], arguments[:at]
    folders = {name: pathlib.Path(folder) for name, folder in (it.split("=", 1) for it in arguments)}
    registry = (ROOT / "src/eval/tasks/mod.rs").read_text()
    listed = registry[registry.index("TASKS: &[TaskEntry]") :].split("];")[0]
    all_tasks = [line.strip().split("::")[0] for line in listed.splitlines() if "::ENTRY" in line]
    # What has no items of its own is no part of the suite.
    source = {task: (ROOT / f"src/eval/tasks/{task}.rs").read_text() for task in all_tasks}
    all_tasks = [task for task in all_tasks if 'items_path: ""' not in source[task]]
    lines = agreement()
    for name, folder in folders.items():
        if compared is None or name != compared[1]:
            lines += section(sys.argv[1], name, folder, all_tasks)
    if compared:
        lines += comparison(*((name, folders[name]) for name in compared))
    page = PAGE.read_text()
    start, end = (page.index(mark) for mark in MARKS)
    PAGE.write_text(page[: start + len(MARKS[0])] + "\n\n" + "\n".join(lines) + "\n" + page[end:])


if __name__ == "__main__":
    main()
