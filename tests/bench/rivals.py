# SPDX-License-Identifier: GPL-2.0-or-later
"""bench-rivals: what each load does to two services that must stay fast, by the system that stands between them.

Records are folders LOAD-SYSTEM of one boot each (tests/bench/rivals.sh); LOAD-alone says how long the work takes."""

import math
import re

import measure
import protect
import table

LOADS = ("ramp20", "ramp60", "ramp200", "step", "leak", "thrash", "tree", "shmem")
SYSTEMS = ("uwctl", "none", "low", "static", "earlyoom", "nohang", "psi-notify", "oomd", "senpai", "systemd-oomd")
NAMES = {"none": "nothing", "low": "memory.low", "static": "static high/max", "senpai": "oomd's senpai"}
KILLING = ("earlyoom", "nohang", "oomd", "senpai", "systemd-oomd")
SERVICES = ("cache", "database")
SECOND_MS = 1000


def name_of(system):
    return NAMES.get(system, system)


# ---- one run ----

def read_figures(folder):
    rows = (line.split(",") for line in measure.read_text(folder / "figures.csv").splitlines()[1:])
    return {name: float(value) for _, _, name, value in rows}


def log_time_ms(text, word):
    """When the load said that; None when it did not."""
    found = re.search(rf"^{word}\b.*at_ms=(\d+)", text, re.MULTILINE)
    return float(found[1]) if found else None


def onset_of(samples, load_ms):
    """The first stall of a service, and of anything, after the load began."""
    stalls = [protect.onset_ms(samples, f"{name}.some_us", load_ms) for name in SERVICES]
    pressed = protect.onset_ms(samples, "some_us", load_ms, protect.PSI_NOISE_US)
    return min((at_ms for at_ms in stalls if at_ms is not None), default=None), pressed


def first_sample(samples, from_ms, condition):
    return next((row["at_ms"] for row in samples if row["at_ms"] > from_ms and condition(row)), None)


def first_rise(samples, column, from_ms):
    base = next((row[column] for row in reversed(samples) if row["at_ms"] <= from_ms), 0)
    return first_sample(samples, from_ms, lambda row: row[column] > max(base, 0))


def notices(folder, from_ms):
    """When psi-notify told somebody, or would have on a desktop: each line of its log begins with its time."""
    found = re.findall(r"^(\d+) .*Memory alert", measure.read_text(folder / "daemon.log"), re.MULTILINE)
    return [float(at_ms) for at_ms in found if float(at_ms) >= from_ms]


def actions_of(folder, system, samples, load_ms, killed_ms):
    """What the system did by its own log, and what can be seen from outside; a limit acts where the kernel says so."""
    times = protect.logged_actions(folder, load_ms) + protect.observed_actions(folder, samples, load_ms)
    if system == "static":
        times += [first_rise(samples, "ml.ev_high", load_ms), first_rise(samples, "ml.ev_max", load_ms)]
    if system == "senpai":
        times.append(first_sample(samples, load_ms, lambda row: row["hog.high_kb"] >= 0))
    if system == "psi-notify":
        times += notices(folder, load_ms)
    times.append(killed_ms)
    return sorted(at_ms for at_ms in times if at_ms is not None)


def worst(ratios, name):
    values = [each[name] for each in ratios.values()]
    return None if None in values else max(values)


def by_second(samples, from_ms, to_ms):
    """The longest latency of what was due in each second after the load began, in ms."""
    seconds = {}
    end_ms = samples[-1][0] + measure.UNANSWERED_MARGIN_MS if samples else 0
    for due, latency in samples:
        if from_ms <= due < to_ms:
            latency_ms = latency / 1000 if latency != measure.LOST else end_ms - due
            second = int((due - from_ms) / SECOND_MS)
            seconds[second] = max(seconds.get(second, 0), latency_ms)
    return [seconds.get(second) for second in range(max(seconds, default=-1) + 1)]


def stalled_s(samples, load_ms, end_ms):
    """Of the service that stalled most."""
    def rise(column):
        before = next((row[column] for row in reversed(samples) if row["at_ms"] <= load_ms), 0)
        return max((row[column] for row in samples if load_ms < row["at_ms"] <= end_ms), default=before) - before

    return max(rise(f"{name}.some_us") for name in SERVICES) / 1e6


