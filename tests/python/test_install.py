# SPDX-License-Identifier: GPL-2.0-or-later
"""How the package gets to where Python looks for it; none of these ways needs a network."""

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path

import support

SHOW = "import unity_wheel.memory as m; print(m.__file__); print(m.memory_usage_report()['system'])"


class Install(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="uw-py-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def shows(self, path):
        """The package is the one of path, and works."""
        found = support.run_python("-c", SHOW, PYTHONPATH=str(path), UW_MODE="local")
        self.assertIn(str(path), found.splitlines()[0])

    def build(self, function):
        program = f"import backend; print(backend.{function}({str(self.folder)!r}))"
        return self.folder / support.run_python("-c", program).strip()

    def test_wheel_has_all_of_the_package(self):
        with zipfile.ZipFile(self.build("build_wheel")) as files:
            names = set(files.namelist())
            files.extractall(self.folder / "there")
            record = files.read(next(each for each in names if each.endswith("/RECORD"))).decode()
        wanted = {str(path.relative_to(support.PACKAGE))
                  for path in (support.PACKAGE / "unity_wheel").rglob("*")
                  if path.suffix == ".py" or path.name == "py.typed"}
        self.assertLess(wanted, names)
        self.assertIn("unity_wheel/memory/py.typed", names)
        self.assertNotIn("unity_wheel/__init__.py", names)
        self.assertEqual({line.split(",")[0] for line in record.splitlines()}, names)
        self.shows(self.folder / "there")

    def test_version_is_that_of_the_makefile(self):
        version = re.search(r"^VERSION := (\S+)", (support.TOP / "Makefile").read_text(), re.M)[1]
        self.assertIn(f'\nversion = "{version}"\n',
                      (support.PACKAGE / "pyproject.toml").read_text())

    def test_sources_can_be_built_again(self):
        with tarfile.open(self.build("build_sdist")) as archive:
            archive.extractall(self.folder)
        there, = self.folder.glob("unity_wheel_memory-*/")
        self.assertTrue((there / "PKG-INFO").read_bytes())
        self.shows(there)
        self.assertEqual((there / "pyproject.toml").read_bytes(),
                         (support.PACKAGE / "pyproject.toml").read_bytes())

    def test_pip_installs_from_the_folder(self):
        try:
            import pip  # noqa: F401
        except ImportError:
            self.skipTest("this Python has no pip")
        source = self.folder / "source"
        shutil.copytree(support.PACKAGE, source, ignore=shutil.ignore_patterns("__pycache__"))
        target = self.folder / "target"
        done = subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-index",
                               "--disable-pip-version-check", "--no-compile", "--target", target,
                               source], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.shows(target)

    def test_make_installs_it_and_takes_it_away(self):
        where = ["-s", "-C", support.TOP, f"DESTDIR={self.folder}", "PYTHONDIR=/python"]
        subprocess.run(["make", *where, "install-python"], check=True)
        self.shows(self.folder / "python")
        theirs = self.folder / "python/unity_wheel/other.py"
        theirs.touch()
        subprocess.run(["make", *where, "uninstall-python"], check=True)
        self.assertEqual([path.name for path in (self.folder / "python").rglob("*.*")],
                         ["other.py"])


if __name__ == "__main__":
    unittest.main()
