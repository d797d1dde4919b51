# SPDX-License-Identifier: LGPL-2.1-or-later
"""A function in a process of its own. The child waits for a word before it begins, in which time
uwd may put it elsewhere, and sends back a result or what was raised, with its traceback."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import Any, Callable, Mapping, Optional, Sequence, Tuple

from .places import STOP_S


class ChildTraceback(Exception):
    """The traceback of what a child raised, as text: the cause of that."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"\n\n{self.text}"


# ---- in the child ----

def _pack(succeeded: bool, value: Any, text: str = "") -> bytes:
    """What cannot be pickled becomes an error that can."""
    try:
        packed = pickle.dumps((succeeded, value, text))
        if not succeeded:
            pickle.loads(packed)  # exceptions are the ones that often come apart only here
        return packed
    except Exception as error:
        text = text or traceback.format_exc()
        what = f"{type(value).__name__} cannot be sent back: {error}" if succeeded else repr(value)
        return pickle.dumps((False, RuntimeError(what), text))


def _serve(ours: Connection, theirs: Optional[Connection], func: Callable[..., Any],
           args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    if theirs is not None:
        theirs.close()  # else it would not see the parent's end
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        ours.recv_bytes()
    except EOFError:
        os._exit(1)
    try:
        packed = _pack(True, func(*args, **kwargs))
    except BaseException as error:
        packed = _pack(False, error, traceback.format_exc())
    sys.stdout.flush()
    ours.send_bytes(packed)


# ---- in the parent ----

def _frozen(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8") as lines:
            path = next(line.strip()[3:] for line in lines if line.startswith("0::"))
        with open(f"/sys/fs/cgroup{path}/cgroup.events", encoding="ascii") as events:
            return "frozen 1\n" in events.readlines()
    except (OSError, StopIteration):
        return False


class Child:
    """One, from its start, after which it waits for begin(), to its end."""

    def __init__(self, method: str, func: Callable[..., Any], args: Sequence[Any],
                 kwargs: Mapping[str, Any]) -> None:
        context: Any = multiprocessing.get_context(method)
        self._pipe, theirs = context.Pipe()
        parents = self._pipe if method == "fork" else None
        self._process = context.Process(target=_serve,
                                        args=(theirs, parents, func, args, kwargs))
        self._timer: Optional[threading.Timer] = None
        self._lock = threading.Lock()
        self._over = False
        try:
            self._process.start()
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    def is_frozen(self) -> bool:
        return not self._over and _frozen(self.pid)

    def begin(self) -> None:
        try:
            self._pipe.send_bytes(b"")
        except BrokenPipeError:
            pass  # it has ended already, which wait() tells

    def wait(self) -> Tuple[Optional[bytes], int]:
        """What it sent, None when it ended before; and its exit status, as multiprocessing's."""
        packed: Optional[bytes] = None
        try:
            packed = self._pipe.recv_bytes()
        except (EOFError, ConnectionResetError):
            pass
        self._process.join()
        with self._lock:
            self._over = True
            if self._timer:
                self._timer.cancel()
        self._pipe.close()
        return packed, int(self._process.exitcode)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL to what has not ended after STOP_S."""
        with self._lock:
            if self._over or self._timer:
                return
            self._process.terminate()
            self._timer = threading.Timer(STOP_S, self._kill)
            self._timer.daemon = True
            self._timer.start()

    def _kill(self) -> None:
        with self._lock:
            if not self._over:
                self._process.kill()


def unpack(packed: bytes) -> Any:
    """Returns what the child returned, or raises what it raised."""
    succeeded, value, text = pickle.loads(packed)
    if succeeded:
        return value
    raise value from ChildTraceback(text)
