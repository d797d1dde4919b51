# SPDX-License-Identifier: LGPL-2.1-or-later
"""How other processes get at a pool or a ring of libuw: by the name that uwd knows it by, and whom
its owner lets; or, where uwd does not know it, by a path in /proc, as processes of the same user
do."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import weakref
from typing import Any, NoReturn, Optional, Tuple, Union

from . import binding
from .errors import UwNotRunning
from .manager import UnifiedMemoryManager
from .uwd import UwdLedger, fail

NOBODY = (1 << 32) - 1
MODES = 0o666

_NAME = re.compile("[a-z0-9][a-z0-9_-]{0,30}")

# By (process, kind, where): one that this process has it attaches to by its file.
_known: "weakref.WeakValueDictionary[Tuple[int, str, str], Shared]" = weakref.WeakValueDictionary()


def uwd_handle(manager: UnifiedMemoryManager) -> Optional[binding.Handle]:
    """None in local mode."""
    ledger = manager.ledger
    return ledger.handle() if isinstance(ledger, UwdLedger) else None


def name_for(handle: Optional[binding.Handle], name: str) -> Optional[bytes]:
    """As libuw takes it; None where it makes one up. uwd's names are 1 to 31 of a-z, 0-9, _ and -."""
    if not name:
        return None
    if handle is not None and not _NAME.fullmatch(name):
        raise ValueError(f"name must be 1 to 31 of a-z, 0-9, _ and -, not {name!r}")
    return name.encode("utf-8", "replace")


def _fail_to_attach(rc: int, where: str) -> NoReturn:
    if rc == -errno.ENOENT:
        raise FileNotFoundError(errno.ENOENT, "uwd knows no such pool", where)
    if rc == -errno.EACCES:
        raise PermissionError(errno.EACCES, "its owner does not share it so with this process",
                              where)
    if rc == -errno.ENOTUNIQ:
        raise OSError(errno.ENOTUNIQ, "several users share one of that name: say UID/NAME", where)
    if rc == -errno.EEXIST:
        raise FileExistsError(errno.EEXIST, "this process has it", where)
    fail(rc)


class Shared:
    """A pool or a ring: kind is what libuw's functions begin with."""

    kind = ""

    def __init__(self, at: ctypes.c_void_p) -> None:
        self._call = binding.library()
        self._at = at
        name = self._function("name")(at) if binding.has(f"{self.kind}_name") else None
        self._name = name.decode() if name else ""
        if self._name:
            _known[os.getpid(), self.kind, self._name] = self

    def _function(self, name: str) -> Any:
        return getattr(self._call, f"{self.kind}_{name}")

    @classmethod
    def find(cls, manager: UnifiedMemoryManager, where: Union[int, str],
             writable: bool) -> ctypes.c_void_p:
        """Attached to, by what share() says or a file descriptor. Only a name is asked of uwd."""
        if isinstance(where, int):
            return cls._find_fd(where, writable)
        if where.startswith("/"):
            fd = os.open(where, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
            try:
                return cls._find_fd(fd, writable)
            finally:
                os.close(fd)
        return cls._find_name(uwd_handle(manager), where, writable)

    @classmethod
    def _find_fd(cls, fd: int, writable: bool) -> ctypes.c_void_p:
        at = ctypes.c_void_p()
        rc = getattr(binding.library(), f"{cls.kind}_attach_fd")(fd, int(writable),
                                                                ctypes.byref(at))
        if rc:
            fail(rc)
        return at

    @classmethod
    def _find_name(cls, handle: Optional[binding.Handle], where: str,
                   writable: bool) -> ctypes.c_void_p:
        if handle is None or not binding.has(f"{cls.kind}_attach"):
            raise UwNotRunning(errno.ENOTCONN, "there is no uwd that knows a pool by its name")
        at = ctypes.c_void_p()
        rc = getattr(binding.library(), f"{cls.kind}_attach")(
            handle, where.encode("utf-8", "replace"), int(writable), ctypes.byref(at))
        known = _known.get((os.getpid(), cls.kind, where)) if rc == -errno.EEXIST else None
        own, slash, name = where.partition("/")
        if rc == -errno.EEXIST and known is None and slash and own == str(os.geteuid()):
            known = _known.get((os.getpid(), cls.kind, name))
        if known is not None:
            return cls._find_fd(known.fileno(), writable)
        if rc:
            _fail_to_attach(rc, where)
        return at

    def fileno(self) -> int:
        return int(self._function("fd")(self._at))

    def share(self, uid: Optional[int], gid: Optional[int], mode: Optional[int]) -> str:
        """What find() takes, there. Of the user, of the group and of all others mode says who may
        read and write, as of chmod."""
        asked = uid is not None or gid is not None or mode is not None
        if not self._name:
            if asked:
                raise UwNotRunning(errno.ENOTCONN, "only uwd lets others attach, by a name")
            return f"/proc/{os.getpid()}/fd/{self.fileno()}"
        if asked:
            self._let(uid, gid, mode)
        return self._name if "/" in self._name else f"{os.geteuid()}/{self._name}"

    def _let(self, uid: Optional[int], gid: Optional[int], mode: Optional[int]) -> None:
        if mode is None:
            mode = (0o400 if uid is not None else 0) | (0o040 if gid is not None else 0)
        if mode & ~MODES:
            raise ValueError(f"mode must be of the bits of 0o666, not 0o{mode:o}")
        rc = self._function("share")(self._at, NOBODY if uid is None else uid,
                                     NOBODY if gid is None else gid, mode)
        if rc == -errno.EPERM:
            raise PermissionError(errno.EPERM, "it is another process's to share")
        if rc == binding.STALE:
            raise OSError(errno.ESTALE, "uwd has taken the pool away")
        if rc:
            fail(rc)
