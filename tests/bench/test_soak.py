# SPDX-License-Identifier: GPL-2.0-or-later
"""What soak.py calls growth, and what not."""

import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "vm"))
import soak  # noqa: E402


class Fit(unittest.TestCase):
    def fit(self, column, values):
        rows = [{"s": 60.0 * at, **dict.fromkeys(soak.BOUNDS, 7), column: value} for at, value in enumerate(values)]
        said = io.StringIO()
        with tempfile.NamedTemporaryFile("w") as file, contextlib.redirect_stdout(said):
            file.write("".join(json.dumps(row) + "\n" for row in rows))
            file.flush()
            return soak.fit(file.name), said.getvalue()

    def test_what_stays_passes(self):
        self.assertEqual(self.fit("uwd_fds", [130, 131, 130] * 30)[0], 0)

    def test_what_grows_at_first_and_then_stays_passes(self):
        self.assertEqual(self.fit("uwd_own_kib", [min(16000 + 500 * at, 24000) for at in range(80)])[0], 0)

    def test_a_descriptor_each_ten_minutes_fails_and_is_named(self):
        status, said = self.fit("uwd_fds", [130 + at // 10 for at in range(100)])
        self.assertEqual(status, 1)
        self.assertRegex(said, r"uwd_fds .* GROWS")
        self.assertEqual(said.count("GROWS"), 1)

    def test_memory_that_creeps_fails(self):
        self.assertEqual(self.fit("uwd_own_kib", [16000 + 8 * at for at in range(100)])[0], 1)

    def test_what_falls_passes(self):
        self.assertEqual(self.fit("cgroups", [50 - at // 10 for at in range(100)])[0], 0)

    def test_who_was_not_there_did_not_stay_as_it_was(self):
        status, said = self.fit("exporter_fds", [7] * 40 + [0] * 20)
        self.assertEqual(status, 1)
        self.assertIn("not there in each sample: uw-exporter", said)
        self.assertEqual(self.fit("guard_fds", [0] * 60)[0], 1)

    def test_too_few_samples_fail(self):
        self.assertEqual(self.fit("cgroups", [7, 7, 7])[0], 1)
        self.assertEqual(self.fit("cgroups", [])[0], 1)
