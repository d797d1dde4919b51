# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs functions when their memory is there. The first few tasks of each component stand in uwd's
line, where priority and age decide between them and those of other processes; the others wait here
until one has gone. A task has a thread of this process, and a child where it asks for one."""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
import warnings
from collections import OrderedDict
from dataclasses import replace
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from .arguments import (MB, SECONDS_MAX, Priority, TaskPriority, priority_of, size_bytes, text_of)
from .errors import LeaseDenied, UwNotRunning
from .ledger import Request
from .manager import UnifiedMemoryManager, cgroup_words, get_memory_manager
from .places import Place
from .tasks import ResourceRequirements, Task, TaskState, TaskStatus, set_current
from .waits import Left

THREADS_MAX = 64  # of tasks in line and running
IN_LINE_MAX = 4  # of a component; libuw has 16 places for a process
KEPT_MAX = 1000  # of those that are over, whose status can be asked for
QUOTA_S = 0.2  # until asking again, where this process waits for too much already
LOST_S = 60.0  # without a uwd, until a queued task fails
LOST_AGAIN_S = 1.0

class _Lane:
    """Tasks of one component that have not begun."""

    def __init__(self) -> None:
        self.queued: List[Tuple[int, int, Task]] = []  # the best first
        self.in_line: List[int] = []  # priorities of those

    def add(self, task: Task) -> None:
        heapq.heappush(self.queued, (-task.priority, task.number, task))

    def next(self) -> Optional[Task]:
        """The one that is to stand in line now, if there is one: also beside as many as may, when
        it is better than all of them."""
        while self.queued and self.queued[0][2].future.cancelled():
            heapq.heappop(self.queued)
        if not self.queued:
            return None
        priority = -self.queued[0][0]
        if len(self.in_line) >= IN_LINE_MAX and priority <= max(self.in_line):
            return None
        self.in_line.append(priority)
        return heapq.heappop(self.queued)[2]


class ResourceScheduler:
    """The tasks of this process. Use ``get_resource_scheduler``."""

    def __init__(self, manager: Optional[UnifiedMemoryManager] = None) -> None:
        self._manager = manager or get_memory_manager()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._open: Dict[str, Task] = {}
        self._over: OrderedDict[str, Task] = OrderedDict()
        self._lanes: Dict[Optional[str], _Lane] = {}  # by component; None: of no memory
        self._threads = 0
        self._threadless: List[Task] = []
        self._warned: Set[str] = set()
        self._ended = {state: 0 for state in TaskState}
        self._started = 0
        self._waited_s = self._ran_s = 0.0

    # ---- what users call ----

    def submit_task(self, name: str, func: Callable[..., Any],
                    requirements: Optional[ResourceRequirements] = None,
                    priority: Priority = TaskPriority.NORMAL, *, args: Sequence[Any] = (),
                    kwargs: Optional[Mapping[str, Any]] = None, isolation: Optional[str] = None,
                    **more: Any) -> str:
        """Has ``func(*args, **kwargs, **more)`` run once a lease of its memory is granted, which
        ends with it; returns the task's id. MemoryError when so much can never be had.

        Without requirements it asks for no memory. It runs in a thread of this process, or with
        ``isolation`` "fork" or "spawn" in a child, which uwd puts into a leaf of the component.
        """
        if not callable(func):
            raise TypeError(f"func must be callable, not {type(func).__name__}")
        if isolation not in (None, "fork", "spawn"):
            raise ValueError(f"isolation may be None, 'fork' or 'spawn', not {isolation!r}")
        if requirements is not None and not isinstance(requirements, ResourceRequirements):
            raise TypeError("requirements must be ResourceRequirements")
        place = priority_of(priority, int(TaskPriority.NORMAL))
        needs = self._settle(requirements) if requirements else None
        task = Task(next(self._numbers), text_of(name, "name"), func, tuple(args),
                    _merge(kwargs or {}, more), needs, place, isolation)
        self._enter(task)
        return task.id

    def get_task_status(self, task_id: str) -> TaskStatus:
        """KeyError for what is no task, or was over long ago."""
        with self._lock:
            task = self._open.get(task_id) or self._over.get(task_id)
        if task is None:
            raise KeyError(task_id)
        return TaskStatus(task)

    def cancel(self, task_id: str) -> bool:
        """Of one that is queued at once. The child of one that runs gets SIGTERM, and SIGKILL when
        that does not end it; a thread is only asked: ``cancel_requested``. False when it is over.
        """
        with self._lock:
            task = self._open.get(task_id)
            if task is None and task_id not in self._over:
                raise KeyError(task_id)
        if task is None or not task.cancel():
            return False
        if task.future.cancelled():
            self._close(task)
        return True

    def get_statistics(self) -> Dict[str, Any]:
        """Of this process: ``performance`` with completion_rate (0.0 to 1.0, of those that ended),
        average_wait_time and average_run_time in seconds; ``tasks`` by state; ``memory`` in MB, of
        what is queued without those that are to have what was learned."""
        with self._lock:
            tasks = list(self._open.values())
            ended, started = dict(self._ended), self._started
            waited, ran = self._waited_s, self._ran_s
        over = sum(ended.values())
        counts = {str(state): ended[state] for state in TaskState}
        memory = {"queued_mb": 0.0, "running_mb": 0.0}
        for task in tasks:
            state = task.state()
            counts[str(state)] += 1
            if task.needs and task.needs.memory_mb is not None:
                which = "queued_mb" if state is TaskState.QUEUED else "running_mb"
                memory[which] += task.needs.memory_mb
        finished = ended[TaskState.DONE] + ended[TaskState.FAILED]
        return {"performance": {"completion_rate": ended[TaskState.DONE] / over if over else 0.0,
                                "average_wait_time": waited / started if started else 0.0,
                                "average_run_time": ran / finished if finished else 0.0},
                "tasks": counts, "memory": memory}

    # ---- the way in ----

    def _settle(self, needs: ResourceRequirements) -> ResourceRequirements:
        """With its component; MemoryError when it can never have so much."""
        component = needs.component or self._manager.default_component()
        found = self._manager.ledger.report()["components"].get(component)
        if found is None:
            raise ValueError(f"there is no component '{component}'")
        if needs.memory_mb is not None and size_bytes(needs.memory_mb) > found["most_bytes"]:
            raise LeaseDenied(component, "never", float(needs.memory_mb), 0.0,
                              found["most_bytes"] / MB, level=found["level"])
        return replace(needs, component=component)

    def _enter(self, task: Task) -> None:
        with self._lock:
            self._open[task.id] = task
            self._lanes.setdefault(_lane_of(task), _Lane()).add(task)
        self._fill()

    def _fill(self) -> None:
        """Has threads begin for as many tasks as may stand in line now."""
        while True:
            task = self._take()
            if task is None:
                return
            try:
                threading.Thread(target=self._work, args=(task,), name=f"uw-{task.id}").start()
            except RuntimeError:  # the interpreter ends, and lets no thread begin
                with self._lock:
                    self._threadless.append(task)

    def _take(self) -> Optional[Task]:
        with self._lock:
            if self._threads >= THREADS_MAX:
                return None
            for lane in self._lanes.values():
                task = lane.next()
                if task:
                    self._threads += 1
                    return task
        return None

    def _close(self, task: Task) -> None:
        with self._lock:
            if self._open.pop(task.id, None) is None:
                return
            task.forget_work()
            self._ended[task.state()] += 1
            self._over[task.id] = task
            if len(self._over) > KEPT_MAX:
                self._over.popitem(last=False)

    # ---- a task's thread ----

    def _work(self, task: Optional[Task]) -> None:
        """One task, and those that found no thread."""
        while task:
            self._do(task)
            with self._lock:
                self._threads -= 1
                task = self._threadless.pop(0) if self._threadless else None
            self._fill()

    def _do(self, task: Task) -> None:
        try:
            place = self._stand(task) if task.needs else None
        except BaseException as error:
            self._leave_line(task)
            self._give_up(task, error)
            return
        self._leave_line(task)
        self._run(task, place)

    def _leave_line(self, task: Task) -> None:
        with self._lock:
            self._lanes[_lane_of(task)].in_line.remove(task.priority)
        self._fill()

    def _give_up(self, task: Task, error: BaseException) -> None:
        if not isinstance(error, Left) and task.future.set_running_or_notify_cancel():
            task.ended_at = time.monotonic()
            task.future.set_exception(error)
        self._close(task)

    def _stand(self, task: Task) -> Place:
        """In line, until it may begin. Left when the task was cancelled."""
        lost_at: Optional[float] = None
        while True:
            try:
                return self._wait(task)
            except LeaseDenied as error:
                if not error.reason.startswith("quota"):
                    raise
                task.note = "this process waits for too much already"
                task.cancel_asked.wait(QUOTA_S)
            except UwNotRunning as error:
                lost_at = lost_at or time.monotonic()
                if time.monotonic() - lost_at > LOST_S:
                    raise
                task.note = str(error)
                task.cancel_asked.wait(LOST_AGAIN_S)

    def _wait(self, task: Task) -> Place:
        needs = task.needs
        assert needs and needs.component
        place = self._manager.ledger.place(
            Request(needs.component, 0 if needs.memory_mb is None else size_bytes(needs.memory_mb),
                    task.name, priority=task.priority, timeout_us=int(SECONDS_MAX * 1e6),
                    key=needs.key or "", input_bytes=needs.input_bytes or 0),
            needs.estimated_duration_seconds)
        try:
            task.stand(place)
            place.wait()
            if needs.memory_mb is None:
                task.needs = replace(needs, memory_mb=place.reserved_bytes() / MB)
        except BaseException:
            self._manager.tell(place.end)
            raise
        return place

    def _run(self, task: Task, place: Optional[Place]) -> None:
        result, error = None, None
        try:
            if not task.future.set_running_or_notify_cancel():
                return
            self._note_start(task)
            try:
                result = self._call(task, place)
            except BaseException as raised:  # it is the caller's of result()
                error = raised
        finally:
            if place is not None:
                self._manager.tell(place.end)
            self._note_end(task, result, error)

    def _call(self, task: Task, place: Optional[Place]) -> Any:
        if task.isolation:
            from .isolate import run_isolated  # multiprocessing takes a while to import

            return run_isolated(task, place)
        if place is not None and task.needs:
            place.begin()
            self._warn_outside(task.needs.component or "")
        set_current(task)
        try:
            return task.func(*task.args, **task.kwargs)
        finally:
            set_current(None)

    def _warn_outside(self, component: str) -> None:
        if (self._manager.ledger.is_local or component in self._warned or
                component in cgroup_words()):
            return
        self._warned.add(component)
        warnings.warn(f"tasks run in this process, which is not in {component}: their memory is "
                      f"counted there and not held to it; run it with `uwctl run {component}`, or "
                      "give isolation=", RuntimeWarning, stacklevel=2)

    def _note_start(self, task: Task) -> None:
        task.started_at = time.monotonic()
        task.note = ""
        with self._lock:
            self._started += 1
            self._waited_s += task.waited()

    def _note_end(self, task: Task, result: Any, error: Optional[BaseException]) -> None:
        task.ended_at = time.monotonic()
        if task.started_at is not None:
            with self._lock:
                self._ran_s += task.ended_at - task.started_at
            if error is None:
                task.future.set_result(result)
            else:
                task.future.set_exception(error)
        self._close(task)


def _lane_of(task: Task) -> Optional[str]:
    return task.needs.component if task.needs else None


def _merge(kwargs: Mapping[str, Any], more: Mapping[str, Any]) -> Dict[str, Any]:
    both = sorted(kwargs.keys() & more.keys())
    if both:
        raise TypeError(f"given twice: {', '.join(both)}")
    return {**kwargs, **more}


_scheduler: Optional[ResourceScheduler] = None
_scheduler_lock = threading.Lock()


def get_resource_scheduler() -> ResourceScheduler:
    """The one of this process, made when it is first asked for; a child of fork has its own."""
    global _scheduler
    with _scheduler_lock:
        if _scheduler is None:
            _scheduler = ResourceScheduler()
        return _scheduler


def _forget() -> None:
    global _scheduler, _scheduler_lock
    _scheduler = None
    _scheduler_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget)


def _schedule(component: str, name: str, func: Callable[..., Any], memory_mb: Optional[float],
              priority: Priority, requirements: Optional[ResourceRequirements],
              more: Mapping[str, Any]) -> str:
    needs = replace(requirements or ResourceRequirements(memory_mb), memory_mb=memory_mb)
    return get_resource_scheduler().submit_task(
        name, func, replace(needs, component=needs.component or component), priority, **more)


def schedule_trading_task(name: str, func: Callable[..., Any], memory_mb: Optional[float],
                          priority: Priority = TaskPriority.NORMAL, *,
                          requirements: Optional[ResourceRequirements] = None,
                          **more: Any) -> str:
    """``submit_task`` with so much of ``trading_data``; what else is given reaches ``func``, but
    for args, kwargs and isolation. ``requirements`` add the rest: a duration, another component, a
    key and the size of the input."""
    return _schedule("trading_data", name, func, memory_mb, priority, requirements, more)


def schedule_ml_task(name: str, func: Callable[..., Any], memory_mb: Optional[float],
                     priority: Priority = TaskPriority.NORMAL, *,
                     requirements: Optional[ResourceRequirements] = None, **more: Any) -> str:
    """The same of ``ml_models``."""
    return _schedule("ml_models", name, func, memory_mb, priority, requirements, more)
