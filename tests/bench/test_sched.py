# SPDX-License-Identifier: GPL-2.0-or-later
"""What bench-sched makes of the answers of uwctl simulate."""

import unittest
from xml.etree import ElementTree

import sched_bench
import sched_bound
import sched_page


def figures(wait=1, bsld=1, p95=1, failed=0, longest=1):
    return {"wait_s": wait, "bsld": bsld, "bsld_p95": p95, "failed_pct": failed, "wait_max_s": longest,
            "worst_seed_wait_s": wait, "worst_seed_bsld": bsld, "inversions": 0, "waste_gbh": 2,
            "sizing_waste_gbh": 100, "sizing_failed_pct": 3,
            "wait_critical_s": 0, "wait_deferred_s": 5}


def seed(policy, wait=1, bsld=1, workload="kth", number=1):
    return {"workload": workload, "policy": policy, "seed": number, "wait_s": wait, "bsld": bsld}


class TestMisses(unittest.TestCase):
    def test_nothing_is_missed_at_the_targets(self):
        metrics = {"nfmix12": {"uw": figures(390, 3.7, failed=3)}, "kth": {"easy": figures(114.2 * 60 * 1.04, 89.9)},
                   "wagap": {"uw": figures(longest=110), "easy": figures(longest=100)}}
        self.assertEqual(sched_bench.misses(metrics), [])

    def test_each_figure_over_its_target_is_named(self):
        metrics = {"nfmix12": {"uw": figures(391, 3.8, failed=3.1)}, "nfmix5": {"uw": figures(1, 59)},
                   "wagap": {"uw": figures(longest=111), "easy": figures(longest=100)}}
        lines = sched_bench.misses(metrics)
        self.assertEqual(len(lines), 5)
        self.assertIn("nfmix12 uw wait_s: 391, at most 390", lines)

    def test_sizing_has_targets_of_its_own(self):
        wasteful = {**figures(), "sizing_waste_gbh": 161, "sizing_failed_pct": 3.1}
        self.assertEqual(sched_bench.misses({"nfmix12": {"uw": wasteful}, "nfmix5": {"uw": figures()}}),
                         ["nfmix12 uw sizing_waste_gbh: 161, at most 160",
                          "nfmix12 uw sizing_failed_pct: 3.1, at most 3"])

    def test_a_seed_on_which_easy_is_better_is_named(self):
        runs = [seed("easy", 10, 2), seed("uw", 10, 2), seed("easy", 10, 2, number=2), seed("uw", 9, 2.1, number=2)]
        self.assertEqual(sched_bench.misses({}, runs), ["kth seed 2 uw bsld: 2.1, EASY 2"])

    def test_a_simulator_that_is_off_either_way_is_named(self):
        for share in (0.94, 1.06):
            metrics = {"kth": {"easy": figures(114.2 * 60 * share, 89.9)}}
            self.assertEqual(len(sched_bench.misses(metrics)), 1)


def answer(wait, longest):
    return {"wait": {"mean_us": wait * 1e6, "max_us": longest * 1e6}, "slowdown": {"mean": 2.0001, "p95": 3},
            "failed_jobs": 1.5, "allocated_permyriad": 5000, "used_permyriad": 4000, "overtaken_max": 7,
            "waste_byte_hours": 1.234 * 2**30, "inversions": {"by_class": 4},
            "sizing": {"waste_byte_hours": 5.678e9, "failed_permyriad": 150},
            "classes": {"critical": {"wait": {"mean_us": 1}}, "deferred": {"wait": {"mean_us": 9}}}}


class TestFigures(unittest.TestCase):
    def test_figures_come_from_the_answer(self):
        found = sched_bench.figures_of(answer(1.26, 5), 300)
        self.assertEqual((found["wait_s"], found["bsld"], found["waste_gbh"]), (1.3, 2.0, 1.23))
        self.assertEqual((found["failed_pct"], found["allocated_pct"]), (0.5, 50))
        self.assertEqual((found["sizing_waste_gbh"], found["sizing_failed_pct"]), (5.68, 1.5))

    def test_the_worst_seed_and_the_longest_wait_are_of_all_runs(self):
        metric = sched_bench.metric_of({"jobs": 1, "mean": answer(2, 6), "runs": [answer(1, 9), answer(3, 3)]})
        self.assertEqual((metric["wait_s"], metric["worst_seed_wait_s"], metric["wait_max_s"]), (2, 3, 9))


class TestBound(unittest.TestCase):
    def test_a_try_that_fails_wastes_all_it_had_and_the_next_has_twice_as_much(self):
        task = ("k", 10, 100, 50, 0)
        self.assertEqual(sched_bound.cost(task, 60), (100, 0))
        self.assertEqual(sched_bound.cost(task, 20), ((20 + 40 + 80 - 50) * 10, 2))
        self.assertEqual(sched_bound.cost(task, 40), ((40 + 80 - 50) * 10, 1))
        self.assertEqual(sched_bound.cost(task, 1000), (500, 0))

    def test_the_nearest_are_those_of_the_nearest_inputs_without_oneself(self):
        tasks = [("k", 1, 100, peak, size) for peak, size in ((50, 1), (7, 10), (5, 11), (6, 30))]
        self.assertEqual(sched_bound.nearest(tasks)[2], [7, 50, 50, 7])

    def test_keys_whose_rule_is_exact_waste_nothing_but_their_first_run(self):
        alike = [("a", 3600, 1024, 512, 0)] * 200
        by_share = [("b", 3600, asked, asked / 2, 0) for asked in range(100, 300)]
        by_input = [("c", 3600, 1024, 100 + 2 * size, size) for size in range(1, 201)]
        self.assertAlmostEqual(sched_bound.bound(alike + by_share), 0)
        self.assertLess(sched_bound.bound(alike + by_share + by_input), 512 * 2**20 / 1e9)

    def test_what_no_rule_tells_is_wasted_and_failures_are_no_way_out(self):
        tasks = [("k", 3600, 1000, 500 + i * 379 % 500, 0) for i in range(400)]
        least, by_most = sched_bound.bound(tasks), sum(1000 - task[3] for task in tasks) * 2**20 / 1e9
        self.assertGreater(least, by_most / 2)
        self.assertLess(least, by_most)


class TestPage(unittest.TestCase):
    def test_each_policy_has_a_line_and_each_workload_a_point_on_it(self):
        lines = sched_page.lines_of({"a": {"uw": figures(5)}, "b": {"uw": figures(7), "easy": figures(9)},
                                     "other": {"uw": figures(1)}},
                                    {"a": ("t", 1), "b": ("t", 2), "other": ("u", 1)}, "t", "wait_s", "worst_seed_wait_s")
        self.assertEqual(lines, {"uw": [(1, 5, 5), (2, 7, 7)], "easy": [(2, 9, 9)]})

    def test_a_chart_is_sound_and_holds_all_that_it_draws(self):
        text = sched_page.chart("wait < slow", {"uw": [(1, 0, 0), (2, 30, 4000)], "easy": [(1, 7, 7)]}, "load")
        root = ElementTree.fromstring(text)
        ys = [float(circle.get("cy")) for circle in root.iter("circle")]
        self.assertEqual(len(ys), 3)
        self.assertTrue(all(sched_page.TOP <= y <= sched_page.HEIGHT - sched_page.BOTTOM for y in ys), ys)

    def test_the_page_fetches_nothing(self):
        text = sched_page.page({"a": {"uw": figures(5)}}, {"a": ("t", 1)})
        self.assertNotIn("http", text)
        self.assertNotIn("src=", text)


if __name__ == "__main__":
    unittest.main()
