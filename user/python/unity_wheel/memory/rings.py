# SPDX-License-Identifier: LGPL-2.1-or-later
"""Streams of records in memory of a fixed size: what is not read in time is overwritten, or keeps
the writer out. Records are copied out and in, many a call."""

from __future__ import annotations

import abc
import ctypes
import errno
import threading
import time
from collections import deque
from types import TracebackType
from typing import Any, Deque, Dict, List, Optional, Sequence, Type, TypeVar, Union

from . import binding
from .allocation import Allocation
from .arguments import MB, count_of, seconds_us, size_bytes, text_of
from .errors import UwNotRunning
from .manager import Number, UnifiedMemoryManager, get_memory_manager
from .pools import explain_denial, has_library
from .sharing import Shared, name_for, uwd_handle
from .uwd import fail
from .waits import HEARS_S

BATCH = 256  # records a call of libuw
BYTES_MIN = 4096

_Circular = TypeVar("_Circular", bound="CircularPool")
Bytes = Union[bytes, bytearray, memoryview]


class Ring(abc.ABC):
    @abc.abstractmethod
    def write(self, records: Sequence[Bytes]) -> int:
        """How many there was room for. ValueError for one that is too long."""

    @abc.abstractmethod
    def read(self, count: int) -> List[bytes]:
        """The oldest, as many as there are."""

    @abc.abstractmethod
    def wait(self, timeout_us: int) -> None:
        """Until there may be something to read."""

    @abc.abstractmethod
    def stats(self) -> Dict[str, int]:
        """As struct uw_ring_stats."""


class LocalRing(Ring):
    """Of this process alone."""

    def __init__(self, size: int, drops: bool) -> None:
        self._size = size
        self._drops = drops
        self._turned = threading.Condition()
        self._records: Deque[bytes] = deque()
        self._used = self._lost = 0

    def _drop(self) -> None:
        self._used -= len(self._records.popleft()) + 8
        self._lost += 1

    def _add(self, record: Bytes) -> bool:
        need = memoryview(record).nbytes + 8
        if need > self._size // 4:
            raise ValueError(f"a record of {need - 8} bytes is too long for the pool")
        while self._drops and self._used + need > self._size:
            self._drop()
        if self._used + need > self._size:
            return False
        self._records.append(bytes(record))
        self._used += need
        return True

    def write(self, records: Sequence[Bytes]) -> int:
        with self._turned:
            for count, record in enumerate(records):
                if not self._add(record):
                    return count
            self._turned.notify_all()
            return len(records)

    def read(self, count: int) -> List[bytes]:
        with self._turned:
            found = [self._records.popleft() for _ in range(min(count, len(self._records)))]
            self._used -= sum(len(record) + 8 for record in found)
            return found

    def wait(self, timeout_us: int) -> None:
        with self._turned:
            self._turned.wait_for(lambda: self._records, timeout_us / 1e6)

    def stats(self) -> Dict[str, int]:
        with self._turned:
            return {"record_bytes": self._size // 4 - 8, "bytes": self._size,
                    "used_bytes": self._used, "lost": self._lost, "abandoned": 0, "torn": 0}


class LibRing(Shared, Ring):
    """Of libuw. One thread reads and one writes at a time."""

    kind = "uw_ring"

    def __init__(self, ring: ctypes.c_void_p) -> None:
        super().__init__(ring)
        self._ring = ring
        self._writes, self._reads = threading.Lock(), threading.Lock()
        self._out, self._in = (binding.Record * BATCH)(), (binding.Record * BATCH)()

    @classmethod
    def create(cls, handle: Optional[binding.Handle], component: str, name: str, size: int,
               flags: int, record_bytes: int) -> LibRing:
        options = binding.RingOptions(size=ctypes.sizeof(binding.RingOptions), flags=flags,
                                      component=component.encode(),
                                      name=name_for(handle, name),
                                      bytes=max(size, BYTES_MIN), record_bytes=record_bytes)
        ring = ctypes.c_void_p()
        rc = binding.library().uw_ring_create(handle, ctypes.byref(options), ctypes.byref(ring))
        if rc == -errno.ENOMEM:
            raise MemoryError(f"no ring of {size / MB:.10g} MB for {component}")
        if rc:
            fail(rc, component)
        return cls(ring)

    @classmethod
    def attach(cls, manager: UnifiedMemoryManager, where: Union[int, str],
               writable: bool) -> LibRing:
        return cls(cls.find(manager, where, writable))

    def __del__(self) -> None:
        ring, self._ring = getattr(self, "_ring", None), ctypes.c_void_p()
        if ring:
            self._call.uw_ring_close(ring)

    def _put(self, records: Sequence[Bytes]) -> int:
        views = [memoryview(record).cast("B") for record in records]
        for to, view in zip(self._out, views):
            to.length = view.nbytes
        count = self._call.uw_ring_reserve(self._ring, self._out, len(views))
        if count == -errno.EAGAIN:
            return 0
        if count == -errno.EMSGSIZE:
            raise ValueError("a record is too long for the pool")
        if count < 0:
            fail(count)
        for to, view in zip(self._out[:count], views):
            ctypes.memmove(to.bytes, view.tobytes(), view.nbytes)
        rc = self._call.uw_ring_commit(self._ring, self._out, count)
        if rc < 0:
            fail(rc)
        return int(count)

    def write(self, records: Sequence[Bytes]) -> int:
        done = 0
        with self._writes:
            while done < len(records):
                count = self._put(records[done:done + BATCH])
                if not count:
                    break
                done += count
        return done

    def _get(self, count: int) -> List[bytes]:
        """None of those that were overwritten while they were copied."""
        while True:
            found = self._call.uw_ring_peek(self._ring, self._in, min(count, BATCH))
            if found == -errno.EAGAIN:
                return []
            if found < 0:
                fail(found)
            records = [ctypes.string_at(each.bytes, each.length) for each in self._in[:found]]
            rc = self._call.uw_ring_release(self._ring, self._in, found)
            if rc < 0:
                fail(rc)
            if not rc:
                return records

    def read(self, count: int) -> List[bytes]:
        records: List[bytes] = []
        with self._reads:
            while len(records) < count:
                more = self._get(count - len(records))
                if not more:
                    break
                records += more
        return records

    def wait(self, timeout_us: int) -> None:
        rc = self._call.uw_ring_wait(self._ring, binding.RING_READ, timeout_us)
        if rc < 0:
            fail(rc)

    def stats(self) -> Dict[str, int]:
        stats = binding.RingStats(size=ctypes.sizeof(binding.RingStats))
        rc = self._call.uw_ring_stats(self._ring, ctypes.byref(stats))
        if rc:
            fail(rc)
        return {name: getattr(stats, name) for name, *_ in binding.RingStats._fields_[1:]}