def outcome(folder, events, alone_ms):
    """What became of the load's work."""
    log = measure.read_text(folder / "hog.log")
    start_ms = log_time_ms(log, "START")
    done_ms = log_time_ms(log, "DONE")
    exit_ms = measure.event_ms(events, "load exit")
    lost = re.search(r"^LOST lost=(\d+)", log, re.MULTILINE)
    killed = exit_ms is not None and done_ms is None
    return {
        "load_killed": (int(lost[1]) if lost else 1) if killed else 0,
        "load_unfinished": exit_ms is None,
        "killed_ms": (log_time_ms(log, r"SIG\d+") or exit_ms) if killed else None,
        "work_lost_s": (exit_ms - start_ms) / 1000 if killed else 0.0,
        "completion_ratio": None if done_ms is None else measure.ratio(done_ms - start_ms, alone_ms),
    }


def bystander_of(folder, figures):
    """How long it took over what its pace wants; None when it was killed or did not come to its end."""
    log = measure.read_text(folder / "bystander.log")
    done = re.search(r"^DONE .*work_ms=(\d+)", log, re.MULTILINE)
    pace_ms = figures.get("bystander_pace_ms")
    if pace_ms is None:
        return {"bystander_completion_ratio": None, "bystander_killed": 0}
    return {
        "bystander_completion_ratio": measure.ratio(float(done[1]), pace_ms) if done else None,
        "bystander_killed": 0 if log else 1,
    }


def alone_ms_of(folder):
    log = measure.read_text(folder / "hog.log")
    start_ms, done_ms = log_time_ms(log, "START"), log_time_ms(log, "DONE")
    return None if None in (start_ms, done_ms) else done_ms - start_ms


def costs(figures):
    """Of the system's own processes, in calm and from there to the episode's end; none of the kernel's own ways."""
    if "calm_cpu_ns" not in figures:
        return {"rss_bytes": 0, "calm_cpu_ms_per_s": 0.0, "episode_cpu_ms": 0.0}
    calm_s = (figures["calm_to_ms"] - figures["calm_from_ms"]) / 1000
    return {
        "rss_bytes": max(figures["calm_rss_kb"], figures.get("end_rss_kb", 0)) * 1024,
        "calm_cpu_ms_per_s": (figures["calm_cpu_ns"] - figures["begin_cpu_ns"]) / 1e6 / calm_s,
        "episode_cpu_ms": (figures["end_cpu_ns"] - figures["calm_cpu_ns"]) / 1e6 if "end_cpu_ns" in figures else None,
    }


def measure_run(folder, alone_ms):
    load, system = folder.name.split("-", 1)
    events = measure.read_events(folder / "events")
    samples = measure.read_table(folder / "mon.csv")
    figures = read_figures(folder)
    load_ms, end_ms = (measure.event_ms(events, word) for word in ("load start", "episode end"))
    if not samples or None in (load_ms, end_ms):
        raise ValueError(f"{folder}: the run is incomplete")

    work = outcome(folder, events, alone_ms)
    bystander = bystander_of(folder, figures)
    stall_ms, pressed_ms = onset_of(samples, load_ms)
    start_ms = stall_ms if stall_ms is not None else pressed_ms
    actions = actions_of(folder, system, samples, load_ms, work.pop("killed_ms"))
    starts = [at_ms for at_ms in (stall_ms, pressed_ms) if at_ms is not None]
    episode = (min(starts, default=load_ms), end_ms)
    calm = (figures["calm_from_ms"], figures["calm_to_ms"])
    latencies = {name: measure.read_samples(folder / f"{name}.csv") for name in SERVICES}
    ratios = {name: measure.latency_ratios(latencies[name], calm, episode) for name in SERVICES}
    return {
        "load": load, "system": system,
        "first_action_after_onset_s": (actions[0] - start_ms) / 1000 if actions and starts else None,
        "onset_s": (start_ms - load_ms) / 1000 if starts else None,
        "onset_of": "protected" if stall_ms is not None else "system" if pressed_ms is not None else None,
        **{f"{name}_ratio": worst(ratios, f"{name}_ratio") for name in ("p50", "p99", "max")},
        "by_service": ratios,
        "protected_swapped_bytes": sum(peak_swapped(samples, name, load_ms, end_ms) for name in SERVICES),
        "protected_stall_s": stalled_s(samples, load_ms, end_ms),
        "killed": work["load_killed"] + int(figures["services_killed"]) + bystander["bystander_killed"],
        "services_killed": int(figures["services_killed"]),
        "work_lost_s": work["work_lost_s"],
        "hog_completion_ratio": work["completion_ratio"],
        "hog_unfinished": work["load_unfinished"],
        "bystander_completion_ratio": bystander["bystander_completion_ratio"],
        **costs(figures),
        "slowest_ms_by_second": {name: by_second(latencies[name], load_ms, end_ms) for name in SERVICES},
    }


