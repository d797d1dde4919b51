#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A numpy array of 100 MB for another process: in a tensor pool, which that one attaches to, over a
pickle of it through a pipe. Prints "NAME VALUE" lines, each a ratio of medians of the processor time
of both processes, from the array as it is there to the first and the last element as they are seen.

    python3 tests/bench/pools_pass.py
"""

import os
import pickle
import resource
import statistics
import struct
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "user" / "python"))
os.environ.setdefault("UW_LIBRARY", str(TOP / "build" / "libuw.so.0"))
os.environ["UW_MODE"] = "local"

import numpy  # noqa: E402

from unity_wheel.memory import SharedTensorPool  # noqa: E402

ELEMENTS = (100 << 20) // 8
ROUNDS = 7


def cpu_s():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def send(file, packed):
    file.write(struct.pack("=Q", len(packed)))
    file.write(packed)
    file.flush()


def receive(file):
    size, = struct.unpack("=Q", file.read(8))
    return file.read(size)


def look(array):
    return float(array[0]) + float(array[-1])


def read():
    """The other process: answers each message with what it saw and the time that took."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while source.peek(1):
        began = cpu_s()
        value = pickle.loads(receive(source))
        if isinstance(value, tuple):
            pool, ident = value
            seen = look(pool.get_tensor(ident))
            pool.close()
        else:
            seen = look(value)
        pool = value = None  # in the time of the one that made it
        send(sink, pickle.dumps((seen, cpu_s() - began)))


def hand_over(reader, value):
    began = cpu_s()
    send(reader.stdin, pickle.dumps(value, protocol=5))
    own = cpu_s() - began
    seen, theirs = pickle.loads(receive(reader.stdout))
    return seen, own + theirs


def main():
    reader = subprocess.Popen([sys.executable, __file__, "read"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    with SharedTensorPool(128) as pool:
        ident = pool.allocate_tensor(ELEMENTS, "float64")
        array = pool.get_tensor(ident)
        array[:] = numpy.arange(ELEMENTS)
        times = {"pool": [], "pickle": []}
        for _ in range(ROUNDS):
            for way, value in ("pool", (pool, ident)), ("pickle", array):
                seen, taken = hand_over(reader, value)
                if seen != ELEMENTS - 1:
                    raise SystemExit(f"pools_pass: {way}: {seen}")
                times[way].append(taken)
        del array, value
    reader.stdin.close()
    reader.wait()
    medians = {way: statistics.median(taken) for way, taken in times.items()}
    if os.environ.get("POOLS_NS"):
        print("".join(f"{way} {taken * 1e9:.0f} ns\n" for way, taken in medians.items()), end="",
              file=sys.stderr)
    print(f"100_mb_numpy_over_pickle_through_pipe {medians['pool'] / medians['pickle']:.3g}")


if __name__ == "__main__":
    read() if sys.argv[1:] == ["read"] else main()