class CircularPool:
    """Records of any length, in the order they were written. When it is full the oldest is
    overwritten, or with ``drop_oldest=False`` nothing more is written until there is room.

    There is one writer and one reader at a time, each of any process; with ``many`` any number of
    either, and then ``record_bytes`` says how long a record may be. Without it a quarter of all.
    ``name`` is as of a Pool, whose names these are.
    """

    def __init__(self, size_mb: Number, component: str = "trading_data", *, name: str = "",
                 drop_oldest: bool = True, many: bool = False,
                 record_bytes: Optional[int] = None) -> None:
        size = size_bytes(size_mb)
        longest = count_of(record_bytes, "record_bytes") if record_bytes is not None else 0
        if many and not longest:
            raise ValueError("with many, record_bytes is to be given")
        flags = (binding.RING_MANY if many else 0) | (binding.RING_DROP_OLDEST if drop_oldest else 0)
        self.component = text_of(component, "component")
        self.size_mb = size / MB
        self._manager = get_memory_manager()
        self._lease: Optional[Allocation] = None
        self._ring: Optional[Ring] = self._open(size, text_of(name, "name"), flags, longest)

    def _open(self, size: int, name: str, flags: int, longest: int) -> Ring:
        handle = uwd_handle(self._manager)
        known = has_library("uw_ring_create")
        if handle is None or not known:
            self._lease = self._manager.allocate(self.component, self.size_mb,
                                                 name or self.component)
        if not known:
            return LocalRing(size, bool(flags & binding.RING_DROP_OLDEST))
        try:
            return LibRing.create(handle, self.component, name, size, flags, longest)
        except MemoryError:
            if handle is not None:
                explain_denial(self._manager, self.component, self.size_mb)
            raise

    @classmethod
    def attach(cls, where: Union[int, str], *, writable: bool = True) -> CircularPool:
        """The pool of another process, by what its ``share`` says, its name (``NAME`` or
        ``UID/NAME``), or a file descriptor of it. Not writable one looks on, and takes no record
        from the reader. FileNotFoundError, PermissionError."""
        pool = cls.__new__(cls)
        pool._manager, pool._lease, pool.component = get_memory_manager(), None, ""
        pool._ring = None
        ring = LibRing.attach(pool._manager, where, writable)
        pool._ring = ring
        pool.size_mb = ring.stats()["bytes"] / MB
        return pool

    def _lib(self) -> LibRing:
        ring = self._there()
        if not isinstance(ring, LibRing):
            raise UwNotRunning(f"without {binding.LIBRARY} a pool is its process's alone")
        return ring

    def share(self, *, uid: Optional[int] = None, gid: Optional[int] = None,
              mode: Optional[int] = None) -> str:
        """What ``attach`` takes, in another process of the same user; and who else may attach, as of
        SharedTensorPool."""
        return self._lib().share(uid, gid, mode)

    def fileno(self) -> int:
        """To be handed to others as file descriptors are."""
        return self._lib().fileno()

    def _there(self) -> Ring:
        if self._ring is None:
            raise ValueError("the pool is closed")
        return self._ring

    def close(self) -> None:
        self._ring = None
        lease, self._lease = self._lease, None
        if lease is not None:
            self._manager.release(lease)

    def __enter__(self: _Circular) -> _Circular:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_lease", None) is not None:
            self.close()

    def write(self, record: Bytes) -> bool:
        """False when there is no room, which is never when the oldest is dropped."""
        return self._there().write([record]) == 1

    def write_many(self, records: Sequence[Bytes]) -> int:
        """How many of them there was room for, from the first on."""
        return self._there().write(records)

    def read(self, count: int = 1024, timeout: Optional[float] = 0) -> List[bytes]:
        """Up to ``count`` of the oldest; for the first one it waits ``timeout`` seconds (None: for
        ever)."""
        ring, wanted = self._there(), count_of(count, "count")
        until = None if timeout is None else time.monotonic() + seconds_us(timeout, "timeout") / 1e6
        while True:
            records = ring.read(wanted)
            left = None if until is None else until - time.monotonic()
            if records or (left is not None and left <= 0):
                return records
            ring.wait(int(min(HEARS_S, HEARS_S if left is None else left) * 1e6) + 1)

    def stats(self) -> Dict[str, Any]:
        """size_mb, used_mb, and counts: lost, what was overwritten before it was read; abandoned,
        what writers had begun that died; torn, nonsense that others had written."""
        found = self._there().stats()
        return {"size_mb": found["bytes"] / MB, "used_mb": found["used_bytes"] / MB,
                "record_bytes": found["record_bytes"],
                **{name: found[name] for name in ("lost", "abandoned", "torn")}}
