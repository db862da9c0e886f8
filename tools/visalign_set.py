#!/usr/bin/env python3
"""Makes the archive that the page about pictures opens from VisAlign's published open test set.

Usage: visalign_set.py [--labels open_test_corruption_labels.pk] OUT.zip FILE.parquet...

The parquet files have the columns image, file_name and category (1 to 8); they are at
https://huggingface.co/datasets/jiyounglee0523/VisAlign (Lee et al. 2023, CC BY 4.0) and are read with pyarrow
(pip install pyarrow). The pickle has the gold distributions of category 8. It is read without running anything in it:
only text, numbers, lists, dictionaries and arrays of numbers are taken.
"""

import io
import json
import pathlib
import pickle
import sys
import zipfile

ATTRIBUTION = (
    "VisAlign open test set: Lee et al. 2023 (arXiv:2308.01525), CC BY 4.0, "
    "https://huggingface.co/datasets/jiyounglee0523/VisAlign; repacked by tools/visalign_set.py, pictures unchanged\n"
)
# What a pickled dictionary of arrays names; everything else in a pickle could run code.
ALLOWED = {
    ("numpy", "ndarray"), ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"),
    ("collections", "OrderedDict"), ("_codecs", "encode"),
}


class Plain(pickle.Unpickler):
    """Reads values and arrays of numbers only."""

    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"the pickle names {module}.{name}, which is not read")
        return super().find_class(module, name)


def gold_of(content: bytes) -> dict[str, list[float]]:
    """Eleven shares by file name."""
    table = Plain(io.BytesIO(content)).load()
    gold = {}
    for name, values in table.items():
        values = [float(value) for value in values]
        if len(values) != 11 or min(values) < 0 or sum(values) <= 0:
            raise ValueError(f"{name} has no eleven shares of zero or more")
        gold[pathlib.PurePosixPath(str(name)).name] = values
    return gold


def write_set(out, rows, gold: dict[str, list[float]]) -> dict[int, int]:
    """Writes (category, file name, bytes) as an archive; counts by category."""
    counts: dict[int, int] = {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("attribution.txt", ATTRIBUTION)
        archive.writestr("labels.json", json.dumps(gold))
        for category, name, content in rows:
            if category not in range(1, 9):
                raise ValueError(f"{name} has category {category}")
            archive.writestr(f"category{category}/{pathlib.PurePosixPath(name).name}", content)
            counts[category] = counts.get(category, 0) + 1
    return counts


def rows_of(paths):
    """(category, file name, bytes) of every row of parquet files."""
    import pyarrow.parquet

    for path in paths:
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(64, columns=["image", "file_name", "category"]):
            for row in batch.to_pylist():
                image = row["image"]
                yield row["category"], row["file_name"], image["bytes"] if isinstance(image, dict) else image


def main() -> None:
    arguments = sys.argv[1:]
    gold = {}
    if arguments[:1] == ["--labels"] and len(arguments) > 1:
        gold = gold_of(pathlib.Path(arguments[1]).read_bytes())
        arguments = arguments[2:]
    if len(arguments) < 2:
        sys.exit(__doc__)
    counts = write_set(arguments[0], rows_of(arguments[1:]), gold)
    print(f"{arguments[0]}: {sum(counts.values())} pictures, by category {dict(sorted(counts.items()))}")


if __name__ == "__main__":
    main()
