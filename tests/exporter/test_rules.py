# SPDX-License-Identifier: GPL-2.0-or-later
"""The alert rules and the dashboard: each alert fires when what it is for happens and all are still
in calm, as promtool evaluates them; each name in both is one that uw-exporter serves.
"""
import json
import os
import re
import subprocess
import tempfile
import unittest

from test_exporter import Case

RULES = "scripts/prometheus/uw.rules.yml"
DASHBOARD = "scripts/prometheus/uw.dashboard.json"
SELF = 'job="uw",instance="h:19847"'
STEPS = 160  # of 15 s: 40 minutes


def promtool(case, *words):
    result = subprocess.run(["scripts/promtool", *words], capture_output=True, text=True)
    if result.returncode == 77:
        case.skipTest(result.stderr)
    return result


def turn(before, after, steps):
    """Values that are of another kind in the last steps and at the end."""
    return f"{before}x{STEPS - steps - 1} {after}x{steps}"


def series(name, labels=""):
    return f"{name}{{{SELF}{',' if labels else ''}{labels}}}"


ML, DB = 'component="ml"', 'component="db"'

# A host on which all is well, with two components, jobs that run and now and then a freeze.
CALM = {
    series("up"): "1",
    series("uw_up"): "1",
    series("uw_daemon_start_time_seconds"): "1700000000",
    series("uw_ticks_total", 'kind="full"'): "0+15",
    series("uw_sensor_wanted", 'sensor="stalls"'): "1",
    series("uw_sensor_enabled", 'sensor="stalls"'): "1",
    series("uw_sensor_wanted", 'sensor="page-tracing"'): "0",
    series("uw_sensor_enabled", 'sensor="page-tracing"'): "0",
    series("uw_guard_takeovers_total"): "2",
    series("uw_guard_hangs_total"): "1",
    series("uw_tick_duration_seconds_bucket", 'le="0.001"'): "0+15",
    series("uw_tick_duration_seconds_bucket", 'le="0.1"'): "0+15",
    series("uw_tick_duration_seconds_bucket", 'le="0.25"'): "0+15",
    series("uw_tick_duration_seconds_bucket", 'le="+Inf"'): "0+15",
    series("uw_events_dropped_total", 'where="frame-full"'): "7",
    series("uw_component_level", f'{ML},level="normal"'): "1",
    series("uw_component_level", f'{ML},level="critical"'): "0",
    series("uw_component_level", f'{ML},level="emergency"'): "0",
    series("uw_component_protected", DB): "1",
    series("uw_component_protected", ML): "0",
    series("uw_component_pressure_stalled_seconds_total", f'{DB},kind="some"'): "0+0.1",
    # Not protected: it may stall.
    series("uw_component_pressure_stalled_seconds_total", f'{ML},kind="some"'): "0+9",
    series("uw_component_actions_total", f'{ML},action="kill",result="done"'): "3",
    series("uw_component_actions_total", f'{ML},action="freeze",result="done"'): "0+0.1",
    series("uw_component_actions_total", f'{ML},action="freeze",result="failed"'): "5",
    series("uw_component_oom_kills_total", ML): "4",
    series("uw_component_frozen_seconds_total", ML): "0+1",
    series("uw_component_tiers_exhausted_total", ML): "1",
    series("uw_host_swap_bytes"): "1000",
    series("uw_host_swap_free_bytes"): "900",
    series("uw_jobs", f'{ML},class="low",state="queued"'): "9",
    series("uw_jobs", f'{ML},class="low",state="running"'): "2",
    series("uw_queue_jobs_never_fit"): "0",
    series("uw_queue_jobs_at_limit"): "0",
    series("uw_queue_store_writable"): "1",
    series("uw_jobs_ended_total", f'{ML},state="done"'): "0+1",
    series("uw_jobs_ended_total", f'{ML},state="failed"'): "0+0.05",
    series("uw_job_runs_total", ML): "0+1",
    series("uw_job_runs_sufficed_total", ML): "0+0.99",
}

