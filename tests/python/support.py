# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of the Python package share: a lease server of their own, a fresh package, waiting."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("UW_BUILD", TOP / "build"))
PACKAGE = TOP / "user" / "python"
sys.path.insert(0, str(PACKAGE))
os.environ["UW_LIBRARY"] = str(BUILD / "libuw.so.0")
os.environ.pop("UW_MODE", None)

from unity_wheel.memory import manager, scheduler  # noqa: E402
from unity_wheel.memory.local import LocalLedger  # noqa: E402
from unity_wheel.memory.uwd import UwdLedger  # noqa: E402

MIB = 1 << 20
BUDGETS = {"trading_data": 400, "ml_models": 600, "database": 500, "cache": 200}
HANG_S = 30  # a test that waits for what does not come


def wait_until(condition, what="it"):
    end = time.monotonic() + HANG_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come in {HANG_S} s")
        time.sleep(0.005)


@contextlib.contextmanager
def interrupted(case, when):
    """Its block is ended by SIGINT after when(). The signal comes to another thread: so it ends no
    sleep, as one that comes just before a sleep does not."""
    # In the background a shell has it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    case.addCleanup(signal.signal, signal.SIGINT, before)

    def interrupt():
        when()
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with case.assertRaises(KeyboardInterrupt):
        yield
        thread.join()
    thread.join()


class Server:
    """build/tests/python/lease_server, with components of so many MiB; options follow the size."""

    def __init__(self, components=None):
        self._folder = tempfile.TemporaryDirectory(prefix="uw-py-")
        self.socket = os.path.join(self._folder.name, "lease.sock")
        self._words = [f"{name}={size}" for name, size in (components or BUDGETS).items()]
        self.start()

    def start(self):
        environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        self._process = subprocess.Popen(
            [BUILD / "tests/python/lease_server", self.socket, self.socket + ".leases",
             *self._words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment)
        if self._process.stdout.readline() != "ready\n":
            raise AssertionError("the lease server did not start")

    def kill(self):
        self._process.kill()
        self._process.communicate()

    def close(self):
        self.kill()
        self._folder.cleanup()

    def say(self, line):
        """Returns the number that answers it: how many leases there are, but for "ended"."""
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def leases(self):
        return self.say("leases")

    def ended_input_mib(self):
        return self.say("ended")


def fresh():
    """As a process that has just begun."""
    manager._forget()
    scheduler._forget()


class Case(unittest.TestCase):
    """Of one ledger, which is the process's own."""

    def use(self, ledger):
        fresh()
        self.addCleanup(fresh)
        self.ledger = ledger
        manager._manager = manager.UnifiedMemoryManager(ledger)
        self.manager = manager._manager

    def leased(self, component):
        """By leases, and by pools that the ledger knows as such."""
        found = self.ledger.report()["components"][component]
        return (found["leased_bytes"] + found.get("pool_bytes", 0)) / MIB


class LocalCase(Case):
    def setUp(self):
        self.use(LocalLedger({name: size * MIB for name, size in BUDGETS.items()}))


class ServerCase(Case):
    components = None

    def setUp(self):
        self.server = Server(self.components)
        self.addCleanup(self.server.close)
        self.use(UwdLedger(self.server.socket))


def run_python(*arguments, **environment):
    """A Python of the same kind, with the package; what it printed."""
    found = subprocess.run(
        [sys.executable, "-B", *arguments], capture_output=True, text=True, timeout=4 * HANG_S,
        env={**os.environ, "PYTHONPATH": str(PACKAGE), **environment})
    if found.returncode:
        raise AssertionError(f"exit {found.returncode}: {found.stderr}")
    return found.stdout