def peak_swapped(samples, name, load_ms, end_ms):
    return protect.peak([row for row in samples if load_ms < row["at_ms"] <= end_ms], f"{name}.swap_kb")


FIGURES = ("first_action_after_onset_s", "onset_s", "onset_of", "p50_ratio", "p99_ratio", "max_ratio",
           "protected_swapped_bytes", "protected_stall_s", "killed", "services_killed", "work_lost_s",
           "hog_completion_ratio", "hog_unfinished", "bystander_completion_ratio", "rss_bytes", "calm_cpu_ms_per_s", "episode_cpu_ms")


def reduce(folders):
    """Metrics by load and system; what did not come to its end has none."""
    alone = {folder.name.removesuffix("-alone"): alone_ms_of(folder) for folder in folders
             if folder.name.endswith("-alone")}
    runs = []
    for folder in folders:
        load = folder.name.split("-", 1)[0]
        if folder.name.endswith("-alone") or not (folder / "figures.csv").exists():
            continue
        if measure.event_ms(measure.read_events(folder / "events"), "end") is not None:
            runs.append(measure_run(folder, alone.get(load)))
    runs.sort(key=lambda run: (LOADS.index(run["load"]), SYSTEMS.index(run["system"])))
    metrics = {}
    for run in runs:
        metrics.setdefault(run["load"], {})[name_of(run["system"])] = {name: run[name] for name in FIGURES}
    return metrics, runs


# ---- who does better, and at what price ----

# A figure, in words, and how far a rival has to be below uwctl to do better: ratios of single runs differ that much.
LESS_IS_BETTER = (
    ("first_action_after_onset_s", "first action", "{:.2f} s", 1.0, 0.05),
    ("p50_ratio", "p50", "{:.1f}x", 1.25, 0.1),
    ("p99_ratio", "p99", "{:.1f}x", 1.25, 0.1),
    ("max_ratio", "slowest", "{:.1f}x", 1.5, 0.2),
    ("protected_swapped_bytes", "bytes swapped of the services", "{:,.0f}", 1.0, 1 << 20),
    ("protected_stall_s", "stall of the services", "{:.2f} s", 1.5, 0.05),
    ("killed", "killed", "{:.0f}", 1.0, 0),
    ("work_lost_s", "work lost", "{:.1f} s", 1.0, 0),
    ("hog_completion_ratio", "the load's time over alone", "{:.2f}x", 1.05, 0),
    ("bystander_completion_ratio", "the bystander's time", "{:.2f}x", 1.05, 0),
)


def is_better(rival, own, times, more):
    """None is the worst: no action, or work that did not end."""
    if rival is None:
        return False
    return own is None or rival * times + more < own


def compared(row, figure):
    """No service stalled: nothing can have come earlier than that."""
    if figure == "first_action_after_onset_s" and row["onset_of"] != "protected":
        return -math.inf
    return row[figure]


def say(value, form):
    return "none" if value is None else "no stall" if value == -math.inf else form.format(value)


def price_of(rival, own):
    """What the rival did worse than uwctl on the same load."""
    return gains_of(own, rival, lambda mine, its, words: f"{words} {its} against {mine}")


def gains_of(one, other, phrase):
    """Where `one` does better, as phrase(its, the other's, words)."""
    return [phrase(say(compared(one, name), form), say(compared(other, name), form), words)
            for name, words, form, times, more in LESS_IS_BETTER
            if is_better(compared(one, name), compared(other, name), times, more)]


def better(metrics):
    """A line for each figure in which a rival does better, with what it costs there."""
    lines = []
    for load, systems in metrics.items():
        own = systems.get("uwctl")
        for name, rival in systems.items():
            if name == "uwctl" or not own:
                continue
            gains = gains_of(rival, own, lambda its, mine, words: f"{words} {its} against {mine}")
            if gains:
                price = price_of(rival, own)
                lines.append(f"{load}: {name} is better in {', '.join(gains)}; "
                             f"it pays with {', '.join(price) if price else 'nothing'}")
    return lines


BEFORE_STALL = ("ramp20", "ramp60", "ramp200", "leak")
P99_AT_MOST, TIMES_BETTER, STEP_WITHIN_S = 1.5, 3, 0.020


