# SPDX-License-Identifier: GPL-2.0-or-later
"""The benches that look at both sides: lend, turns, sibling, crowd, mix, savings. Their records are figures by system and round
(tests/bench/sides.sh), one folder a kernel; a metric is the median over the rounds, a ratio that of each round's."""

import csv
import re

import measure
import table

MB = 1 << 20


class Figures:
    """figures.csv of one boot. What was not measured is None."""

    def __init__(self, folder):
        self.folder = folder
        self.values = {}
        for row in csv.DictReader(measure.read_text(folder / "figures.csv").splitlines()):
            self.values.setdefault((row["system"], row["name"]), {})[row["round"]] = float(row["value"])

    def systems(self):
        """In the order of first appearance."""
        return list(dict.fromkeys(system for system, _ in self.values))

    def rounds(self, system, name):
        return self.values.get((system, name), {})

    def median(self, system, name):
        return measure.median(list(self.rounds(system, name).values()))

    def largest(self, system, name):
        return max(self.rounds(system, name).values(), default=None)

    def total(self, system, name):
        found = self.rounds(system, name)
        return sum(found.values()) if found else None

    def ratio(self, system, name, base):
        """Of what ended: a round in which the system was given up has none."""
        whole = self.rounds(base, name)
        return measure.median([measure.ratio(value, whole.get(each))
                               for each, value in self.rounds(system, name).items()])


# ---- lend ----

def paces(path):
    """When a hog had grown to how many MB, in ms after its start."""
    text = measure.read_text(path)
    start = re.search(r"START .*at_ms=(\d+)", text)
    if not start:
        return {}
    found = re.findall(r"^(?:P|FULL) mb=(\d+) at_ms=(\d+)", text, re.MULTILINE)
    return {int(megabytes): int(at_ms) - int(start[1]) for megabytes, at_ms in found}


def owner_lags_ms(folder, system):
    """How far each return of the owner fell behind its own pace at the most; None for one that did not come up."""
    own = paces(folder / f"{system}-owner-0.log")
    lags = []
    for path in sorted(folder.glob(f"{system}-owner-[1-9].log")):
        pace = paces(path)
        lags.append(max(pace[at] - own[at] for at in own) if own and own.keys() <= pace.keys() else None)
    return lags


def lend_of(figures, system):
    lags = owner_lags_ms(figures.folder, system)
    samples = measure.read_table(figures.folder / f"{system}-mon.csv")
    refaulted = figures.median(system, "refaulted_bytes")
    took_ms = figures.median(system, "refaulted_ms")
    return {
        "completion_ratio": figures.ratio(system, "completion_ms", "none"),
        "swapped_bytes": figures.median(system, "swapped_bytes"),
        "owner_lag_first_ms": lags[0] if lags else None,
        "owner_lag_learned_ms": measure.median(lags[1:]),
        "owner_swapped_bytes": max((row["owner.swap_kb"] for row in samples), default=0) * 1024 if samples else None,
        "hot_reclaim_bytes_per_s": refaulted * 1000 / took_ms if took_ms else None,
    }


# ---- turns ----

def turns_of_set(figures, system, jobs):
    unfinished = figures.total(system, f"{jobs}_unfinished")
    longest_ms = figures.largest(system, f"{jobs}_longest_wait_ms")
    return {
        "over_serial": figures.ratio(system, f"{jobs}_ms", "serial"),
        "unfinished": unfinished,
        "killed": figures.total(system, f"{jobs}_killed"),
        "longest_wait_s": longest_ms / 1000 if longest_ms is not None else None,
    }


def turns_of(figures, system):
    two, three = (turns_of_set(figures, system, jobs) for jobs in ("two", "three"))
    return two | {f"three_{name}": value for name, value in three.items()}


# ---- sibling ----

def sibling_of(figures, system):
    return {
        "sibling_ratio": figures.ratio(system, "sibling_ms", "alone"),
        "unfinished": figures.total(system, "unfinished"),
        "sibling_longest_pause_ms": figures.largest(system, "longest_pause_ms"),
        "sibling_swapped_bytes": figures.largest(system, "swapped_bytes"),
        "leak_alive": figures.median(system, "leak_alive"),
    }


# ---- crowd ----

def crowd_of(figures, system):
    longest_ms = figures.largest(system, "longest_wait_ms")
    return {
        "over_queue": figures.ratio(system, "all_ms", "queue"),
        "unfinished": figures.total(system, "unfinished"),
        "ended": figures.median(system, "ended"),
        "killed": figures.total(system, "killed"),
        "longest_wait_s": longest_ms / 1000 if longest_ms is not None else None,
    }


# ---- mix ----

PROTECTED = ("trading_data", "cache", "database")


def p99_ratios(figures, system):
    """Of each service: beside the batch over calm."""
    folder = figures.folder / system
    calm_from, calm_to, batch_from, makespan = (
        figures.median(system, name) for name in ("calm_from_ms", "calm_to_ms", "batch_from_ms", "makespan_ms"))
    return [measure.latency_ratios(measure.read_samples(folder / f"{name}.csv"), (calm_from, calm_to),
                                   (batch_from, batch_from + makespan))["p99_ratio"] for name in PROTECTED]


def most_swapped_bytes(figures, system):
    """The most that the services had in swap at once, beside the batch."""
    from_ms = figures.median(system, "batch_from_ms")
    samples = measure.read_table(figures.folder / system / "mon.csv")
    return max((sum(max(row[f"{name}.swap_kb"], 0) for name in PROTECTED) for row in samples
                if row["at_ms"] >= from_ms), default=0) * 1024


