# SPDX-License-Identifier: LGPL-2.1-or-later
"""python3 -m unity_wheel.memory [--json]"""

from __future__ import annotations

import argparse
import json
import sys

from .errors import UwNotRunning
from .report import memory_usage_report, report_lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m unity_wheel.memory",
                                     description="Print how the machine's memory is shared out.")
    parser.add_argument("--json", action="store_true", help="the whole report, for programs")
    options = parser.parse_args()
    try:
        report = memory_usage_report()
    except UwNotRunning as error:
        print(f"unity_wheel.memory: {error.strerror}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        print("\n".join(report_lines(report)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