# What differs in trouble.
TROUBLE = {
    "UwDown": {series("up"): turn("1", "0", 80)},
    "UwRestarting": {series("uw_daemon_start_time_seconds"): "1700000000x139 1x5 2x5 3x5 4x5"},
    "UwStale": {series("uw_ticks_total", 'kind="full"'): turn("0+15", "1185", 80)},
    "UwBlind": {series("uw_sensor_enabled", 'sensor="stalls"'): turn("1", "0", 80)},
    "UwGuardTookOver": {series("uw_guard_takeovers_total"): turn("2", "3", 20)},
    "UwTickSlow": {
        series("uw_tick_duration_seconds_bucket", 'le="0.001"'): "0",
        series("uw_tick_duration_seconds_bucket", 'le="0.1"'): "0+14",
    },
    "UwEventsDropped": {series("uw_events_dropped_total", 'where="frame-full"'): turn("7", "8", 20)},
    "UwEmergency": {series("uw_component_level", f'{ML},level="emergency"'): turn("0", "1", 4)},
    "UwCritical": {series("uw_component_level", f'{ML},level="critical"'): turn("0", "1", 80)},
    "UwProtectedStalls": {
        series("uw_component_pressure_stalled_seconds_total", f'{DB},kind="some"'): (
            turn("0+0.1", "10+1.5", 80)
        )
    },
    "UwKilled": {
        series("uw_component_actions_total", f'{ML},action="kill",result="done"'): (
            turn("3", "4", 20)
        )
    },
    "UwKernelOom": {series("uw_component_oom_kills_total", ML): turn("4", "5", 20)},
    "UwFrozenLong": {series("uw_component_frozen_seconds_total", ML): turn("0+1", "39+14", 120)},
    "UwFreezeStorm": {
        series("uw_component_actions_total", f'{ML},action="freeze",result="done"'): (
            turn("0+0.1", "10+1", 80)
        )
    },
    "UwActionsFail": {
        series("uw_component_actions_total", f'{ML},action="freeze",result="failed"'): (
            turn("5", "6+1", 20)
        )
    },
    "UwTiersExhausted": {series("uw_component_tiers_exhausted_total", ML): turn("1", "2", 10)},
    "UwSwapFull": {series("uw_host_swap_free_bytes"): turn("900", "50", 80)},
    "UwQueueStuck": {series("uw_jobs", f'{ML},class="low",state="running"'): turn("2", "0", 140)},
    "UwJobCannotStart": {series("uw_queue_jobs_never_fit"): turn("0", "2", 80)},
    "UwJobAtLimit": {series("uw_queue_jobs_at_limit"): turn("0", "1", 140)},
    "UwJobsFail": {series("uw_jobs_ended_total", f'{ML},state="failed"'): turn("0+0.05", "5+1", 100)},
    "UwReservationsMiss": {series("uw_job_runs_sufficed_total", ML): "0+0.8"},
    "UwStoreFull": {series("uw_queue_store_writable"): turn("1", "0", 80)},
}

# What looks like trouble and is none: too short, or of another component.
NO_TROUBLE = {
    "an uwd that was away for a scrape": {series("uw_up"): turn("1", "0", 0)},
    "a level that is high for a moment": {
        series("uw_component_level", f'{ML},level="emergency"'): turn("0", "1", 0)
    },
    "a critical minute": {series("uw_component_level", f'{ML},level="critical"'): turn("0", "1", 4)},
    "a host without swap": {
        series("uw_host_swap_bytes"): "0",
        series("uw_host_swap_free_bytes"): "0",
    },
    "an empty queue": {
        series("uw_jobs", f'{ML},class="low",state="queued"'): "0",
        series("uw_jobs", f'{ML},class="low",state="running"'): "0",
    },
    "two of three jobs failed": {
        series("uw_jobs_ended_total", f'{ML},state="done"'): turn("0", "1", 20),
        series("uw_jobs_ended_total", f'{ML},state="failed"'): turn("0", "2", 20),
    },
}


def group(name, changed, firing, minutes=STEPS // 4):
    """One test of promtool: what fires at that time, and that it is nothing else."""
    return {
        "name": name,
        "interval": "15s",
        "input_series": [
            {"series": key, "values": value if "x" in value else f"{value}x{STEPS}"}
            for key, value in {**CALM, **changed}.items()
        ],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{minutes}m",
                "exp_samples": [
                    {"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(firing)
                ],
            }
        ],
    }


