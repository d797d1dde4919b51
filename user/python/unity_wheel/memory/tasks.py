# SPDX-License-Identifier: LGPL-2.1-or-later
"""One task: what it needs, what it does, and what becomes of it."""

from __future__ import annotations

import concurrent.futures
import enum
import threading
import time
from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional, Sequence

from .arguments import Priority, input_of, key_of, priority_of, size_bytes, text_of
from .places import Place
from .waits import Left


class TaskState(str, enum.Enum):
    """Prints as its word."""

    QUEUED = "queued"
    RUNNING = "running"
    FROZEN = "frozen"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True)
class ResourceRequirements:
    """What a task needs: memory in MB, of a component (None: the one that this process runs in, or
    else the first that it may use). ``memory_priority`` is that of the memory once it has it, 1 to
    10; the task's own priority is its place in line.

    Tasks of one ``key`` are alike: what children (``isolation``) of it used is learned, together
    with the user's jobs of that key and component, and by the size of what each reads,
    ``input_bytes``. With a key ``memory_mb`` may be None, for what was learned; LookupError is what
    the task raises when that is nothing."""

    memory_mb: Optional[float]
    estimated_duration_seconds: Optional[float] = None
    component: Optional[str] = None
    memory_priority: Priority = 5
    key: Optional[str] = None
    input_bytes: Optional[int] = None

    def __post_init__(self) -> None:
        if self.memory_mb is not None or self.key is None:
            size_bytes(self.memory_mb, "memory_mb")
        if self.key is not None:
            key_of(self.key)
        if self.input_bytes is not None:
            input_of(self.input_bytes)
            if self.key is None:
                raise ValueError("input_bytes is learned of a key, and none is given")
        priority_of(self.memory_priority)
        if self.component is not None:
            text_of(self.component, "component")
        if self.estimated_duration_seconds is not None and not self.estimated_duration_seconds >= 0:
            raise ValueError("estimated_duration_seconds must be 0 or more")


class Task:
    """The life of one; the scheduler moves it on."""

    def __init__(self, number: int, name: str, func: Callable[..., Any], args: Sequence[Any],
                 kwargs: Mapping[str, Any], needs: Optional[ResourceRequirements],
                 priority: int, isolation: Optional[str]) -> None:
        self.number = number
        self.id = f"task-{number}"
        self.name = name
        self.func = func
        self.args = args
        self.kwargs = kwargs
        self.needs = needs
        self.priority = priority
        self.isolation = isolation
        self.future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self.cancel_asked = threading.Event()
        self.queued_at = time.monotonic()
        self.started_at: Optional[float] = None
        self.ended_at: Optional[float] = None
        self.child: Any = None  # of isolation, while it runs
        self.place: Optional[Place] = None  # in line and after that
        self.note = ""
        self._lock = threading.Lock()

    def stand(self, place: Place) -> None:
        """In line. Left when it has been cancelled."""
        with self._lock:
            self.place = place
            if self.cancel_asked.is_set():
                raise Left

    def run_by(self, child: Any) -> None:
        """From now on a cancel is its affair."""
        with self._lock:
            self.child = child
            asked = self.cancel_asked.is_set()
        if asked:
            child.stop()

    def cancel(self) -> bool:
        """False when it is over."""
        with self._lock:
            if self.future.done():
                return False
            self.cancel_asked.set()
            place, child = self.place, self.child
        if self.future.cancel():
            self.ended_at = time.monotonic()
            if place:
                place.cancel()
        elif child:
            child.stop()
        return True

    def forget_work(self) -> None:
        """What it was to do may hold much, and is not needed any more."""
        self.func, self.args, self.kwargs = _nothing, (), {}

    def waited(self) -> float:
        return (self.started_at or self.ended_at or time.monotonic()) - self.queued_at

    def _end_state(self) -> TaskState:
        if self.future.cancelled():
            return TaskState.CANCELLED
        error = self.future.exception()
        if isinstance(error, concurrent.futures.CancelledError):
            return TaskState.CANCELLED
        return TaskState.FAILED if error else TaskState.DONE

    def state(self) -> TaskState:
        if self.future.done():
            return self._end_state()
        if self.started_at is None:
            return TaskState.QUEUED
        return TaskState.FROZEN if self.child and self.child.is_frozen() else TaskState.RUNNING


def _nothing() -> None:
    pass


class TaskStatus:
    """How a task stands, as of each look: it follows the task. ``get_task_status`` has it."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.id = task.id
        self.name = task.name
        self.priority = task.priority

    @property
    def state(self) -> TaskState:
        """queued, running, frozen, done, failed or cancelled."""
        return self._task.state()

    @property
    def why(self) -> str:
        """Of that state, in words; "" where there is nothing to say."""
        state, needs = self.state, self._task.needs
        if state is TaskState.QUEUED and not self._task.note and needs:
            if needs.memory_mb is None:
                return f"waits for what was learned of '{needs.key}' in {needs.component}"
            return f"waits for {needs.memory_mb:.10g} MB of {needs.component}"
        if state is TaskState.FROZEN:
            return "uwd stopped it until others have room"
        if state is TaskState.FAILED:
            return f"{type(self.error).__name__}: {self.error}"
        if state is TaskState.RUNNING and self._task.cancel_asked.is_set():
            return "it was asked to end"
        return self._task.note if state in (TaskState.QUEUED, TaskState.CANCELLED) else ""

    @property
    def eta(self) -> Optional[float]:
        """Seconds until it ends, by its own estimate and, while it waits, that of uwd; 0.0 when
        it is over, None when nobody knows."""
        needs, started, place = self._task.needs, self._task.started_at, self._task.place
        if self._task.future.done():
            return 0.0
        if not needs or needs.estimated_duration_seconds is None:
            return None
        if started is not None:
            return max(0.0, started + needs.estimated_duration_seconds - time.monotonic())
        wait = place.starts_in() if place else None
        return None if wait is None else wait + needs.estimated_duration_seconds

    @property
    def error(self) -> Optional[BaseException]:
        """What it raised, of one that failed."""
        future = self._task.future
        return future.exception() if future.done() and not future.cancelled() else None

    def result(self, timeout: Optional[float] = None) -> Any:
        """What it returned, waited for; or raises what it raised. TimeoutError after so many
        seconds, concurrent.futures.CancelledError of one that was cancelled."""
        try:
            return self._task.future.result(timeout)
        except concurrent.futures.TimeoutError:
            if self._task.future.done():
                raise
            raise TimeoutError(f"{self.id} is {self.state} after {timeout} s") from None

    def __repr__(self) -> str:
        return f"<TaskStatus {self.id} '{self.name}' {self.state}>"


class CurrentTask(threading.local):
    task: Optional[Task] = None


_current = CurrentTask()


def cancel_requested() -> bool:
    """For the function of a task: whether somebody wants it to end. Nobody else can end a thread."""
    return _current.task is not None and _current.task.cancel_asked.is_set()


def set_current(task: Optional[Task]) -> None:
    _current.task = task
