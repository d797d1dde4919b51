# SPDX-License-Identifier: LGPL-2.1-or-later
"""A place in line, and the lease that a task has from then on. Of uwd these are tasks of its own,
which it can tell of, withdraw and, in a child, hold to what was reserved (uwd_tasks.py). Where it
knows no tasks, and in this process, a lease does."""

from __future__ import annotations

import abc
import threading
from typing import Optional

from .ledger import Grant, Ledger, Request
from .waits import Left, Wait

STOP_S = 5.0  # to end after SIGTERM


class Place(abc.ABC):
    """wait, then begin, then end, by the task's thread; cancel and the rest by any."""

    @abc.abstractmethod
    def wait(self) -> None:
        """Until it may begin. Left when it was cancelled, LeaseDenied when it never may."""

    @abc.abstractmethod
    def cancel(self) -> None:
        """One that waits at once; a child that has begun gets SIGTERM, and SIGKILL after STOP_S."""

    @abc.abstractmethod
    def end(self) -> None:
        """What is reserved is free. May be called again when it fails."""

    def begin(self, pid: Optional[int] = None) -> bool:
        """It begins, in a child of that pid, which waits for a word; whether that has a cgroup of
        its own now."""
        return False

    def reserved_bytes(self) -> int:
        """Once it may begin; 0: what was asked for."""
        return 0

    def is_frozen(self) -> bool:
        return False

    def starts_in(self) -> Optional[float]:
        """Seconds until its turn, where that can be told."""
        return None


class LeasePlace(Place):
    """A lease that is waited for."""

    def __init__(self, ledger: Ledger, request: Request) -> None:
        self._ledger = ledger
        self._request = request
        self._left = False
        self._lock = threading.Lock()
        self._wait: Optional[Wait] = None
        self._grant: Optional[Grant] = None

    def wait(self) -> None:
        wait = Wait(self._ledger, self._request)
        with self._lock:
            if self._left:
                raise Left
            self._wait = wait
        wait.start()
        self._grant = wait.result()

    def cancel(self) -> None:
        with self._lock:
            self._left = True
            wait = self._wait
        if wait and not self._grant:
            wait.leave()

    def end(self) -> None:
        if self._grant:
            self._ledger.free(self._grant.id)
            self._grant = None
