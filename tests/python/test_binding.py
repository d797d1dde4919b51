# SPDX-License-Identifier: GPL-2.0-or-later
"""The structs of ctypes against those of the compiler: each size and each field's offset."""

import ctypes
import re
import shutil
import subprocess
import tempfile
import unittest

import support

from unity_wheel.memory import binding


def structs():
    """By their name in uw.h."""
    found = {}
    for name, each in vars(binding).items():
        if isinstance(each, type) and issubclass(each, ctypes.Structure):
            found["uw_" + re.sub("(?<=[a-z])([A-Z])", r"_\1", name).lower()] = each
    return found


def header_text():
    """Of uw.h and its parts."""
    return "".join(path.read_text() for path in (support.TOP / "user/lib").glob("uw*.h"))


@unittest.skipUnless(shutil.which("cc"), "no C compiler")
class Layout(unittest.TestCase):
    def compiled(self, lines):
        with tempfile.TemporaryDirectory() as folder:
            source = f"{folder}/layout.c"
            with open(source, "w") as to:
                to.write('#include <stddef.h>\n#include <stdio.h>\n#include "user/lib/uw.h"\n'
                         "int main(void) {\n" + "".join(f"{line}\n" for line in lines) + "}\n")
            subprocess.run(["cc", "-w", f"-I{support.TOP}", source, "-o", f"{folder}/layout"],
                           check=True)
            return subprocess.run([f"{folder}/layout"], check=True, capture_output=True,
                                  text=True).stdout.split()

    def test_layouts_are_those_of_the_header(self):
        lines, wanted = [], []
        header = header_text()
        for name, each in structs().items():
            if f"struct {name} {{" not in header:
                continue
            lines.append(f'printf("{name} %zu\\n", sizeof(struct {name}));')
            wanted += [name, str(ctypes.sizeof(each))]
            for field, *_ in each._fields_:
                what = f"{name}.{field}"
                lines.append(f'printf("{what} %zu\\n", offsetof(struct {name}, {field}));')
                wanted += [what, str(getattr(each, field).offset)]
        self.assertGreaterEqual(len(structs()), 5)
        self.assertEqual(self.compiled(lines), wanted)

    def test_constants_are_those_of_the_header(self):
        names = ["DENIED", "TIMED_OUT", "STALE", "REVOCABLE", "INSIDE", "NAME_MAX"]
        found = self.compiled([f'printf("%ld\\n", (long)UW_{name});' for name in names])
        self.assertEqual(found, [str(getattr(binding, name)) for name in names])

    def test_library_has_all_that_is_declared(self):
        library = binding.library()
        header = header_text()
        for name in binding._SIGNATURES.keys() | binding._MORE.keys():
            self.assertEqual(hasattr(library, name), f"{name}(" in header, name)


if __name__ == "__main__":
    unittest.main()
