# SPDX-License-Identifier: LGPL-2.1-or-later
"""libuw for ctypes: its structs and functions as uw.h declares them, and nothing above that."""

from __future__ import annotations

import ctypes
import errno
import os
from ctypes import (CFUNCTYPE, POINTER, c_char, c_char_p, c_int, c_int32, c_uint8, c_uint32,
                    c_uint64, c_void_p)
from typing import Any, Dict, Optional, Sequence

from .errors import UwNotRunning

LIBRARY = "libuw.so.0"

DENIED, TIMED_OUT, STALE = 1, 2, 3  # enum uw_outcome
REVOCABLE = 1  # UW_REVOCABLE
INSIDE = 1  # UW_INSIDE
NAME_MAX = 32


class Request(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("flags", c_uint32), ("component", c_char_p),
                ("description", c_char_p), ("tags", POINTER(c_char_p)), ("bytes", c_uint64),
                ("min_bytes", c_uint64), ("timeout_us", c_uint64), ("ttl_us", c_uint64),
                ("priority", c_uint8)]


class Grant(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("flags", c_uint32), ("id", c_uint64), ("bytes", c_uint64),
                ("borrowed", c_uint64)]


class Holder(ctypes.Structure):
    _fields_ = [("bytes", c_uint64), ("uid", c_uint32), ("pid", c_int32),
                ("component", c_char * NAME_MAX)]


class Denial(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("level", c_uint32), ("reason", c_char * 16),
                ("asked", c_uint64), ("held", c_uint64), ("available", c_uint64),
                ("retry_after_us", c_uint64), ("holder_count", c_uint32), ("zero", c_uint32),
                ("holder", Holder * 3)]


class Pressure(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("level", c_uint32), ("use_permyriad", c_uint32),
                ("zero", c_uint32), ("at_us", c_uint64), ("component", c_char_p)]


PRESSURE_FN = CFUNCTYPE(None, c_void_p, POINTER(Pressure))

Handle = c_void_p

_SIGNATURES: Dict[str, Sequence[Any]] = {  # the result, then the arguments
    "uw_open": (c_int, c_char_p, POINTER(Handle)),
    "uw_close": (None, Handle),
    "uw_alloc": (c_int, Handle, POINTER(Request), POINTER(Grant), POINTER(Denial)),
    "uw_alloc_adaptive": (c_int, Handle, POINTER(Request), POINTER(Grant), POINTER(Denial)),
    "uw_alloc_first": (c_int, Handle, POINTER(Request), c_uint32, POINTER(c_uint32),
                       POINTER(Grant), POINTER(Denial)),
    "uw_resize": (c_int, Handle, c_uint64, c_uint64, POINTER(Grant), POINTER(Denial)),
    "uw_renew": (c_int, Handle, c_uint64, c_uint64),
    "uw_free": (c_int, Handle, c_uint64),
    "uw_on_pressure": (c_int, Handle, c_char_p, PRESSURE_FN, c_void_p, POINTER(c_uint64)),
    "uw_off": (c_int, Handle, c_uint64),
    "uw_fd": (c_int, Handle),
    "uw_dispatch": (c_int, Handle),
    "uw_report": (c_int, Handle, POINTER(c_void_p)),
}

_library: Optional[ctypes.CDLL] = None


def _load() -> ctypes.CDLL:
    name = os.environ.get("UW_LIBRARY", LIBRARY)
    try:
        found = ctypes.CDLL(name)
        for function, (result, *arguments) in _SIGNATURES.items():
            entry = getattr(found, function)
            entry.restype = result
            entry.argtypes = arguments
    except (OSError, AttributeError) as error:
        raise UwNotRunning(errno.ENOENT, f"{name} cannot be used: {error}") from None
    return found


def library() -> ctypes.CDLL:
    """libuw, loaded when it is first asked for; UW_LIBRARY names another file."""
    global _library
    if _library is None:
        _library = _load()
    return _library


def take_text(text: c_void_p) -> bytes:
    """A malloced string of libuw's, which is freed."""
    try:
        return ctypes.string_at(text)
    finally:
        _free(text)


_free = ctypes.CDLL(None).free
_free.restype = None
_free.argtypes = [c_void_p]
