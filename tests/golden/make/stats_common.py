"""What every stats_*.py script shares: the seed, where the JSON goes, and who made it."""

import importlib.metadata
import json
import pathlib
import platform

SEED = 20260101
OUT = pathlib.Path(__file__).resolve().parent.parent / "stats"


def write(script, name, cases, packages):
    """Writes tests/golden/stats/<name>.json; `packages` are the distributions that computed the numbers."""
    made_by = {
        "script": f"tests/golden/make/{pathlib.Path(script).name}",
        "seed": SEED,
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in packages},
    }
    OUT.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"made_by": made_by, "cases": cases}, indent=1, allow_nan=False)
    (OUT / f"{name}.json").write_text(text + "\n")