class Rules(Case):
    def alerts(self):
        with open(RULES) as file:
            return re.findall(r"^ *- alert: (\w+)$", file.read(), re.M)

    def run_tests(self, groups):
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            json.dump(
                {
                    "rule_files": [os.path.abspath(RULES)],
                    "evaluation_interval": "15s",
                    "tests": groups,
                },
                file,
            )
            file.flush()
            result = promtool(self, "test", "rules", file.name)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_promtool_accepts_them(self):
        result = promtool(self, "check", "rules", RULES)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn(f"{len(TROUBLE)} rules found", result.stdout)

    def test_each_has_its_test(self):
        self.assertEqual(sorted(self.alerts()), sorted(TROUBLE))

    def test_each_fires_in_its_trouble_and_no_other(self):
        self.run_tests([group(alert, changed, {alert}) for alert, changed in TROUBLE.items()])

    def test_all_are_still_in_calm(self):
        self.run_tests([group("calm", {}, (), minutes) for minutes in (1, 5, STEPS // 4)])

    def test_none_fires_at_what_passes(self):
        self.run_tests(
            [group(name, changed, ()) for name, changed in NO_TROUBLE.items()]
        )

    def test_promtool_sees_one_that_is_wrong(self):
        with self.assertRaises(AssertionError):
            self.run_tests([group("calm", {}, {"UwDown"})])


class Names(Case):
    def served(self):
        """Names of series, and what of their labels rules and panels may ask for."""
        self.uwd(
            {
                **self.answer,
                "host": {
                    key: 1
                    for key in ("total_bytes", "available_bytes", "swap_total_bytes", "some_us")
                    + ("swap_free_bytes", "full_us")
                },
                "daemon": {**self.answer["daemon"], "dropped": [{"name": "x", "count": 1}]},
            }
        )
        self.serve()
        labels = {}
        for line in self.get()[1].splitlines():
            if not line.startswith("#"):
                name, _, rest = re.match(r"(\w+)(\{(.*)\})? ", line).groups()[0:3]
                found = re.findall(r"(\w+)=", rest or "")
                labels.setdefault(name, set()).update(found)
        return labels

    def expressions(self):
        with open(RULES) as file:
            yield from re.findall(r"^ *expr: (.*)$", file.read(), re.M)
        with open(DASHBOARD) as file:
            dashboard = json.load(file)
        for panel in dashboard["panels"]:
            yield from (target["expr"] for target in panel.get("targets", ()))
        yield from (item["expr"] for item in dashboard["annotations"]["list"])
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                yield re.search(r"\((.*), \w+\)", variable["query"]["query"]).group(1)

    def test_each_name_and_label_is_served(self):
        served, seen = self.served(), set()
        for expression in self.expressions():
            for name, _, matchers in re.findall(r"\b(uw_\w+)(\{([^}]*)\})?", expression):
                self.assertIn(name, served, expression)
                asked = set(re.findall(r"(\w+)=", matchers)) - {"job", "instance"}
                self.assertLessEqual(asked, served[name], expression)
                seen.add(name)
        self.assertGreater(len(seen), 35)

    def test_the_series_of_the_tests_are_served(self):
        served = self.served()
        for text in {key for changed in TROUBLE.values() for key in changed} | set(CALM):
            name, labels = re.match(r"(\w+)\{(.*)\}", text).groups()
            if name == "up":
                continue
            self.assertIn(name, served)
            self.assertEqual(
                set(re.findall(r"(\w+)=", labels)) - {"job", "instance"}, served[name], text
            )

    def test_promtool_reads_each_expression_of_the_dashboard(self):
        rules = [
            {
                "record": f"panel:{at}",
                "expr": re.sub(r"\$__\w*interval", "5m", expression),
            }
            for at, expression in enumerate(self.expressions())
        ]
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            json.dump({"groups": [{"name": "panels", "rules": rules}]}, file)
            file.flush()
            result = promtool(self, "check", "rules", file.name)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_panels_have_units_and_do_not_overlap(self):
        with open(DASHBOARD) as file:
            panels = json.load(file)["panels"]
        cells = set()
        for panel in panels:
            at = panel["gridPos"]
            self.assertLessEqual(at["x"] + at["w"], 24)
            for x in range(at["x"], at["x"] + at["w"]):
                for y in range(at["y"], at["y"] + at["h"]):
                    self.assertNotIn((x, y), cells, panel["title"])
                    cells.add((x, y))
            if panel["type"] != "row":
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))


if __name__ == "__main__":
    unittest.main()
