# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents run as they are: document.py finds what goes otherwise than one says; and the one that DOCUMENT
names, by itself and on a server with too little of everything."""

import contextlib
import io
import os
import unittest

import support

RUNNER = support.TOP / "tests/python/document.py"
DOCUMENT = os.environ.get("DOCUMENT")
LARGE = {"trading_data": 3584, "ml_models": 3200, "database": 2560, "cache": 1024}
SMALL = {"trading_data": 600, "ml_models": 150, "database": 100, "cache": 100}

try:
    import numpy
except ImportError:
    numpy = None


@unittest.skipUnless(numpy, "no numpy, which documents import")
class Blocks(support.LocalCase):
    def setUp(self):
        super().setUp()
        import document
        self.document = document

    def run_blocks(self, *blocks, small=False):
        """Returns what was found wrong."""
        run = self.document.Run(small)
        with contextlib.redirect_stdout(io.StringIO()):
            self.document.run_blocks(run, blocks)
        return run.faults

    def test_blocks_share_names(self):
        self.assertEqual(self.run_blocks(
            "from unity_wheel.memory import allocate_with_fallback",
            "with allocate_with_fallback(100, 50, 'x') as (lease, size):\n    pass",
            "assert size == 100"), [])

    def test_what_raises_is_a_fault(self):
        for block in ("1 / 0", "no_such_name", "def f(*more): pass\nf(...)"):
            self.assertEqual(len(self.run_blocks("x = 1", block)), 1, block)
        self.assertEqual(len(self.run_blocks()), 1)

    def test_denial_is_a_fault_where_there_is_room(self):
        blocks = ["from unity_wheel.memory import allocate_for_ml",
                  "with allocate_for_ml(10**6, 'x'):\n    pass"]
        self.assertEqual(len(self.run_blocks(*blocks)), 2)
        self.assertEqual(self.run_blocks(*blocks, small=True), [])

    def test_what_stays_leased_is_a_fault(self):
        self.assertEqual(self.run_blocks(
            "from unity_wheel.memory import get_memory_manager\n"
            "kept = get_memory_manager().allocate('cache', 20)"),
            ["cache: leased at the end, in MB: got 20.0, want 0.0"])

    def test_less_than_was_asked_for_is_a_fault(self):
        self.assertEqual(len(self.run_blocks("actual_size = 199", "size = 50")), 2)


if DOCUMENT:
    class Document(unittest.TestCase):
        def test_document_runs_as_it_stands(self):
            for components, options in ((LARGE, []), (SMALL, ["--small"])):
                server = support.Server(components)
                self.addCleanup(server.close)
                support.run_python(str(RUNNER), *options, DOCUMENT, UW_SOCKET=server.socket)


if __name__ == "__main__":
    unittest.main()
