# SPDX-License-Identifier: LGPL-2.1-or-later
"""libuw for ctypes: its structs and functions as uw.h declares them, and nothing above that."""

from __future__ import annotations

import ctypes
import errno
import os
from ctypes import (CFUNCTYPE, POINTER, c_char, c_char_p, c_int, c_int32, c_int64, c_uint8, c_uint16,
                    c_uint32, c_uint64, c_void_p, py_object)
from typing import Any, Dict, Optional, Sequence

from .errors import UwNotRunning

LIBRARY = "libuw.so.0"

DENIED, TIMED_OUT, STALE = 1, 2, 3  # enum uw_outcome
(TASK_QUEUED, TASK_READY, TASK_RUNNING, TASK_FROZEN, TASK_OVER, TASK_CANCELLED,
 TASK_LOST) = range(7)  # enum uw_task_state
REVOCABLE = 1  # UW_REVOCABLE
INSIDE = 1  # UW_INSIDE
NAME_MAX = 32
FULL = 4  # enum uw_outcome, of pools
TENSOR_DIMENSIONS = 8
RING_MANY, RING_DROP_OLDEST = 1, 2
RING_READ, RING_WRITE = 0, 1
RECORD_NONE = 0xffffffff


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
                ("ready", c_void_p), ("data", c_void_p), ("priority", c_uint8),
                ("input_bytes", c_uint64)]


class TaskStatus(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("flags", c_uint32), ("state", c_uint32), ("error", c_int32),
                ("reason", c_char * 16), ("ahead", c_uint32), ("zero", c_uint32),
                ("start_in_us", c_uint64), ("bytes", c_uint64), ("used", c_uint64),
                ("peak", c_uint64), ("throttled", c_uint64)]


class PoolOptions(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("tensors", c_uint32), ("component", c_char_p),
                ("name", c_char_p), ("bytes", c_uint64)]


class PoolStats(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("fragmentation_permyriad", c_uint32),
                *((name, c_uint64) for name in (
                    "bytes", "used_bytes", "zombie_bytes", "evictable_bytes", "committed_bytes",
                    "free_bytes", "largest_bytes", "allocations", "frees", "evictions",
                    "trimmed_bytes", "tensors"))]


class Tensor(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("type", c_uint16), ("bits", c_uint16),
                ("dimensions", c_uint32), ("zero", c_uint32),
                ("shape", c_int64 * TENSOR_DIMENSIONS), ("memory", c_void_p), ("bytes", c_uint64),
                ("generation", c_uint64)]


class RingOptions(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("flags", c_uint32), ("component", c_char_p),
                ("name", c_char_p), ("bytes", c_uint64), ("record_bytes", c_uint32),
                ("zero", c_uint32)]


class Record(ctypes.Structure):
    _fields_ = [("bytes", c_void_p), ("length", c_uint32), ("mark", c_uint32)]


class RingStats(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("record_bytes", c_uint32), ("bytes", c_uint64),
                ("used_bytes", c_uint64), ("lost", c_uint64), ("abandoned", c_uint64),
                ("torn", c_uint64)]


EVICT_FN = CFUNCTYPE(None, c_void_p, c_uint64, c_void_p, c_uint64)
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
    "uw_pool_create": (c_int, Handle, POINTER(PoolOptions), POINTER(c_void_p)),
    "uw_pool_close": (None, c_void_p),
    "uw_pool_attach_fd": (c_int, c_int, c_uint32, POINTER(c_void_p)),
    "uw_pool_fd": (c_int, c_void_p),
    "uw_pool_attach": (c_int, Handle, c_char_p, c_uint32, POINTER(c_void_p)),
    "uw_pool_share": (c_int, c_void_p, c_uint32, c_uint32, c_uint32),
    "uw_pool_name": (c_char_p, c_void_p),
    "uw_pool_is_orphan": (c_int, c_void_p),
    "uw_pool_alloc": (c_int, c_void_p, c_uint64, c_uint32, POINTER(c_uint64), POINTER(c_void_p)),
    "uw_pool_get": (c_int, c_void_p, c_uint64, POINTER(c_void_p), POINTER(c_uint64)),
    "uw_pool_pin": (c_int, c_void_p, c_uint64, POINTER(c_void_p)),
    "uw_pool_unpin": (c_int, c_void_p, c_uint64),
    "uw_pool_free": (c_int, c_void_p, c_uint64),
    "uw_pool_trim": (c_int, c_void_p, c_uint64, POINTER(c_uint64)),
    "uw_pool_on_evict": (c_int, c_void_p, EVICT_FN, c_void_p),
    "uw_pool_stats": (c_int, c_void_p, POINTER(PoolStats)),
    "uw_pool_pin_cuda": (c_int, c_void_p),
    "uw_tensor_alloc": (c_int, c_void_p, POINTER(Tensor), c_uint32, POINTER(c_uint64),
                        POINTER(c_void_p)),
    "uw_tensor_get": (c_int, c_void_p, c_uint64, POINTER(Tensor)),
    "uw_tensor_dlpack": (c_int, c_void_p, c_uint64, c_uint32, POINTER(c_void_p)),
    "uw_ring_create": (c_int, Handle, POINTER(RingOptions), POINTER(c_void_p)),
    "uw_ring_attach_fd": (c_int, c_int, c_uint32, POINTER(c_void_p)),
    "uw_ring_fd": (c_int, c_void_p),
    "uw_ring_attach": (c_int, Handle, c_char_p, c_uint32, POINTER(c_void_p)),
    "uw_ring_share": (c_int, c_void_p, c_uint32, c_uint32, c_uint32),
    "uw_ring_name": (c_char_p, c_void_p),
    "uw_ring_close": (None, c_void_p),
    "uw_ring_reserve": (c_int, c_void_p, POINTER(Record), c_uint32),
    "uw_ring_commit": (c_int, c_void_p, POINTER(Record), c_uint32),
    "uw_ring_peek": (c_int, c_void_p, POINTER(Record), c_uint32),
    "uw_ring_release": (c_int, c_void_p, POINTER(Record), c_uint32),
    "uw_ring_wait": (c_int, c_void_p, c_uint32, c_uint64),
    "uw_ring_stats": (c_int, c_void_p, POINTER(RingStats)),
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


def capsule(pointer: c_void_p, name: bytes) -> Any:
    """Of Python's own: who takes over what is in it renames it. name must be a literal, as it is
    not copied."""
    new = ctypes.pythonapi.PyCapsule_New
    new.restype = py_object
    new.argtypes = [c_void_p, c_char_p, c_void_p]
    return new(pointer, name, None)


_free = ctypes.CDLL(None).free
_free.restype = None
_free.argtypes = [c_void_p]
