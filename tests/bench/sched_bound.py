# SPDX-License-Identifier: GPL-2.0-or-later
"""What sizing a trace wastes at least, if each key goes by one rule that is chosen in hindsight.

The protocol is that of `uwctl simulate`'s "sizing": tasks one by one, a try with less than the peak fails at the end
of its run and wastes all that it had. A rule is a fixed size, a share of the request, a line on the size of the input,
or the highest peak of the runs with the nearest inputs, those that come later too; each with the offset or margin that
suits the key best, of a grid. The first run of a key has a share of its request, for all keys the same one. A try that
fails is followed by one with twice as much, up to the request. At most 3 tries in 100 tasks may fail; where to spend
those is chosen in hindsight too, by a Lagrange multiplier: min(waste + price * failed) - price * allowed is a lower
bound of what these rules can do, for any price. What learns as it goes is told none of this; what changes its rule, or
knows more of a task than its key, its request and the size of its input, could waste less.
"""

from collections import defaultdict

FAILED_SHARE = 0.03
LEAST_MB = 1
GB_H = 3600 * 1e9 / 2**20  # MiB s to GB h
OFFSETS = 24  # candidates of an offset, the upper half of the residuals finer
SLOPES = [0.5, 0.8, 1, 1.25]  # times that of least squares
NEAREST = [2, 5, 13, 34]
MARGINS = [1, 1.02, 1.05, 1.2]
PRICES = [0] + [10 * 1.2**step for step in range(-10, 90)]  # MiB s for a try that fails
SHARES = [i / 64 for i in range(1, 65)]


def read(path, capacity_mb):
    """Tasks of a .jobs file as (key, run_s, asked_mb, peak_mb, input_mb)."""
    tasks = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("#") or not line.strip():
                continue
            field = line.split()
            run, asked, peak = float(field[1]), float(field[3]), float(field[4])
            if max(asked, peak) <= capacity_mb:
                tasks.append((field[5], run, asked, peak, float(field[8]) if len(field) > 8 else 0.0))
    return tasks


def cost(task, size):
    """(MiB s wasted, tries that failed) of one that is given so much first."""
    _, run, asked, peak, _ = task
    most = max(asked, peak)
    size, given, failed = min(max(size, LEAST_MB), most), 0.0, 0
    while size < peak:
        given += size
        failed += 1
        size = min(2 * size, most)
    return (given + size - peak) * run, failed


def rule(tasks, sizes):
    wasted = failed = 0
    for task, size in zip(tasks, sizes):
        more, fails = cost(task, size)
        wasted += more
        failed += fails
    return wasted, failed


def offsets(residuals):
    """Some of the residuals, those above the median finer: an offset that is best is one of them."""
    ranked = sorted(set(residuals))
    if len(ranked) <= OFFSETS:
        return ranked
    last = len(ranked) - 1
    return [ranked[round(last * (1 - (1 - i / (OFFSETS - 1)) ** 2))] for i in range(OFFSETS)]


def slope(tasks):
    n = len(tasks)
    x = sum(t[4] for t in tasks) / n
    y = sum(t[3] for t in tasks) / n
    square = sum((t[4] - x) ** 2 for t in tasks)
    return sum((t[4] - x) * (t[3] - y) for t in tasks) / square if square else 0.0


def nearest(tasks):
    """For each of NEAREST the highest peak of so many others, whose inputs are nearest in rank."""
    order = sorted(range(len(tasks)), key=lambda i: (tasks[i][4], i))
    told = {k: [0.0] * len(tasks) for k in NEAREST}
    for at, i in enumerate(order):
        left, right, most = at - 1, at + 1, 0.0
        for count in range(1, max(NEAREST) + 1):
            nearer_left = right == len(order) or (
                left >= 0 and tasks[i][4] - tasks[order[left]][4] <= tasks[order[right]][4] - tasks[i][4])
            if nearer_left and left >= 0:
                most, left = max(most, tasks[order[left]][3]), left - 1
            elif right < len(order):
                most, right = max(most, tasks[order[right]][3]), right + 1
            if count in told:
                told[count][i] = most
    return told


def rules_of(tasks):
    """(wasted, failed) of each rule of a key's runs after the first."""
    results = [rule(tasks, [size] * len(tasks)) for size in offsets([t[3] for t in tasks])]
    results += [rule(tasks, [share * t[2] for t in tasks]) for share in offsets([t[3] / t[2] for t in tasks])]
    if len(tasks) < 2 or not all(t[4] for t in tasks):
        return results
    for times in SLOPES:
        rise = times * slope(tasks)
        results += [rule(tasks, [max(rise * t[4] + more, 0) for t in tasks])
                    for more in offsets([t[3] - rise * t[4] for t in tasks])]
    for sizes in nearest(tasks).values():
        results += [rule(tasks, [margin * size for size in sizes]) for margin in MARGINS]
    return results


def pareto(results):
    """Those that no other is better than in both."""
    kept = []
    for wasted, failed in sorted(set(results)):
        if not kept or failed < kept[-1][1]:
            kept.append((wasted, failed))
    return kept


def bound(tasks):
    """GB h that the rules waste at least, at most FAILED_SHARE of the tries failing."""
    keys = defaultdict(list)
    for task in tasks:
        keys[task[0]].append(task)
    firsts = [runs[0] for runs in keys.values()]
    choices = [pareto([rule(firsts, [share * task[2] for task in firsts]) for share in SHARES])]
    choices += [pareto(rules_of(runs[1:])) for runs in keys.values() if len(runs) > 1]
    allowed = FAILED_SHARE * len(tasks)
    return max(sum(min(w + price * f for w, f in results) for results in choices) - price * allowed
               for price in PRICES) / GB_H
