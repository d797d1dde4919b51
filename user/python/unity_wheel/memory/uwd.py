# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asks uwd, through libuw. The handle is opened with the first question; a uwd that restarts is
found again by libuw itself."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import select
import threading
from typing import Any, Dict, List, NoReturn, Optional, Sequence, Tuple

from . import binding
from .arguments import MB
from .errors import Holder, LeaseDenied, UwNotRunning
from .ledger import LEVELS, Grant, Ledger, LevelEvent, Request
from .places import Place


def _fill(to: binding.Request, request: Request) -> None:
    tags = [tag.encode("utf-8", "replace") for tag in request.tags] + [None]
    to.size = ctypes.sizeof(binding.Request)
    to.flags = binding.REVOCABLE if request.revocable else 0
    to.component = request.component.encode("utf-8", "replace")
    to.description = request.description.encode("utf-8", "replace")
    to.tags = (ctypes.c_char_p * len(tags))(*tags)
    to.bytes = request.bytes
    to.min_bytes = request.min_bytes
    to.timeout_us = request.timeout_us
    to.ttl_us = request.ttl_us
    to.priority = request.priority


def room() -> Tuple[binding.Grant, binding.Denial]:
    return (binding.Grant(size=ctypes.sizeof(binding.Grant)),
            binding.Denial(size=ctypes.sizeof(binding.Denial)))


def _holders(denial: binding.Denial) -> Tuple[Holder, ...]:
    return tuple(Holder(each.pid, each.uid, each.component.decode(), each.bytes / MB)
                 for each in denial.holder[:denial.holder_count])


def denied(rc: int, component: str, denial: binding.Denial) -> LeaseDenied:
    return LeaseDenied(component, denial.reason.decode(), denial.asked / MB, denial.held / MB,
                       denial.available / MB, _holders(denial), LEVELS[denial.level],
                       denial.retry_after_us / 1e6 if denial.retry_after_us else None,
                       rc == binding.TIMED_OUT)


def _grant(grant: binding.Grant) -> Grant:
    return Grant(grant.id, grant.bytes, grant.borrowed, bool(grant.flags & binding.INSIDE))


def fail(rc: int, component: Optional[str] = None) -> NoReturn:
    if rc == -errno.ENOENT and component is not None:
        raise ValueError(f"there is no component '{component}'")
    if rc == -errno.EACCES:
        raise PermissionError(errno.EACCES, f"no lease of {component} for this process: it does not "
                              "run there, and the component's option lease does not name its user")
    if rc == -errno.ENOTCONN:
        raise UwNotRunning(errno.ENOTCONN, "uwd does not run")
    if rc in (-errno.EMFILE, -errno.ENFILE):
        raise OSError(-rc, "uwd has as many clients as it takes")
    raise OSError(-rc, os.strerror(-rc))


class UwdLedger(Ledger):
    def __init__(self, socket: Optional[str] = None) -> None:
        self._socket = socket.encode() if socket else None
        self._lock = threading.Lock()
        self._handle: Optional[binding.Handle] = None
        self._events: List[LevelEvent] = []
        self._watch: Any = None  # the callback, which ctypes does not keep
        self._poll: Optional[select.poll] = None

    def handle(self) -> binding.Handle:
        """An open one."""
        with self._lock:
            if self._handle is None:
                handle = binding.Handle()
                rc = binding.library().uw_open(self._socket, ctypes.byref(handle))
                if rc:
                    fail(rc)
                self._handle = handle
            return self._handle

    # ---- leases ----

    def _ask(self, function: str, request: Request) -> Grant:
        handle = self.handle()
        asked = binding.Request()
        grant, denial = room()
        _fill(asked, request)
        rc = getattr(binding.library(), function)(handle, ctypes.byref(asked), ctypes.byref(grant),
                                                  ctypes.byref(denial))
        if rc > 0:
            raise denied(rc, request.component, denial)
        if rc < 0:
            fail(rc, request.component)
        return _grant(grant)

    def alloc(self, request: Request) -> Grant:
        return self._ask("uw_alloc", request)

    def alloc_adaptive(self, request: Request) -> Grant:
        return self._ask("uw_alloc_adaptive", request)

    def alloc_first(self, requests: Sequence[Request]) -> Tuple[int, Grant]:
        handle = self.handle()
        asked = (binding.Request * len(requests))()
        which = ctypes.c_uint32()
        grant, denial = room()
        for to, request in zip(asked, requests):
            _fill(to, request)
        rc = binding.library().uw_alloc_first(handle, asked, len(requests), ctypes.byref(which),
                                              ctypes.byref(grant), ctypes.byref(denial))
        if rc > 0:
            raise denied(rc, requests[-1].component, denial)
        if rc < 0:
            fail(rc, requests[-1].component)
        return which.value, _grant(grant)

    def resize(self, lease: int, size: int) -> Optional[Grant]:
        grant, denial = room()
        rc = binding.library().uw_resize(self.handle(), lease, size, ctypes.byref(grant),
                                         ctypes.byref(denial))
        if rc == binding.STALE:
            return None
        if rc > 0:
            raise denied(rc, "the lease", denial)
        if rc < 0:
            fail(rc)
        return _grant(grant)

    def free(self, lease: int) -> bool:
        rc = binding.library().uw_free(self.handle(), lease)
        if rc < 0:
            fail(rc)
        return not rc

    def place(self, request: Request, run_s: Optional[float] = None) -> Place:
        if not binding.has("uw_task_submit"):
            return super().place(request, run_s)
        from .uwd_tasks import TaskPlace

        return TaskPlace(self, request, run_s)

    # ---- what is known ----

    def report(self) -> Dict[str, Any]:
        text = ctypes.c_void_p()
        rc = binding.library().uw_report(self.handle(), ctypes.byref(text))
        if rc:
            fail(rc)
        found: Dict[str, Any] = json.loads(binding.take_text(text))
        return found

    def _note(self, _: object, pressure: Any) -> None:
        told = pressure.contents
        self._events.append(LevelEvent(told.component.decode(), min(told.level, len(LEVELS) - 1),
                                       told.use_permyriad / 1e4))

    def _begin_watch(self) -> select.poll:
        handle, call = self.handle(), binding.library()
        if self._watch is None:
            watch = binding.PRESSURE_FN(self._note)
            rc = call.uw_on_pressure(handle, None, watch, None, None)
            if rc:
                fail(rc)
            self._watch = watch
        fd = call.uw_fd(handle)
        if fd < 0:
            fail(fd)
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return poll

    def levels(self, timeout: float) -> List[LevelEvent]:
        if self._poll is None:
            self._poll = self._begin_watch()
        self._poll.poll(timeout * 1e3)
        rc = binding.library().uw_dispatch(self.handle())
        if rc < 0:
            fail(rc)
        events, self._events = self._events, []
        return events
