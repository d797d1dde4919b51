# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tasks in uwd's own line, by uw_task_*: it says how long they have to wait, forgets at once those
that are withdrawn, and puts a child into a cgroup of its own in the component."""

from __future__ import annotations

import ctypes
import errno
import os
import warnings
from typing import Any, Optional

from . import binding
from .arguments import BYTES_MAX
from .errors import UwNotRunning
from .ledger import Request, nothing_learned
from .places import STOP_S, Place
from .uwd import UwdLedger, denied, fail, room
from .waits import Left

LOOK_US = 60_000_000  # a wait is put again after that
NEVER_KNOWN = (1 << 64) - 1

_warned = False


def _warn_unplaced(error: int, component: str) -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(f"children stay where this process is, and are not held to {component}: "
                      f"{os.strerror(error)}", RuntimeWarning, stacklevel=2)


class TaskPlace(Place):
    def __init__(self, ledger: UwdLedger, request: Request, run_s: Optional[float]) -> None:
        self._ledger = ledger
        self._request = request
        self._over = False
        self._reserved = 0
        self._task = ctypes.c_uint64()
        _, denial = room()
        task = binding.Task(
            size=ctypes.sizeof(binding.Task), flags=binding.REVOCABLE if request.revocable else 0,
            component=request.component.encode(), name=request.description.encode("utf-8", "replace"),
            bytes=min(request.bytes, BYTES_MAX), run_us=int((run_s or 0) * 1e6),
            key=request.key.encode() or None, priority=request.priority,
            input_bytes=request.input_bytes)
        rc = binding.library().uw_task_submit(ledger.handle(), ctypes.byref(task),
                                              ctypes.byref(self._task), ctypes.byref(denial))
        if rc > 0:
            raise denied(rc, request.component, denial)
        if rc == -errno.ENODATA:
            raise nothing_learned(request)
        if rc < 0:
            fail(rc, request.component)

    def _call(self, function: str, *arguments: Any) -> int:
        return int(getattr(binding.library(), function)(self._ledger.handle(), self._task,
                                                        *arguments))

    def _status(self, timeout_us: int) -> binding.TaskStatus:
        status = binding.TaskStatus(size=ctypes.sizeof(binding.TaskStatus))
        rc = self._call("uw_task_status", timeout_us, ctypes.byref(status))
        if rc == binding.STALE:
            raise Left
        if rc < 0:
            fail(rc)
        return status

    def wait(self) -> None:
        status = self._status(LOOK_US)
        while status.state == binding.TASK_QUEUED:
            status = self._status(LOOK_US)
        if status.state == binding.TASK_LOST:
            fail(status.error or -errno.ENOTCONN, self._request.component)
        if status.state != binding.TASK_READY:
            raise Left
        self._reserved = int(status.bytes)

    def reserved_bytes(self) -> int:
        return self._reserved

    def begin(self, pid: Optional[int] = None) -> bool:
        rc = 0
        if pid is not None:
            pidfd = os.pidfd_open(pid)
            try:
                rc = self._call("uw_task_begin", pidfd)
            finally:
                os.close(pidfd)
            if not rc or rc in (-errno.ESRCH, binding.STALE):
                return not rc
            _warn_unplaced(-rc, self._request.component)
        self._call("uw_task_begin", -1)
        return False

    def cancel(self) -> None:
        self._call("uw_task_cancel", int(STOP_S * 1e6))

    def end(self) -> None:
        if not self._over:
            rc = self._call("uw_task_end")
            if rc < 0:
                fail(rc)
            self._over = True

    def _look(self) -> Optional[binding.TaskStatus]:
        try:
            return None if self._over else self._status(0)
        except (OSError, Left, UwNotRunning):
            return None

    def is_frozen(self) -> bool:
        status = self._look()
        return status is not None and status.state == binding.TASK_FROZEN

    def starts_in(self) -> Optional[float]:
        status = self._look()
        if status is None or status.start_in_us == NEVER_KNOWN:
            return None
        return float(status.start_in_us) / 1e6
