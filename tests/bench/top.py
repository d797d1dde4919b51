# SPDX-License-Identifier: GPL-2.0-or-later
"""What uwctl top costs beside htop: both in a terminal of 80x24, drawn anew each second, at the same time.

In a guest, beside a uwd that runs there. Prints "NAME VALUE" lines: CPU time as a share of one processor, the
largest resident size, and bytes a redraw; of uwd the CPU time too, before somebody watches and meanwhile.

    python3 top.py PID-OF-UWD [SECONDS]
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from top_terminal import Terminal

SIZE = (80, 24)
BEGUN_S = 3  # what starting costs is not what staying costs


def cpu_ns(pid):
    """Time on a processor of all its threads, as the scheduler counts it (Documentation/scheduler/sched-stats.rst)."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def peak_bytes(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    raise ValueError(f"process {pid} tells no peak")


def drain(terminals, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for terminal in terminals:
            if not terminal.read(0.05):
                raise RuntimeError(f"it ended: {terminal.text()}")
        if not terminals:
            time.sleep(0.05)


def shares_pct(pids, terminals, seconds):
    """Of one processor, by the name of each process, while the terminals are read."""
    before = {name: cpu_ns(pid) for name, pid in pids.items()}
    began = time.monotonic()
    drain(terminals, seconds)
    took = time.monotonic() - began
    return {name: (cpu_ns(pid) - before[name]) / took / 1e7 for name, pid in pids.items()}


def measure(uwd, terminals, seconds):
    pids = {"uwd": uwd, **{name: terminal.pid for name, terminal in terminals.items()}}
    sent = {name: len(terminal.sent) for name, terminal in terminals.items()}
    for name, share in shares_pct(pids, terminals.values(), seconds).items():
        print(f"{name}_cpu_pct {share:.4f}")
    for name, terminal in terminals.items():
        print(f"{name}_rss_bytes {peak_bytes(terminal.pid)}")
        print(f"{name}_redraw_bytes {(len(terminal.sent) - sent[name]) / seconds:.1f}")


def main():
    uwd = int(sys.argv[1])
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 30
    print(f"uwd_alone_cpu_pct {shares_pct({'uwd': uwd}, [], seconds)['uwd']:.4f}")
    terminals = {}
    with tempfile.TemporaryDirectory() as home:
        try:
            terminals["uwctl"] = Terminal([shutil.which("uwctl"), "top", "-d", "1"], *SIZE)
            terminals["htop"] = Terminal(["/usr/bin/htop", "-d", "10"], *SIZE, HOME=home)
            drain(terminals.values(), BEGUN_S)
            measure(uwd, terminals, seconds)
            if "LIVE" not in terminals["uwctl"].text() or "Load average" not in terminals["htop"].text():
                raise RuntimeError("\n".join(terminal.text() for terminal in terminals.values()))
            for name, terminal in terminals.items():
                print(terminal.text(), file=sys.stderr)
        finally:
            for terminal in terminals.values():
                terminal.close()


if __name__ == "__main__":
    main()
