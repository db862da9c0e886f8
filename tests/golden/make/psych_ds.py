"""Validates an exported project with the validator of Psych-DS, and a damaged copy of it, which must fail.

Usage: psych_ds.py DENO VALIDATOR [PROJECT]

DENO is the runtime (npm's package `deno`), VALIDATOR a checkout of github.com/psych-ds/psychds-validator; its libraries come
from npm. PROJECT is by default tests/golden/exports/studies/pair_rating/psych_ds. Nothing of the validator is kept here.

Made with psychds-validator 1.5.0 (commit 6239b2e73ca1), its own copy of the schema, and deno 2.9.6: the project is valid,
without errors; what it recommends besides (CHANGES, folders for analysis, results, materials, documentation) is for the
researcher to add. Without the description of one column it is not valid.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

LIBRARIES = {
    "csv-parse/sync": "npm:csv-parse@5.5.2/sync",
    "npm:commander": "npm:commander@9.4.0",
    "chalk": "npm:chalk@5.0.1",
    "cli-table3": "npm:cli-table3@0.6.3",
    "rdf-canonize": "npm:rdf-canonize@3.4.0",
}
VALID = "appears to be psych-DS compatible"


def validate(deno, validator, project):
    run = subprocess.run([deno, "run", "-A", validator / "src/index.ts", project, "--showWarnings"], capture_output=True, text=True)
    return run.stdout + run.stderr


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    deno = str(pathlib.Path(sys.argv[1]).resolve())
    default = pathlib.Path(__file__).parents[1] / "exports/studies/pair_rating/psych_ds"
    project = pathlib.Path(sys.argv[3]) if len(sys.argv) == 4 else default
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        validator = folder / "validator"
        shutil.copytree(pathlib.Path(sys.argv[2]) / "src", validator / "src")
        settings = json.loads((pathlib.Path(sys.argv[2]) / "deno.json").read_text())
        settings["imports"].update(LIBRARIES)
        settings["nodeModulesDir"] = "none"
        (validator / "deno.json").write_text(json.dumps(settings))
        said = validate(deno, validator, project)
        print(said)
        shutil.copytree(project, folder / "damaged")
        description = folder / "damaged/dataset_description.json"
        dataset = json.loads(description.read_text())
        dataset["variableMeasured"].pop(0)
        description.write_text(json.dumps(dataset))
        control = validate(deno, validator, folder / "damaged")
    if VALID not in said or "[ERROR]" in said:
        sys.exit("the project is not valid")
    if VALID in control:
        sys.exit("a project without the description of a column passed: the validator did not look")
    print("valid; a damaged copy is not")


main()
