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
(TASK_QUEUED, TASK_READY, TASK_RUNNING, TASK_FROZEN, TASK_OVER, TASK_CANCELLED,
 TASK_LOST) = range(7)  # enum uw_task_state
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


class Task(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("flags", c_uint32), ("component", c_char_p),
                ("name", c_char_p), ("key", c_char_p), ("bytes", c_uint64), ("run_us", c_uint64),
                ("ready", c_void_p), ("data", c_void_p), ("priority", c_uint8)]


class TaskStatus(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("flags", c_uint32), ("state", c_uint32), ("error", c_int32),
                ("reason", c_char * 16), ("ahead", c_uint32), ("zero", c_uint32),
                ("start_in_us", c_uint64), ("bytes", c_uint64), ("used", c_uint64),
                ("peak", c_uint64), ("throttled", c_uint64)]


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

# What not every libuw.so.0 has.
_MORE: Dict[str, Sequence[Any]] = {
    "uw_task_submit": (c_int, Handle, POINTER(Task), POINTER(c_uint64), POINTER(Denial)),
    "uw_task_begin": (c_int, Handle, c_uint64, c_int),
    "uw_task_status": (c_int, Handle, c_uint64, c_uint64, POINTER(TaskStatus)),
    "uw_task_cancel": (c_int, Handle, c_uint64, c_uint64),
    "uw_task_end": (c_int, Handle, c_uint64),
}

_library: Optional[ctypes.CDLL] = None


def _declare(found: ctypes.CDLL, signatures: Dict[str, Sequence[Any]]) -> None:
    for name, (result, *arguments) in signatures.items():
        entry = getattr(found, name)
        entry.restype = result
        entry.argtypes = arguments


def _load() -> ctypes.CDLL:
    name = os.environ.get("UW_LIBRARY", LIBRARY)
    try:
        found = ctypes.CDLL(name)
        _declare(found, _SIGNATURES)
        _declare(found, {each: _MORE[each] for each in _MORE if hasattr(found, each)})
    except (OSError, AttributeError) as error:
        raise UwNotRunning(errno.ENOENT, f"{name} cannot be used: {error}") from None
    return found


def library() -> ctypes.CDLL:
    """libuw, loaded when it is first asked for; UW_LIBRARY names another file."""
    global _library
    if _library is None:
        _library = _load()
    return _library


def has(name: str) -> bool:
    return hasattr(library(), name)


def take_text(text: c_void_p) -> bytes:
    """A malloced string of libuw's, which is freed."""
    try:
        return ctypes.string_at(text)
    finally:
        _free(text)


_free = ctypes.CDLL(None).free
_free.restype = None
_free.argtypes = [c_void_p]
