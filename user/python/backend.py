# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the wheel of this package, for pip: a zip file of it with three lists beside it (PEP 427),
or a tar file of the sources (PEP 517). Of pyproject.toml it reads what stands there as KEY = "VALUE".
"""

import base64
import hashlib
import io
import re
import tarfile
import zipfile
from pathlib import Path

TOP = Path(__file__).resolve().parent
PACKAGE = "unity_wheel"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same files make the same wheel


def _project():
    text = (TOP / "pyproject.toml").read_text(encoding="utf-8")
    return dict(re.findall(r'^([a-z-]+) = "([^"]*)"$', text, re.MULTILINE))


def _files():
    return sorted(path for path in (TOP / PACKAGE).rglob("*")
                  if path.suffix == ".py" or path.name == "py.typed")


def _metadata(project):
    return (f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
            f"Summary: {project['description']}\nRequires-Python: {project['requires-python']}\n"
            "License: LGPL-2.1-or-later\n").encode()


def _record(contents, own):
    lines = []
    for name, data in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}\n")
    return "".join(lines + [f"{own},,\n"]).encode()


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    project = _project()
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    info = f"{stem}.dist-info"
    contents = {str(path.relative_to(TOP)): path.read_bytes() for path in _files()}
    contents[f"{info}/METADATA"] = _metadata(project)
    contents[f"{info}/WHEEL"] = (b"Wheel-Version: 1.0\nGenerator: uwctl\nRoot-Is-Purelib: true\n"
                                 b"Tag: py3-none-any\n")
    contents[f"{info}/RECORD"] = _record(contents, f"{info}/RECORD")
    name = f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory) / name, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, data in contents.items():
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, data)
    return name


def build_sdist(sdist_directory, config_settings=None):
    project = _project()
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    name = f"{stem}.tar.gz"
    with tarfile.open(Path(sdist_directory) / name, "w:gz") as archive:
        metadata = _metadata(project)
        entry = tarfile.TarInfo(f"{stem}/PKG-INFO")
        entry.size = len(metadata)
        archive.addfile(entry, io.BytesIO(metadata))
        for path in [TOP / "pyproject.toml", TOP / "backend.py", *_files()]:
            archive.add(path, f"{stem}/{path.relative_to(TOP)}", recursive=False)
    return name
