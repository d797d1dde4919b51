# SPDX-License-Identifier: LGPL-2.1-or-later
"""Has a task run in a child, and says what became of that."""

from __future__ import annotations

import signal
from concurrent.futures import CancelledError
from typing import Any, Optional

from .allocation import Allocation
from .child import Child, unpack
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


def run_isolated(task: Task, allocation: Optional[Allocation]) -> Any:
    child = Child(task.isolation or "fork", task.func, task.args, task.kwargs)
    task.child = child
    if task.cancel_asked.is_set():
        child.stop()
    child.begin()
    packed, status = child.wait()
    task.child = None
    if packed is None:
        raise _end_of(task, status)
    return unpack(packed)
