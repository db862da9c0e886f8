#!/usr/bin/env python3
"""Makes the tables of docs/results.md on similarity: models beside people's ratings of the same words.

Usage: similarity_results.py HEADLESS DATA KEEP MODEL...

HEADLESS is a built `headless`; DATA holds `leuven_pairwise/<Domain>.json` (names and single raters, as
`src/eval/stimuli.rs` reads them), the published maps and correlations of Han et al. 2023 beside them, and
`wordsim/EN-WS-353-ALL.txt`. KEEP is a folder for what `headless` answers: a run that was interrupted goes on, and several
may work at once. A MODEL is a GGUF file, one with `:few-shot` behind it (a base model, asked with worked examples), or a
sentence encoder (a folder, or one safetensors file). `KEEP/similarity.csv` gets every layer. Every number is computed by `headless`; this script only asks and writes rows.
"""

import csv
import json
import pathlib
import subprocess
import sys

RESAMPLES = "500"
DOMAINS = ["Clothing", "Fruit", "Insects", "KitchenUtensils", "Mammals", "MusicalInstruments", "Professions", "Reptiles",
           "Vegetables", "Vehicles", "Weapons"]


def call(headless: str, *arguments: str, given: str = "") -> dict:
    done = subprocess.run([headless, *arguments], input=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"similarity_results: {' '.join(arguments)} failed: {done.stderr[-400:]}")
    return json.loads(done.stdout)


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def interval(point: dict) -> str:
    return f"{number(point['low'])} to {number(point['high'])}"


def asked(headless: str, keep: pathlib.Path, model: str, reference: pathlib.Path, ask: str) -> dict:
    path, _, form = model.partition(":")
    kept = keep / f"{pathlib.Path(path).name}-{form}-{reference.stem}-{ask}.json"
    if not kept.exists():
        form = ["--few-shot"] if form == "few-shot" and ask == "ratings" else []
        who = ["--encoder", path] if ask == "embeddings" else []
        model_of = [] if ask == "embeddings" else ["--model", path, "--backend", "cpu"]
        found = call(headless, *model_of, "similarity", "--reference", str(reference), "--ask", ask, "--resamples", RESAMPLES, *who, *form)
        kept.write_text(json.dumps(found))
    return json.loads(kept.read_text())


