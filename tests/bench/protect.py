# SPDX-License-Identifier: GPL-2.0-or-later
"""bench-protect: what a ramping hog does to a redis, by the system that stands between them."""

import re

import measure

CALM_SETTLE_MS = 2000  # the probe's first seconds do not count
EPISODE_TAIL_MS = 1000  # what was due just before the hog ended is still part of it
PSI_NOISE_US = 1000  # a rise of the system's stall time below this is no onset
RESUME_WITHIN_MS = 20000
RESUME_KB = 1024  # growth that is more than a page touched again

MEDIANS = ("first_action_after_onset_s", "p50_ratio", "p99_ratio", "max_ratio", "protected_swapped_bytes",
           "action_count", "protected_stall_s", "hog_peak_bytes", "calm_p50_us", "calm_p99_us")
ALWAYS = ("hog_alive", "hog_resumed", "protected_alive")


def onset_ms(samples, column, from_ms, noise_us=0):
    """The latest sample after `from_ms` at which the stall time of `column` had not risen yet: no stall is older."""
    base_us = next((row[column] for row in reversed(samples) if row["at_ms"] <= from_ms), 0.0)
    before_ms = from_ms
    for row in samples:
        if row["at_ms"] <= from_ms:
            continue
        if row[column] > base_us + noise_us:
            return before_ms
        before_ms = row["at_ms"]
    return None


def logged_actions(folder, from_ms):
    """When the system under test says that it acted: uwd's act= lines, earlyoom's signals."""
    text = measure.read_text(folder / "daemon.log")
    relief = [action for action in measure.read_actions(text) if action["act"] in measure.RELIEF and "at_us" in action]
    times = [float(action["at_us"]) / 1000 for action in relief]
    return [at_ms for at_ms in times if at_ms >= from_ms]


def observed_actions(folder, samples, from_ms):
    """What can be seen from outside: the hog's cgroup frozen, its OOM kill, its SIGTERM, its end."""
    after = [row for row in samples if row["at_ms"] > from_ms]
    kills = next((row["hog.ev_oom_kill"] for row in reversed(samples) if row["at_ms"] <= from_ms), 0)
    seen = [
        next((row["at_ms"] for row in after if row["hog.frozen"] > 0), None),
        next((row["at_ms"] for row in after if row["hog.ev_oom_kill"] > max(kills, 0)), None),
    ]
    ended = re.search(r"SIG\d+ .*at_ms=(\d+)", measure.read_text(folder / "hog.log"))
    if ended:
        seen.append(float(ended[1]))
    return sorted(at_ms for at_ms in seen if at_ms is not None)


def has_resumed(events, samples):
    """Whether the hog grew further within 20 s of memory becoming free."""
    free_ms = measure.event_ms(events, "memory free")
    if free_ms is None:
        return False
    before_kb = next((row["grown_kb"] for row in reversed(samples) if row["at_ms"] <= free_ms), 0)
    return any(row["grown_kb"] > before_kb + RESUME_KB for row in samples
               if free_ms < row["at_ms"] <= free_ms + RESUME_WITHIN_MS)


def peak(samples, *names):
    return max((sum(max(row[name], 0) for name in names) for row in samples), default=0) * 1024


def measure_run(folder):
    """The figures of one run."""
    events = measure.read_events(folder / "events")
    samples = measure.read_table(folder / "mon.csv")
    calm_ms = measure.event_ms(events, "baseline start")
    hog_ms = measure.event_ms(events, "hog start")
    end_ms = measure.event_ms(events, "episode end")
    if not samples or None in (calm_ms, hog_ms, end_ms):
        raise ValueError(f"{folder}: the run is incomplete")

    stall_ms = onset_ms(samples, "redis.some_us", hog_ms)
    pressed_ms = onset_ms(samples, "some_us", hog_ms, PSI_NOISE_US)
    start_ms = stall_ms if stall_ms is not None else pressed_ms
    logged = logged_actions(folder, hog_ms)
    actions = sorted(logged + observed_actions(folder, samples, hog_ms))
    during = [row for row in samples if hog_ms < row["at_ms"] <= end_ms]
    starts = [at_ms for at_ms in (stall_ms, pressed_ms) if at_ms is not None]
    episode = (min(starts, default=hog_ms), end_ms + EPISODE_TAIL_MS)

    figures = measure.latency_ratios(measure.read_samples(folder / "probe.csv"),
                                     (calm_ms + CALM_SETTLE_MS, hog_ms), episode)
    figures.update({
        "folder": folder.name,
        "onset_s": (start_ms - hog_ms) / 1000 if start_ms else None,
        "onset_of": "protected" if stall_ms is not None else "system" if pressed_ms else None,
        "first_action_s": (actions[0] - hog_ms) / 1000 if actions else None,
        "first_action_after_onset_s": (actions[0] - start_ms) / 1000 if actions and start_ms else None,
        "action_count": len(logged) if logged else len(observed_actions(folder, samples, hog_ms)[:1]),
        "protected_swapped_bytes": peak(during, "redis.swap_kb"),
        "protected_stall_s": max((row["redis.some_us"] for row in during), default=0) / 1e6,
        "protected_alive": measure.event_ms(events, "redis alive") is not None,
        "hog_alive": measure.event_ms(events, "hog alive") is not None,
        "hog_resumed": has_resumed(events, samples),
        "hog_peak_bytes": peak(samples, "hog.current_kb", "hog.swap_kb"),
    })
    return figures


def summarize(runs):
    """Medians of the figures; what is yes or no must hold in every run."""
    metrics = measure.median_of(runs, MEDIANS)
    metrics.update({name: all(run[name] for run in runs) for name in ALWAYS})
    metrics["runs"] = len(runs)
    return metrics
