"""Opens our exported RDMs with rsatoolbox itself: the Meadows loader and `rdms_from_dict`.

    pip install rsatoolbox==0.3.2 numpy==2.4.6
    python tests/golden/make/open_rdms.py

The files in tests/golden/exports are what `tests/it/representation.rs` holds our exports to.
"""

import json
from pathlib import Path

import numpy as np
from rsatoolbox.io.meadows import load_rdms
from rsatoolbox.rdm import compare
from rsatoolbox.rdm.rdms import rdms_from_dict

FOLDER = Path(__file__).resolve().parent.parent / "exports"
NAMES = ["dog", "cat", "parking lot", "thé"]
PEOPLE = [1.0, 2.5, 3.0, 0.125, 4.0, 5.0]
MODEL = [0.5, 0.25, 1.0, 2.0, 0.75, 1.5]


def main():
    meadows = load_rdms(str(FOLDER / "Meadows_likewise_v_v1_likewise-mole_tree.json"), sort=False)
    assert list(meadows.pattern_descriptors["conds"]) == NAMES
    assert list(meadows.rdm_descriptors["task"]) == ["People", "Model, layer 3"]
    np.testing.assert_array_equal(meadows.dissimilarities, [PEOPLE, MODEL])

    loaded = json.loads((FOLDER / "rdms_rsatoolbox.json").read_text())
    loaded["dissimilarities"] = np.array(loaded["dissimilarities"], dtype=float)
    rdms = rdms_from_dict(loaded)
    assert list(rdms.pattern_descriptors["conds"]) == NAMES
    assert list(rdms.rdm_descriptors["name"]) == ["People", "Model, layer 3", "With a gap"]
    np.testing.assert_array_equal(rdms.dissimilarities[:2], [PEOPLE, MODEL])
    assert np.isnan(rdms.dissimilarities[2]).tolist() == [False, True, False, False, False, False]
    print("compared in rsatoolbox:", compare(rdms[0], rdms[1], "spearman"))


if __name__ == "__main__":
    main()
