# SPDX-License-Identifier: GPL-2.0-or-later
"""The examples, and what the README shows, run as they are."""

import re
import unittest

import support

EXAMPLES = sorted((support.TOP / "tests/python/examples").glob("*.py"))


def readme_code():
    section = (support.TOP / "README.md").read_text().split("\n### From Python\n")[1]
    return re.search(r"^```python\n(.*?)^```$", section, re.M | re.S)[1]


class Examples(unittest.TestCase):
    def run_all(self, **environment):
        self.assertGreaterEqual(len(EXAMPLES), 4)
        for example in EXAMPLES:
            with self.subTest(example.name):
                support.run_python(str(example), **environment)
        support.run_python("-c", readme_code(), **environment)

    def test_examples_run_in_a_process_by_itself(self):
        self.run_all(UW_MODE="local")

    def test_examples_run_with_a_server(self):
        server = support.Server()
        self.addCleanup(server.close)
        self.run_all(UW_SOCKET=server.socket)
        self.assertEqual(server.leases(), 0)

    def test_examples_are_of_all_names(self):
        import unity_wheel.memory as package

        shown = "".join(example.read_text() for example in EXAMPLES)
        functions = [name for name in package.__all__ if name.islower()]
        self.assertEqual([name for name in functions
                          if name not in shown and name != "cancel_requested"], [])


if __name__ == "__main__":
    unittest.main()
