import io
import json
import os
import pickle
import unittest
import zipfile

import visalign_set


class Evil:
    def __reduce__(self):
        return os.getcwd, ()


class VisAlignSet(unittest.TestCase):
    def test_gold_is_read_and_code_is_not_run(self):
        shares = [0.5] + [0.0] * 9 + [0.5]
        self.assertEqual(visalign_set.gold_of(pickle.dumps({"x/1-tiger-fog-3.jpg": shares})), {"1-tiger-fog-3.jpg": shares})
        with self.assertRaises(pickle.UnpicklingError):
            visalign_set.gold_of(pickle.dumps({"a.jpg": Evil()}))
        with self.assertRaises(ValueError):
            visalign_set.gold_of(pickle.dumps({"a.jpg": [1, 2]}))

    def test_rows_become_an_archive(self):
        out = io.BytesIO()
        rows = [(1, "tiger1.jpg", b"a"), (8, "d/1-tiger-fog-3.jpg", b"b"), (8, "2.jpg", b"c")]
        self.assertEqual(visalign_set.write_set(out, rows, {"2.jpg": [1] * 11}), {1: 1, 8: 2})
        with zipfile.ZipFile(out) as archive:
            names = archive.namelist()
            self.assertEqual(json.loads(archive.read("labels.json")), {"2.jpg": [1] * 11})
        self.assertEqual(names[2:], ["category1/tiger1.jpg", "category8/1-tiger-fog-3.jpg", "category8/2.jpg"])
        with self.assertRaises(ValueError):
            visalign_set.write_set(io.BytesIO(), [(9, "a.jpg", b"")], {})


if __name__ == "__main__":
    unittest.main()
