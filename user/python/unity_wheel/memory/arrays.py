# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shapes and types of arrays, with numpy and without. numpy is imported when an array is made, or
a type is given that only it knows."""

from __future__ import annotations

import operator
import struct
from typing import Any, NamedTuple, Sequence, Tuple, Union

Shape = Union[int, Sequence[int]]

# What memoryview knows too: its format by numpy's name.
FORMATS = {"bool": "?", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i",
           "uint32": "I", "int64": "q", "uint64": "Q", "float16": "e", "float32": "f",
           "float64": "d"}
_PYTHON_TYPES = {bool: "bool", int: "int64", float: "float64"}


def find_numpy() -> Any:
    """The module, or None where there is none."""
    try:
        import numpy
    except ImportError:
        return None
    return numpy


def shape_of(shape: Shape) -> Tuple[int, ...]:
    try:
        sides: Sequence[Any] = (operator.index(shape),)  # type: ignore[arg-type]
    except TypeError:
        sides = tuple(shape)  # type: ignore[arg-type]
    found = tuple(operator.index(side) for side in sides)
    if any(side <= 0 for side in found):
        raise ValueError(f"a side of a shape must be 1 or more: {shape}")
    return found


class Layout(NamedTuple):
    """Of one array: what it looks like and what it takes."""

    shape: Tuple[int, ...]
    dtype: str  # numpy's name or typestr of it
    itemsize: int

    @property
    def nbytes(self) -> int:
        size = self.itemsize
        for side in self.shape:
            size *= side
        return size

    def view(self, buffer: Any) -> Any:
        """An array over the start of a writable buffer."""
        numpy = find_numpy()
        if numpy:
            count = self.nbytes // self.itemsize
            return numpy.frombuffer(buffer, self.dtype, count).reshape(self.shape)
        flat: Any = memoryview(buffer).cast("B")[:self.nbytes]
        return flat.cast(FORMATS[self.dtype], self.shape or (1,))


def layout_of(shape: Shape, dtype: Any) -> Layout:
    """Of a shape, and a type as numpy takes them or one of FORMATS by its name."""
    sides = shape_of(shape)
    name = _PYTHON_TYPES.get(dtype, dtype) if isinstance(dtype, type) else dtype
    if isinstance(name, str) and name in FORMATS:
        return Layout(sides, name, struct.calcsize("=" + FORMATS[name]))
    numpy = find_numpy()
    if not numpy:
        raise TypeError(f"dtype {dtype!r} is not known without numpy; one of {', '.join(FORMATS)}")
    found = numpy.dtype(dtype)
    if found.hasobject or found.names or not found.itemsize:
        raise TypeError(f"dtype {dtype!r} is not one of plain numbers")
    return Layout(sides, found.name if found.name in FORMATS and found.isnative else found.str,
                  found.itemsize)
