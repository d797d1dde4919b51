# SPDX-License-Identifier: GPL-2.0-or-later
"""What uwctl top costs beside htop: both in a terminal of 80x24, drawn anew each second, at the same time.

uwctl top watches a uwd over plain files (scene.c), in which a leak grows; htop watches this machine. Prints
"NAME VALUE" lines: CPU time as a share of one processor, the largest resident size, and bytes a redraw.

    python3 tests/bench/top.py SCENE UWCTL [SECONDS]
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "unit"))
from top_terminal import Terminal  # noqa: E402

SIZE = (80, 24)
BEGUN_S = 3  # what starting costs is not what staying costs


def cpu_ns(pid):
    """Time on a processor, as the scheduler counts it (Documentation/scheduler/sched-stats.rst)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def peak_bytes(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    raise ValueError(f"process {pid} tells no peak")


def drain(terminals, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for terminal in terminals.values():
            if not terminal.read(0.05):
                raise RuntimeError(f"it ended: {terminal.text()}")


def measure(terminals, seconds):
    before = {name: (cpu_ns(terminal.pid), len(terminal.sent)) for name, terminal in terminals.items()}
    began = time.monotonic()
    drain(terminals, seconds)
    took = time.monotonic() - began
    for name, terminal in terminals.items():
        cpu, sent = before[name]
        print(f"{name}_cpu_pct {(cpu_ns(terminal.pid) - cpu) / took / 1e7:.4f}")
        print(f"{name}_rss_bytes {peak_bytes(terminal.pid)}")
        print(f"{name}_redraw_bytes {(len(terminal.sent) - sent) / took:.1f}")


def main():
    scene, uwctl = sys.argv[1:3]
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 30
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        socket = f"{scratch}/uwd.sock"
        uwd = subprocess.Popen([scene, scratch])
        terminals = {}
        try:
            while subprocess.run([uwctl, "status", "--socket", socket], capture_output=True, check=False).returncode:
                if uwd.poll() is not None:
                    raise RuntimeError("the uwd that was to be watched ended")
            terminals["uwctl"] = Terminal([uwctl, "top", "--socket", socket, "-d", "1"], *SIZE)
            terminals["htop"] = Terminal(["/usr/bin/htop", "-d", "10"], *SIZE, HOME=scratch)
            drain(terminals, BEGUN_S)
            measure(terminals, seconds)
            if "LIVE" not in terminals["uwctl"].text():
                raise RuntimeError(terminals["uwctl"].text())
        finally:
            for terminal in terminals.values():
                terminal.close()
            uwd.terminate()
            uwd.wait()


if __name__ == "__main__":
    main()