def mix_of(figures, system):
    row = {"batch_makespan_ratio": figures.ratio(system, "makespan_ms", "serial")}
    row |= {name: figures.median(system, name) for name in ("unfinished", "batch_done", "killed")}
    row |= {"protected_p99_ratio": None, "protected_swapped_bytes": None}
    if figures.median(system, "batch_from_ms") is not None:
        ratios = p99_ratios(figures, system)
        row["protected_p99_ratio"] = None if None in ratios else max(ratios)
        row["protected_swapped_bytes"] = most_swapped_bytes(figures, system)
    return row


# ---- savings ----

SETTLED_PART = 3  # of the time that the work takes, the last part: what was taken by then stays so


def held_bytes(figures, system):
    """What all had in memory at the mean, of which some was read again by then."""
    from_ms, to_ms = (figures.median(system, name) for name in ("from_ms", "to_ms"))
    samples = measure.read_table(figures.folder / f"{system}-mon.csv")
    if from_ms is None or to_ms is None:
        return None
    settled_ms = to_ms - (to_ms - from_ms) / SETTLED_PART
    rows = [row["pool.current_kb"] for row in samples if settled_ms <= row["at_ms"] <= to_ms]
    return sum(rows) / len(rows) * 1024 if rows else None


def savings_of(figures, system):
    """Over nothing: what was held less, without what the system itself takes; the slower of both works."""
    held, whole = held_bytes(figures, system), held_bytes(figures, "none")
    own = figures.median(system, "own_bytes")
    ratios = [figures.ratio(system, name, "none") for name in ("service_ms", "job_ms")]
    saved = None if None in (held, whole, own) else whole - held - own
    cold = figures.median("stack", "cold_bytes")
    return {
        "net_saved_bytes": saved,
        "of_cold": measure.ratio(saved, cold),
        "slowdown": None if None in ratios else max(ratios),
    }


# ---- tables ----

def over(row, name, unfinished):
    """A ratio, or what it is more than where a system was given up."""
    value = row[name]
    if value is None:
        return table.Cell("-", "dim")
    return table.Cell(f"> {value:.1f}x", "bad") if row[unfinished] else table.Cell(f"{value:.2f}x")


def rate(value):
    return table.Cell("-", "dim") if value is None else table.show_number(value / MB, 1, " MB/s")


SHOWN = {
    "lend": (lend_of, {
        "job over no limits": lambda row: table.show_number(row["completion_ratio"], 2, "x"),
        "swapped": lambda row: table.show_bytes(row["swapped_bytes"]),
        "owner lags first": lambda row: table.show_number(row["owner_lag_first_ms"], 0, " ms"),
        "learned": lambda row: table.show_number(row["owner_lag_learned_ms"], 0, " ms"),
        "owner swapped": lambda row: table.show_bytes(row["owner_swapped_bytes"]),
        "hot reclaim": lambda row: rate(row["hot_reclaim_bytes_per_s"]),
    }),
    "turns": (turns_of, {
        "two of 55 % over serial": lambda row: over(row, "over_serial", "unfinished"),
        "killed": lambda row: table.show_number(row["killed"], 0),
        "longest wait": lambda row: table.show_number(row["longest_wait_s"], 1, " s"),
        "three of 40 %": lambda row: over(row, "three_over_serial", "three_unfinished"),
        "killed of them": lambda row: table.show_number(row["three_killed"], 0),
        "their longest wait": lambda row: table.show_number(row["three_longest_wait_s"], 1, " s"),
    }),
    "sibling": (sibling_of, {
        "sibling over alone": lambda row: over(row, "sibling_ratio", "unfinished"),
        "longest pause": lambda row: table.show_number(row["sibling_longest_pause_ms"], 0, " ms"),
        "swapped": lambda row: table.show_bytes(row["sibling_swapped_bytes"]),
        "leak alive": lambda row: table.Cell("-", "dim") if row["leak_alive"] is None
        else table.show_yes(row["leak_alive"] > 0),
    }),
    "crowd": (crowd_of, {
        "over the queue": lambda row: over(row, "over_queue", "unfinished"),
        "ended": lambda row: table.show_number(row["ended"], 0),
        "killed": lambda row: table.show_number(row["killed"], 0),
        "longest wait": lambda row: table.show_number(row["longest_wait_s"], 1, " s"),
    }),
    "savings": (savings_of, {
        "saved, net": lambda row: table.show_bytes(row["net_saved_bytes"], zero_is_good=False),
        "of what is cold": lambda row: table.show_number(row["of_cold"], 2),
        "slowdown": lambda row: table.show_number(row["slowdown"], 3, "x"),
    }),
    "mix": (mix_of, {
        "worst p99 of a service": lambda row: table.show_ratio(row["protected_p99_ratio"]),
        "services swapped": lambda row: table.show_bytes(row["protected_swapped_bytes"]),
        "batch done": lambda row: table.show_number(row["batch_done"], 0),
        "killed": lambda row: table.show_number(row["killed"], 0),
        "makespan over serial": lambda row: over(row, "batch_makespan_ratio", "unfinished"),
    }),
}


def reduce(name, folders):
    """Metrics by kernel and system, and the figures themselves."""
    of_system, _ = SHOWN[name]
    metrics, runs = {}, []
    for folder in folders:
        figures = Figures(folder)
        metrics[folder.name] = {system: of_system(figures, system) for system in figures.systems() if system != "stack"}
        runs += [{"kernel": folder.name, "system": system, "figure": figure, "rounds": list(rounds.values())}
                 for (system, figure), rounds in figures.values.items()]
    return metrics, runs


def show(name, metrics):
    _, columns = SHOWN[name]
    rows = [[kernel, system, *(cell(row) for cell in columns.values())]
            for kernel, systems in metrics.items() for system, row in systems.items()]
    return ["kernel", "system", *columns], rows