def picked(found: dict) -> list[tuple[str, dict]]:
    """What is reported of an answer: the layer fixed beforehand, the best one and the last, or the one value there is."""
    points = [point for point in found["points"] if "value" in point]
    if len(points) <= 1:
        return [({"pair_rating": "ratings"}.get(found["task"], found["task"]), point) for point in points]
    last = points[-1]["layer"]
    fixed = min(points, key=lambda point: abs(point["layer"] - last * 2 // 3))
    best = max(points, key=lambda point: point["value"])
    return [(f"states, layer {fixed['layer']} of {last}", fixed), (f"states, layer {best['layer']} (best)", best),
            (f"states, layer {last} (last)", points[-1])]


def failed(found: dict) -> str:
    n_points = sum("value" in point for point in found["points"])
    return f"{found['n_failed']} items, {len(found['points']) - n_points} layers"


def rows_of(found: dict) -> list[str]:
    return [
        f"| {found['model']} | {name} | {number(point['value'])} | {interval(point)} | {number(point['with_mean'])} | "
        f"{point['n_pairs']} pairs, {point['n_words']} words | {failed(found)} |"
        for name, point in picked(found)
    ]


def overview(domains: dict[str, list[dict]]) -> None:
    """One row a domain: the first value reported of each answer."""
    answers = next(iter(domains.values()))
    names = [f"{found['model']}, {picked(found)[0][0]}" for found in answers]
    print(f"| domain | raters | pairs | a rater with the others | {' | '.join(names)} |")
    print("| --- | --- | --- | --- |" + " --- |" * len(names))
    for domain, answers in domains.items():
        first = [picked(found)[0][1] for found in answers]
        cells = [f"{number(point['value'])} ({interval(point)})" for point in first]
        pairs = "–".join(str(n) for n in sorted({point["n_pairs"] for point in first}))
        print(f"| {domain} | {answers[0]['n_raters']} | {pairs} | {number(answers[0]['ceiling']['lower'])} | {' | '.join(cells)} |")
    values = [[picked(answers[i])[0][1]["value"] for answers in domains.values()] for i in range(len(names))]
    means = " | ".join(number(sum(column) / len(column)) for column in values)
    ceiling = sum(answers[0]["ceiling"]["lower"] for answers in domains.values()) / len(domains)
    print(f"| mean of domains | | | {number(ceiling)} | {means} |")
    print("\nFailed: " + "; ".join(sorted({f"{failed(found)} ({found['model']})" for answers in domains.values() for found in answers})) + ".")


def whole_table(domains: dict[str, list[dict]], path: pathlib.Path) -> None:
    """Every value with its interval and counts, a row for each layer."""
    columns = ["rho_single_raters", "low", "high", "rho_mean_of_raters", "n_pairs", "n_words"]
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["reference", "reference_sha256", "model", "weights_sha256", "task", "task_version", "few_shot", "layer", *columns,
                      "n_failed", "n_raters", "ceiling_lower", "ceiling_upper"])
        for reference, answers in domains.items():
            for found in answers:
                ceiling = found["ceiling"] or {"lower": None, "upper": None}
                for point in found["points"]:
                    values = [point.get(key) for key in ("value", "low", "high", "with_mean", "n_pairs", "n_words")]
                    values = [round(value, 6) if isinstance(value, float) else value for value in values]
                    out.writerow([reference, found["reference_sha256"], found["model"], found.get("weights_sha256"), found["task"],
                                  found.get("task_version"), found.get("few_shot"), point["layer"], *values, found["n_failed"],
                                  found["n_raters"], *(value and round(value, 6) for value in ceiling.values())])


def published(headless: str, data: pathlib.Path) -> None:
    folder = data / "leuven_pairwise"
    maps = {name: json.loads((folder / f"published_{name}_similarity_map.json").read_text())
            for name in ("human", "gpt-4-0314", "text-davinci-003")}
    names = json.loads((data / "golden" / "rsa_golden.json").read_text())["leuven_name_map"]
    theirs = {}
    with open(folder / "published_similarity_correlations.csv", newline="") as file:
        for row in csv.DictReader(file):
            theirs[row["domain"], row["model"]] = float(row["spearmanr_mean"])
    print("| domain | GPT-4 published | recomputed | GPT-3.5 published | recomputed | GPT-4 without the -1 codes | pairs | a rater with the others | GPT-4 with a rater |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    worst = 0.0
    for domain in DOMAINS:
        raters = json.loads((folder / f"{domain}.json").read_text())
        place = names[domain]
        known = sorted(place)
        n = raters["n_items"]
        index = lambda a, b: min(a, b) * (2 * n - min(a, b) - 1) // 2 + abs(a - b) - 1
        rdms = {}
        for model in ("gpt-4-0314", "text-davinci-003"):
            found = maps[model]
            rdms[model] = [-found[a][b] if a in found and b in found[a] else None for i, a in enumerate(known) for b in known[i + 1 :]]
        single = [[None if rater["upper"][index(place[a], place[b])] is None else -rater["upper"][index(place[a], place[b])]
                   for i, a in enumerate(known) for b in known[i + 1 :]] for rater in raters["raters"]]
        mean = [(lambda seen: sum(seen) / len(seen) if seen else None)([row[k] for row in single if row[k] is not None])
                for k in range(len(single[0]))]
        compare = lambda a, b: call(headless, "stats", "rdm-compare", given=json.dumps({"a": a, "b": b, "method": "spearman"}))["value"]
        # The published means take the code -1 ("cannot rate") as a rating; ours leave it out.
        human = maps["human"][domain]
        as_published = [-human[a][b] if b in human.get(a, {}) else None for i, a in enumerate(known) for b in known[i + 1 :]]
        gpt4, gpt35 = compare(rdms["gpt-4-0314"], as_published), compare(rdms["text-davinci-003"], as_published)
        without = compare(rdms["gpt-4-0314"], mean)
        with_one = sum(compare(rdms["gpt-4-0314"], row) for row in single) / len(single)
        ceiling = call(headless, "stats", "noise-ceiling", given=json.dumps({"rdms": single, "method": "spearman"}))
        pairs = sum(value is not None for value in rdms["gpt-4-0314"])
        for model, value in (("GPT-4", gpt4), ("GPT-3.5", gpt35)):
            worst = max(worst, abs(theirs[domain, model] - value))
        print(f"| {domain} | {theirs[domain, 'GPT-4']:.3f} | {gpt4:.3f} | {theirs[domain, 'GPT-3.5']:.3f} | {gpt35:.3f} | {without:.3f} | {pairs} | "
              f"{number(ceiling['lower'])} | {with_one:.3f} |")
    print(f"\nLargest difference from a published figure: {worst:.4f}.")


def main() -> None:
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    headless, data, keep, models = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4:]
    keep.mkdir(parents=True, exist_ok=True)
    references = [*(data / "leuven_pairwise" / f"{domain}.json" for domain in DOMAINS), data / "wordsim" / "EN-WS-353-ALL.txt"]
    encoder = lambda model: pathlib.Path(model).is_dir() or model.endswith(".safetensors")
    asks = [(model, ask) for model in models for ask in (["embeddings"] if encoder(model) else ["hidden", "ratings"])]
    # What is quick comes first.
    for ask in ("embeddings", "hidden", "ratings"):
        for model, wanted in asks:
            for reference in references:
                if wanted == ask:
                    asked(headless, keep, model, reference, ask)
    published(headless, data)
    found = {reference.stem: [asked(headless, keep, model, reference, ask) for model, ask in asks] for reference in references}
    whole_table(found, keep / "similarity.csv")
    print("\n### Leuven, eleven domains\n")
    overview({domain: found[domain] for domain in DOMAINS})
    for reference in references[len(DOMAINS):]:
        print(f"\n### {reference.stem}\n")
        print("| model | measure | rho with single raters | 95 % interval over words | rho with their mean | n | failed |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for answer in found[reference.stem]:
            print("\n".join(rows_of(answer)))


main()
