#!/usr/bin/env python3
"""Runs the queries of docs/queries.md in DuckDB and holds them to `headless analyze`.

    cargo test --test it classes          # leaves classes of simulated participants in the target folder
    pip install duckdb
    python3 tools/check_queries.py target/debug/headless target/tmp/classes
"""

import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import duckdb

ROOT = pathlib.Path(__file__).resolve().parent.parent


def queries() -> dict[str, str]:
    text = (ROOT / "docs" / "queries.md").read_text(encoding="utf-8")
    return {found[0]: found[1] for found in re.findall(r"```sql\n-- (\w+)\n(.*?)```", text, flags=re.S)}


def same(name: str, ours: float, theirs: float) -> None:
    if not math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12):
        sys.exit(f"check_queries: {name}: headless says {ours}, DuckDB {theirs}")
    print(f"{name}: {ours}")


def check_pairs(name: str, study: dict, found: dict, rows: list) -> None:
    ids = [one["id"] for one in study["stimuli"]]
    values = {(a, b): value for a, b, value, _ in rows}
    place = 0
    for i, a in enumerate(ids):
        for b in ids[i + 1:]:
            ours = found["rdm"][place]
            place += 1
            theirs = values.get((min(a, b), max(a, b)))
            if (ours is None) != (theirs is None):
                sys.exit(f"check_queries: {name}: {a}, {b} is judged on one side only")
            if ours is not None and not math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12):
                sys.exit(f"check_queries: {name}: {a}, {b}: {ours} and {theirs}")
    print(f"{name}: {len(rows)} pairs")


def main() -> None:
    headless, folder = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
    sql = queries()
    used = set()
    for study_file in sorted(folder.glob("*.json")):
        if study_file.name.endswith("-2.json"):
            continue
        study = json.loads(study_file.read_text(encoding="utf-8"))
        files = [str(folder / f"{study_file.stem}-{end}") for end in ("1.txt", "2.json")]
        common = ["--study", str(study_file), *files]
        quiet = {"stderr": subprocess.DEVNULL, "check": True}
        found = json.loads(subprocess.run([headless, "analyze", *common], stdout=subprocess.PIPE, **quiet).stdout)
        with tempfile.TemporaryDirectory() as out:
            subprocess.run([headless, "export", "--to", "csv", "--out", out, *common], stdout=subprocess.DEVNULL, **quiet)
            (pathlib.Path(out) / "study.json").write_text(study_file.read_text(encoding="utf-8"), encoding="utf-8")
            os.chdir(out)
            base = duckdb.connect()

            def run(name: str) -> list:
                used.add(name)
                return base.execute(sql[name]).fetchall()

            kind = study["design"]["kind"]
            print(f"{study_file.stem} ({kind})")
            [(n_participants, n_main)] = run("counts")
            same("n_participants", found["n_participants"], n_participants)
            same("n_main", found["n_main"], n_main)
            if "value" in found["retest"]:
                [(value, n)] = run("retest")
                same("retest", found["retest"]["value"], value)
                same("repeats", found["retest"]["n"], n)
            if kind == "pair_rating":
                check_pairs("rdm_of_ratings", study, found["similarity"], run("rdm_of_ratings"))
                same("alpha", found["alpha"]["alpha"], run("alpha")[0][0])
            if kind == "triplet":
                check_pairs("rdm_of_triplets", study, found["similarity"], run("rdm_of_triplets"))
            if kind == "preference":
                [(ties, both_bad, decided, left)] = run("wins")
                same("ties", sum(found["preference"]["ties"]) / 2, ties)
                same("both_bad", found["preference"]["n_both_bad"], both_bad)
                same("decided", sum(found["preference"]["wins"]), decided)
                same("left", found["preference"]["left"]["value"], left)
            if kind == "label":
                for name, ours, theirs in zip(("right", "wrong", "abstained rightly", "abstained wrongly"),
                                              found["label"]["counts"], run("labels")[0]):
                    same(name, ours, theirs)
            os.chdir(ROOT)
    if used != set(sql):
        sys.exit(f"check_queries: not run: {sorted(set(sql) - used)}")


if __name__ == "__main__":
    main()
