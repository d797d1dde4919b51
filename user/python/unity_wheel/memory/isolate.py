# SPDX-License-Identifier: LGPL-2.1-or-later
"""Has a task run in a child, and says what became of that."""

from __future__ import annotations

import signal
from concurrent.futures import CancelledError
from typing import Any, Optional

from .child import Child, unpack
from .places import Place
from .tasks import Task


def _end_of(task: Task, status: int) -> BaseException:
    """Of a child that has sent nothing."""
    if task.cancel_asked.is_set():
        return CancelledError(f"'{task.name}' was ended")
    if status == -signal.SIGKILL and task.needs:
        return MemoryError(f"the kernel ended '{task.name}', which had reserved "
                           f"{task.needs.memory_mb:.10g} MB")
    if status < 0:
        return ChildProcessError(f"'{task.name}' was ended by {signal.Signals(-status).name}")
    return ChildProcessError(f"'{task.name}' exited with {status}, without a result")


class _Settled:
    """A child in a cgroup of its own, where all that it has begun is ended with it."""

    def __init__(self, place: Place) -> None:
        self.stop = place.cancel
        self.is_frozen = place.is_frozen


def run_isolated(task: Task, place: Optional[Place]) -> Any:
    child = Child(task.isolation or "fork", task.func, task.args, task.kwargs)
    settled = place is not None and place.begin(child.pid)
    task.run_by(_Settled(place) if place is not None and settled else child)
    child.begin()
    packed, status = child.wait()
    task.child = None
    if packed is None:
        raise _end_of(task, status)
    return unpack(packed)
