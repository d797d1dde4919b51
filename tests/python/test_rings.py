# SPDX-License-Identifier: GPL-2.0-or-later
"""Circular pools: of libuw where it has rings, of this process alone where not."""

import multiprocessing
import os
import threading
import time
import unittest
import unittest.mock

import support
from support import LocalCase, ServerCase

from unity_wheel.memory import CircularPool, pools, rings

HAS_RINGS = pools.has_library("uw_ring_create")


class Rings:
    def test_records_come_in_their_order(self):
        with CircularPool(1) as pool:
            self.assertGreaterEqual(self.leased("trading_data"), 1)
            records = [bytes([number % 256]) * (number % 50 + 1) for number in range(1000)]
            self.assertEqual(pool.write_many(records), 1000)
            self.assertIs(pool.write(bytearray(b"last")), True)
            self.assertEqual(pool.read(300), records[:300])
            self.assertEqual(pool.read(10000), records[300:] + [b"last"])
            self.assertEqual(pool.read(), [])
        self.assertEqual(self.leased("trading_data"), 0)
        with self.assertRaises(ValueError):
            pool.write(b"")

    def test_oldest_is_overwritten(self):
        with CircularPool(1, "cache") as pool:
            for number in range(5000):
                self.assertIs(pool.write(number.to_bytes(4, "big") * 250), True)
            found = [int.from_bytes(record[:4], "big") for record in pool.read(10000)]
            self.assertEqual(found, list(range(5000 - len(found), 5000)))
            self.assertTrue(0 < len(found) < 1100)
            self.assertEqual(pool.stats()["lost"], 5000 - len(found))

    def test_or_nothing_more_is_written(self):
        with CircularPool(1, "cache", drop_oldest=False) as pool:
            count = pool.write_many([bytes(1000)] * 5000)
            self.assertTrue(900 < count < 1100)
            self.assertIs(pool.write(bytes(1000)), False)
            self.assertEqual(len(pool.read(10)), 10)
            self.assertIs(pool.write(bytes(1000)), True)
            self.assertEqual(pool.stats()["lost"], 0)
            self.assertTrue(0.8 < pool.stats()["used_mb"] <= pool.stats()["size_mb"])

    def test_record_that_is_too_long_is_refused(self):
        with CircularPool(1, "cache") as pool:
            pool.write(bytes(pool.stats()["record_bytes"]))
            with self.assertRaises(ValueError):
                pool.write(bytes(1 << 20))

    def test_reader_waits(self):
        with CircularPool(1, "cache") as pool:
            begun = time.monotonic()
            self.assertEqual(pool.read(timeout=0.05), [])
            self.assertGreaterEqual(time.monotonic() - begun, 0.05)
            timer = threading.Timer(0.05, pool.write, [b"late"])
            timer.start()
            self.assertEqual(pool.read(timeout=None), [b"late"])
            timer.join()

    def test_reader_that_waits_is_interrupted(self):
        with CircularPool(1, "cache") as pool:
            with support.interrupted(self, lambda: time.sleep(0.05)):
                pool.read(timeout=None)
            self.assertEqual(pool.read(), [])

    def test_wrong_arguments_are_refused(self):
        for error, arguments, more in ((ValueError, (0,), {}), (ValueError, (1, "nowhere"), {}),
                                       (ValueError, (1,), {"many": True}),
                                       (TypeError, (1,), {"record_bytes": 1.5})):
            with self.assertRaises(error, msg=(arguments, more)):
                CircularPool(*arguments, **more)
        with CircularPool(1) as pool:
            for error, wrong in ((TypeError, "text"), (TypeError, 7)):
                with self.assertRaises(error):
                    pool.write(wrong)
            with self.assertRaises(ValueError):
                pool.read(0)

    def test_denied_ring_says_who_has_it(self):
        self.manager.allocate("cache", 199)
        with self.assertRaises(MemoryError) as caught:
            CircularPool(2, "cache")
        self.assertEqual(caught.exception.top[0].pid, os.getpid())


class LocalRings(Rings, LocalCase):
    pass


class ServerRings(Rings, ServerCase):
    def test_ring_is_known_by_its_name(self):
        with CircularPool(1, name="ticks", drop_oldest=False) as pool:
            self.assertEqual(pool.share(mode=0o666), f"{os.geteuid()}/ticks")
            with CircularPool.attach("ticks") as other, \
                    CircularPool.attach("ticks", writable=False) as watcher:
                pool.write(b"tick")
                self.assertEqual(watcher.read(), [b"tick"])
                self.assertEqual(other.read(), [b"tick"])


class OwnRings(Rings, LocalCase):
    def setUp(self):
        super().setUp()
        without = unittest.mock.patch.object(rings, "has_library", lambda function: False)
        without.start()
        self.addCleanup(without.stop)


def write_in_child(where):
    pool = CircularPool.attach(where)
    for number in range(1000):
        while not pool.write(number.to_bytes(4, "big")):
            time.sleep(0.001)


@unittest.skipUnless(HAS_RINGS, "this libuw has no rings")
class Shared(LocalCase):
    def test_other_process_writes(self):
        with CircularPool(1, drop_oldest=False) as pool:
            context = multiprocessing.get_context("spawn")
            with unittest.mock.patch.dict(os.environ, UW_MODE="local"):
                child = context.Process(target=write_in_child, args=(pool.share(),))
                child.start()
            found = []
            while len(found) < 1000:
                more = pool.read(timeout=support.HANG_S)
                self.assertTrue(more, "the child writes nothing")
                found += [int.from_bytes(record, "big") for record in more]
            child.join()
            self.assertEqual(found, list(range(1000)))

    def test_many_may_write_and_read(self):
        with CircularPool(1, many=True, record_bytes=64, drop_oldest=False) as pool:
            threads = [threading.Thread(target=pool.write_many, args=([bytes([number])] * 200,))
                       for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(sorted(pool.read(1000)),
                             [bytes([number]) for number in range(4) for _ in range(200)])


if __name__ == "__main__":
    unittest.main()