def misses(metrics):
    """What uwctl is to reach, and did not."""
    lines = []
    for load, systems in metrics.items():
        own = systems.get("uwctl")
        if not own:
            continue
        action = own["first_action_after_onset_s"]
        if own["onset_of"] == "protected":
            most = 0 if load in BEFORE_STALL else STEP_WITHIN_S if load == "step" else None
            if most is not None and (action is None or action > most):
                lines.append(f"{load} first_action_after_onset_s: {say(action, '{:.2f}')}, at most {most}")
        for figure in ("protected_swapped_bytes", "killed"):
            if own[figure]:
                lines.append(f"{load} {figure}: {own[figure]}, at most 0")
        if own["hog_completion_ratio"] is None:
            lines.append(f"{load} hog_completion_ratio: the work did not end")
        if load in BEFORE_STALL:
            lines += slow(load, own, systems)
    return lines


def slow(load, own, systems):
    killing = [systems[name_of(each)]["p99_ratio"] for each in KILLING if name_of(each) in systems]
    best = min((value for value in killing if value is not None), default=None)
    lines = []
    if own["p99_ratio"] is None or own["p99_ratio"] > P99_AT_MOST:
        lines.append(f"{load} p99_ratio: {say(own['p99_ratio'], '{:.2f}')}, at most {P99_AT_MOST}")
    if best is not None and own["p99_ratio"] is not None and own["p99_ratio"] * TIMES_BETTER > best:
        beyond = ", which is below calm: out of reach" if best < TIMES_BETTER else ""
        lines.append(f"{load} p99_ratio: {own['p99_ratio']:.2f}, a third of the best killing rival's is "
                     f"{best / TIMES_BETTER:.2f}{beyond}")
    return lines


# ---- the table ----

def action(row):
    if row["onset_of"] != "protected":
        return table.Cell("no stall", "good")
    return table.show_number(row["first_action_after_onset_s"], 2, " s")


def completion(row):
    if row["hog_completion_ratio"] is not None:
        return table.Cell(f"{row['hog_completion_ratio']:.2f}x")
    return table.Cell("unfinished" if row["hog_unfinished"] else "never", "bad")


def show(metrics):
    header = ["load", "system", "first action", "p50", "p99", "slowest", "swapped", "stall", "killed", "lost",
              "the load", "bystander", "resident", "CPU calm", "in episode"]
    rows = []
    for load, systems in metrics.items():
        if rows:
            rows.append(None)
        for name, row in systems.items():
            rows.append([
                load, table.Cell(name, "bold" if name == "uwctl" else None),
                action(row), *(table.show_ratio(row[f"{each}_ratio"]) for each in ("p50", "p99", "max")),
                table.show_bytes(row["protected_swapped_bytes"]),
                table.show_number(row["protected_stall_s"], 2, " s"),
                table.show_number(row["killed"], 0), table.show_number(row["work_lost_s"], 1, " s"),
                completion(row), table.show_number(row["bystander_completion_ratio"], 2, "x"),
                table.show_bytes(row["rss_bytes"], zero_is_good=False),
                table.show_number(row["calm_cpu_ms_per_s"], 1, " ms/s"),
                table.show_number(row["episode_cpu_ms"], 0, " ms")])
    return header, rows


def dearer(metrics):
    """What uwctl itself takes at the most, beside the rivals' processes that take less."""
    most = {}
    for systems in metrics.values():
        for name, row in systems.items():
            rss_bytes, cpu_ms = most.get(name, (0, 0))
            most[name] = max(rss_bytes, row["rss_bytes"]), max(cpu_ms, row["calm_cpu_ms_per_s"])
    own = most.pop("uwctl", None)
    less = [f"{name} {rss_bytes / (1 << 20):.1f} MB and {cpu_ms:.1f} ms/s"
            for name, (rss_bytes, cpu_ms) in most.items()
            if own and rss_bytes and (rss_bytes < own[0] or cpu_ms < own[1])]
    said = f"uwctl takes {own[0] / (1 << 20):.1f} MB and {own[1]:.1f} ms/s of CPU in calm, " if less else ""
    return [said + ", ".join(less)] if less else []


def remarks(metrics):
    """Under the table: each target missed, and each figure in which a rival does better."""
    missed = [f"missed: {line}" for line in misses(metrics)] or ["every target is reached"]
    return missed + better(metrics) + dearer(metrics)
