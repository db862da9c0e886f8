#!/usr/bin/env python3
"""Makes the demonstrations of the first page: public/demo/run.json and public/demo/pairs.json.

Usage: make_demo.py MODEL [HEADLESS]

The runs are real runs of the model by `headless`; the second file also says how to simulate raters to set beside it.
HEADLESS is a built `headless`; by default cargo builds and runs it. The processor's f32 oracle
computes, so that the files do not depend on a graphics card.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
STUDY = "public/studies/everyday_words.json"
# What the simulated raters take to be alike: animals, food, vehicles, household things. Their judgments are made when
# the page is shown, always the same ones.
SIMULATION = {
    "study_id": "everyday_words",
    "seed": 1,
    "n_participants": 3,
    "noise": 0.25,
    "groups": [
        ["dog", "horse", "eagle"], ["apple", "carrot", "bread"], ["car", "bicycle", "boat"], ["hammer", "spoon", "chair"]
    ],
}


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    model = pathlib.Path(sys.argv[1]).resolve()
    headless = sys.argv[2:] or ["cargo", "run", "--quiet", "--release", "--bin", "headless", "--"]
    common = ["--model", str(model), "--seed", "1", "--backend", "cpu", "--arithmetic", "oracle"]

    def call(*arguments: str) -> str:
        done = subprocess.run([*headless, *common, *arguments], stdout=subprocess.PIPE, text=True, check=False, cwd=ROOT)
        if done.returncode != 0:
            sys.exit(f"make_demo: headless {arguments[0]} failed")
        return done.stdout

    def run(*arguments: str) -> dict:
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "run.json"
            call("run", *arguments, "--demo", "--out", str(out))
            record = json.loads(out.read_text(encoding="utf-8"))
        for result in record["results"]:
            # The raw responses are most of the bytes and nothing on the page reads them.
            result["responses"] = []
        return record

    def write(name: str, record: dict) -> None:
        path = ROOT / "public" / "demo" / name
        path.parent.mkdir(exist_ok=True)
        # One result a line, so that a change can be read.
        lines = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        lines = lines.replace('},{"schema"', '},\n{"schema"')
        path.write_text(lines + "\n", encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")

    write("run.json", run("--task", "known_unknowns"))
    pairs = run("--task", "pair_rating", "--study", STUDY)
    pairs["simulation"] = SIMULATION
    write("pairs.json", pairs)


main()
