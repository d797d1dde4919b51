# SPDX-License-Identifier: GPL-2.0-or-later
"""What bench-sched makes of the answers of uwctl simulate."""

import unittest

import sched_bench


def figures(wait=1, bsld=1, p95=1, failed=0):
    return {"wait_s": wait, "bsld": bsld, "bsld_p95": p95, "failed_pct": failed}


class TestMisses(unittest.TestCase):
    def test_nothing_is_missed_at_the_targets(self):
        metrics = {"nfmix12": {"uw": figures(950, 12, 24, 2)}, "kth": {"easy": figures(114.2 * 60 * 1.04, 89.9)}}
        self.assertEqual(sched_bench.misses(metrics), [])

    def test_each_figure_over_its_target_is_named(self):
        metrics = {"nfmix12": {"uw": figures(951, 13, 25, 3)}, "nfmix5": {"uw": figures(1, 59)}}
        lines = sched_bench.misses(metrics)
        self.assertEqual(len(lines), 5)
        self.assertIn("nfmix12 uw wait_s: 951, at most 950", lines)

    def test_a_simulator_that_is_off_either_way_is_named(self):
        for share in (0.94, 1.06):
            metrics = {"kth": {"easy": figures(114.2 * 60 * share, 89.9)}}
            self.assertEqual(len(sched_bench.misses(metrics)), 1)


class TestFigures(unittest.TestCase):
    def test_figures_come_from_the_answer(self):
        answer = {"wait_s": {"mean": 1.26}, "slowdown": {"mean": 2.0001, "p95": 3}, "failed_pct": 0.5,
                  "allocated_pct": 50, "used_pct": 40, "overtaken_max": 7,
                  "classes": {"critical": {"wait_s": {"mean": 1}}, "deferred": {"wait_s": {"mean": 9}}}}
        self.assertEqual(sched_bench.figures_of(answer)["wait_s"], 1.3)
        self.assertEqual(sched_bench.figures_of(answer)["bsld"], 2.0)


if __name__ == "__main__":
    unittest.main()
