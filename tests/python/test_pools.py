# SPDX-License-Identifier: GPL-2.0-or-later
"""Pools of memory: of libuw where it has them, of this process alone where not; and of objects."""

import gc
import multiprocessing
import os
import pickle
import threading
import unittest
import unittest.mock

import support
from support import LocalCase, ServerCase, run_python

from unity_wheel.memory import (HeapFull, MemoryPool, ObjectPool, SharedTensorPool, UwNotRunning,
                                create_cache_pool, create_database_pool, create_ml_tensor_pool,
                                create_trading_data_pool, pools)
from unity_wheel.memory.arrays import find_numpy

HAS_POOLS = pools.has_library("uw_pool_create")


class Pools:
    def test_pool_has_a_lease_of_its_component(self):
        for create, component in ((create_trading_data_pool, "trading_data"),
                                  (create_database_pool, "database"), (create_cache_pool, "cache"),
                                  (create_ml_tensor_pool, "ml_models")):
            with create(100) as pool:
                self.assertEqual((pool.size_mb, pool.component), (100, component))
                self.assertTrue(100 <= self.leased(component) < 101)  # with its directory
            self.assertEqual(self.leased(component), 0)

    def test_pool_that_is_forgotten_ends(self):
        create_cache_pool(100)
        gc.collect()
        self.assertEqual(self.leased("cache"), 0)

    def test_pool_that_is_denied_says_who_has_it(self):
        self.manager.allocate("cache", 150)
        with self.assertRaises(MemoryError) as caught:
            create_cache_pool(100)
        self.assertEqual((caught.exception.reason, caught.exception.top[0].pid),
                         ("budget", os.getpid()))

    def test_wrong_arguments_are_refused(self):
        for error, arguments in ((ValueError, (0,)), (TypeError, ("1",)), (ValueError, (1, "nowhere")),
                                 (TypeError, (1, None))):
            with self.assertRaises(error, msg=arguments):
                MemoryPool(*arguments)
        with create_cache_pool(1) as pool:
            for error, arguments, more in ((TypeError, (), {}), (TypeError, (1,), {"nbytes": 1}),
                                           (ValueError, (), {"nbytes": 0}), (ValueError, (-1,), {}),
                                           (TypeError, (), {"nbytes": 1.5})):
                with self.assertRaises(error, msg=(arguments, more)):
                    pool.allocate(*arguments, **more)
        with self.assertRaises(ValueError):
            pool.allocate(1)

    def test_memory_is_given_out_and_taken_back(self):
        with create_cache_pool(2) as pool:
            first = pool.allocate(1, "quotes", evictable=False)
            second = pool.allocate(nbytes=100, evictable=False)
            pool.get(first)[:5] = b"hello"
            pool.get(second)[:100] = bytes(range(100))
            self.assertEqual(bytes(pool.get(first)[:5]), b"hello")
            self.assertEqual(bytes(pool.get(second)[:100]), bytes(range(100)))
            self.assertGreaterEqual(pool.get(first).nbytes, 1 << 20)
            self.assertIs(pool.deallocate(first), True)
            with self.assertRaises(KeyError):
                pool.get(first)
            with self.assertWarns(ResourceWarning):
                self.assertIs(pool.deallocate(first), False)

    def test_full_pool_says_what_is_free(self):
        with create_cache_pool(2) as pool:
            pool.allocate(1.5, evictable=False)
            with self.assertRaises(HeapFull) as caught:
                pool.allocate(1, evictable=False)
            self.assertEqual(caught.exception.asked, 1)
            self.assertTrue(0 < caught.exception.largest <= caught.exception.free < 0.6)
            self.assertIn("the pool is full: 1 MB asked", str(caught.exception))

    def test_least_recently_used_goes_first(self):
        with create_cache_pool(4) as pool:
            gone = []
            pool.on_evict(lambda ident, view: gone.append((ident, bytes(view[:1]))))
            idents = [pool.allocate(1) for _ in range(3)]
            for number, ident in enumerate(idents):
                pool.get(ident)[0] = number
            pool.get(idents[0])
            held = pool.get(idents[1])
            more = [pool.allocate(1.5, evictable=False)]
            self.assertEqual(gone[0], (idents[2], b"\2"))
            with self.assertRaises(KeyError):
                pool.get(idents[2])
            self.assertEqual(held[0], 1)
            self.assertIs(pool.deallocate(more[0]), True)
            self.assertGreaterEqual(pool.stats()["evictions"], 1)

    def test_what_was_not_looked_at_yet_is_not_evicted(self):
        with create_cache_pool(2) as pool:
            ident = pool.allocate(1)
            with self.assertRaises(MemoryError):
                pool.allocate(1.5)
            pool.get(ident)
            pool.allocate(1.5)
            with self.assertRaises(KeyError):
                pool.get(ident)

    def test_view_keeps_what_is_freed_and_a_pool_that_is_closed(self):
        pool = create_cache_pool(2)
        ident = pool.allocate(1, evictable=False)
        view = pool.get(ident)[10:20]
        view[:] = b"0123456789"
        pool.deallocate(ident)
        self.assertGreaterEqual(pool.stats()["zombie_mb"], 1)
        with self.assertRaises(MemoryError):
            pool.allocate(1.5)
        self.assertEqual(bytes(view), b"0123456789")
        view = None
        gc.collect()
        self.assertEqual(pool.stats()["zombie_mb"], 0)
        ident = pool.allocate(1.5)
        view = pool.get(ident)
        view[:3] = b"abc"
        pool.close()
        self.assertEqual(bytes(view[:3]), b"abc")

    def test_callback_that_fails_holds_up_nobody(self):
        with create_cache_pool(2) as pool:
            pool.on_evict(lambda ident, view: 1 / 0)
            pool.get(pool.allocate(1))
            with self.assertLogs("unity_wheel.memory", "ERROR"):
                pool.allocate(1.5)
            with self.assertRaises(TypeError):
                pool.on_evict(...)

    def test_trim_evicts_and_statistics_tell(self):
        with create_cache_pool(4) as pool:
            for ident in [pool.allocate(1) for _ in range(3)]:
                pool.get(ident)
            pool.trim(1)
            found = pool.stats()
            self.assertEqual((found["size_mb"], found["evictions"], found["allocations"]), (4, 2, 3))
            self.assertTrue(1 <= found["used_mb"] < 1.1)
            self.assertTrue(0 <= found["fragmentation"] <= 1)

    def test_many_threads_share_a_pool(self):
        with create_cache_pool(8) as pool:
            errors = []

            def work(number):
                try:
                    for size in range(1, 200):
                        ident = pool.allocate(nbytes=size * 7)
                        view = pool.get(ident)
                        view[:size] = bytes([number]) * size
                        if bytes(view[:size]) != bytes([number]) * size:
                            errors.append(size)
                        pool.deallocate(ident)
                except Exception as error:
                    errors.append(error)

            threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(errors, [])
            gc.collect()
            self.assertEqual(pool.stats()["zombie_mb"], 0)

    # ---- tensors ----

    def test_tensor_is_an_array(self):
        with create_ml_tensor_pool(10) as pool:
            ident = pool.allocate_tensor((1000, 512), "float32", "Embedding vectors")
            tensor = pool.get_tensor(ident)
            self.assertEqual((tuple(tensor.shape), tensor.itemsize), ((1000, 512), 4))
            tensor[999, 511] = 2.5
            self.assertEqual(pool.get_tensor(ident)[999, 511], 2.5)
            self.assertEqual(pool.stats()["tensors"], 1)
            self.assertIs(pool.deallocate(ident), True)
            self.assertEqual(tensor[999, 511], 2.5)
            with self.assertRaises(KeyError):
                pool.get_tensor(ident)
            with self.assertRaises(MemoryError):
                pool.allocate_tensor((10 << 20,), "float32")

    def test_types_of_tensors(self):
        with create_ml_tensor_pool(1) as pool:
            for dtype in ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64",
                          "uint64", "float32", "float64", float, int):
                tensor = pool.get_tensor(pool.allocate_tensor((2, 3), dtype))
                tensor[1, 2] = 1
                self.assertEqual(tensor[1, 2], 1, dtype)
            self.assertEqual(tuple(pool.get_tensor(pool.allocate_tensor(7)).shape), (7,))
            for error, shape, dtype in ((TypeError, 1, object), (ValueError, (0,), "int8"),
                                        (TypeError, 1, "no such")):
                with self.assertRaises(error):
                    pool.allocate_tensor(shape, dtype)

    @unittest.skipUnless(find_numpy(), "numpy's own types")
    def test_tensor_of_numpy(self):
        numpy = find_numpy()
        with create_ml_tensor_pool(1) as pool:
            ident = pool.allocate_tensor(shape=(4, 5), dtype=numpy.float32)
            tensor = pool.get_tensor(ident)
            self.assertIs(type(tensor), numpy.ndarray)
            self.assertTrue(tensor.flags.writeable and tensor.flags.c_contiguous)
            self.assertEqual(tensor.ctypes.data % 64, 0)
            tensor[:] = numpy.arange(20).reshape(4, 5)
            self.assertEqual(float((tensor @ tensor.T).sum()),
                             float((numpy.arange(20).reshape(4, 5) @
                                    numpy.arange(20).reshape(4, 5).T).sum()))


class LocalPools(Pools, LocalCase):
    pass


class ServerPools(Pools, ServerCase):
    def test_pool_is_known_by_its_name(self):
        with SharedTensorPool(2, name="weights") as pool:
            ident = pool.allocate_tensor((2, 2), "float64")
            pool.get_tensor(ident)[1, 1] = 4.5
            self.assertEqual(pool.share(), f"{os.geteuid()}/weights")
            with self.assertRaises(FileExistsError):
                SharedTensorPool(1, name="weights")
            with self.assertRaises(ValueError):
                SharedTensorPool(1, name="No name")
            with self.assertRaises(FileNotFoundError):
                SharedTensorPool.attach("nowhere")
            with pickle.loads(pickle.dumps(pool)) as reader:
                self.assertEqual(reader.get_tensor(ident)[1, 1], 4.5)
                self.assertFalse(reader.is_orphan)

    def test_other_process_attaches_by_name_and_hears_of_the_end(self):
        pool = SharedTensorPool(2, name="weights")
        ident = pool.allocate_tensor((2, 2), "float64")
        pool.get_tensor(ident)[0, 0] = 4.5
        said = run_python("-c", READ_BY_NAME, pool.share(), str(ident),
                          UW_SOCKET=self.server.socket)
        self.assertEqual(said, "4.5 False\n[Errno 1]\n")
        self.assertEqual(self.server.leases(), 1)
        pool.close()
        self.assertEqual(self.server.leases(), 0)

    def test_rights_are_given_by_the_bits_of_chmod(self):
        with SharedTensorPool(1) as pool, SharedTensorPool(1) as other:
            self.assertNotEqual(pool.share(), other.share())
            self.assertEqual(pool.share(uid=12, gid=100), pool.share(uid=12, mode=0o600))
            for wrong in (0o777, 0o1000):
                with self.assertRaises(ValueError):
                    pool.share(mode=wrong)

    def test_pages_are_not_to_be_had_while_uwd_is_away(self):
        with create_cache_pool(4) as pool:
            pool.allocate(1, evictable=False)
            self.server.kill()
            with self.assertRaises(UwNotRunning):
                pool.allocate(2, evictable=False)
            self.server.start()
            pool.allocate(2, evictable=False)


READ_BY_NAME = """
import sys
from unity_wheel.memory import SharedTensorPool
with SharedTensorPool.attach(sys.argv[1]) as pool:
    print(pool.get_tensor(int(sys.argv[2]))[0, 0], pool.is_orphan)
    try:
        pool.share(mode=0o444)
    except PermissionError as error:
        print(str(error)[:9])
"""


class OwnPools(Pools, LocalCase):
    """As where there is no libuw."""

    def setUp(self):
        super().setUp()
        without = unittest.mock.patch.object(pools, "has_library", lambda function: False)
        without.start()
        self.addCleanup(without.stop)

    def test_what_is_this_process_alone_cannot_be_shared(self):
        with create_ml_tensor_pool(1) as pool:
            with self.assertRaises(OSError):
                pool.share()


class UnknownPools(LocalCase):
    def test_pool_that_uwd_does_not_know_has_no_name(self):
        with create_ml_tensor_pool(1) as pool:
            self.assertTrue(pool.share().startswith("/proc/"))
            with self.assertRaises(UwNotRunning):
                pool.share(mode=0o444)
            with self.assertRaises(UwNotRunning):
                SharedTensorPool.attach("weights")


def add_in_child(pool, ident, results):
    tensor = pool.get_tensor(ident)
    results.put((float(tensor[0, 0]), os.getpid()))


def write_in_child(where, ident, results):
    pool = SharedTensorPool.attach(where, writable=True)
    pool.get_tensor(ident)[0, 0] = 7
    results.put(True)


@unittest.skipUnless(HAS_POOLS, "this libuw has no pools")
class Shared(LocalCase):
    def run_child(self, function, *arguments):
        context = multiprocessing.get_context("spawn")
        results = context.SimpleQueue()
        with unittest.mock.patch.dict(os.environ, UW_MODE="local"):
            child = context.Process(target=function, args=(*arguments, results))
            child.start()
            child.join(support.HANG_S)
        self.assertEqual(child.exitcode, 0)
        return results.get()

    def test_other_processes_read_and_write_it(self):
        with create_ml_tensor_pool(1) as pool:
            ident = pool.allocate_tensor((2, 2), "float64")
            tensor = pool.get_tensor(ident)
            tensor[0, 0] = 4.5
            value, pid = self.run_child(add_in_child, pool, ident)
            self.assertEqual(value, 4.5)
            self.assertNotEqual(pid, os.getpid())
            self.run_child(write_in_child, pool.share(), ident)
            self.assertEqual(tensor[0, 0], 7)

    def test_who_reads_cannot_write(self):
        with create_ml_tensor_pool(1) as pool:
            ident = pool.allocate_tensor(8, "int32")
            pool.get_tensor(ident)[3] = 5
            with pickle.loads(pickle.dumps(pool)) as reader:
                tensor = reader.get_tensor(ident)
                self.assertEqual(tensor[3], 5)
                with self.assertRaises((ValueError, TypeError)):
                    tensor[3] = 6
                with self.assertRaises(OSError):
                    reader.allocate_tensor(8)
                pool.deallocate(ident)
                with self.assertRaises(KeyError):
                    reader.get_tensor(ident)

    @unittest.skipUnless(hasattr(find_numpy(), "from_dlpack"), "numpy's from_dlpack")
    def test_tensor_is_exported_by_dlpack(self):
        numpy = find_numpy()
        with create_ml_tensor_pool(1) as pool:
            ident = pool.allocate_tensor((2, 3), "int64")
            pool.get_tensor(ident)[1, 2] = 9
            array = numpy.from_dlpack(pool.export(ident))
            self.assertEqual((array.shape, array[1, 2]), ((2, 3), 9))
            pool.deallocate(ident)
            self.assertGreater(pool.stats()["zombie_mb"], 0)
            array = None
            gc.collect()
            self.assertEqual(pool.stats()["zombie_mb"], 0)


class Objects(unittest.TestCase):
    def test_objects_are_used_again(self):
        made = []
        pool = ObjectPool(lambda: made.append([]) or made[-1], 2, list.clear)
        first, second, third = pool.get(), pool.get(), pool.get()
        first.append(1)
        for item in (first, second, third):
            pool.put(item)
        self.assertEqual(pool.stats(), {"idle": 2, "out": 0, "made": 3, "reused": 0})
        self.assertIs(pool.get(), second)
        again = pool.get()
        self.assertIs(again, first)
        self.assertEqual(again, [])

    def test_what_is_not_out_cannot_be_put(self):
        pool = ObjectPool(dict, 3)
        item = pool.get()
        pool.put(item)
        for wrong in (item, {}, None):
            with self.assertRaises(ValueError):
                pool.put(wrong)

    def test_object_whose_reset_fails_is_not_kept(self):
        pool = ObjectPool(list, 3, lambda item: item.no_such())
        with self.assertRaises(AttributeError):
            pool.put(pool.get())
        self.assertEqual(pool.stats()["idle"], 0)

    def test_scope_puts_it_back(self):
        pool = ObjectPool(list, 1)
        with self.assertRaises(ZeroDivisionError):
            with pool.item() as item:
                item.append(1 / 0)
        self.assertEqual(pool.stats()["idle"], 1)

    def test_wrong_arguments_are_refused(self):
        for error, arguments in ((TypeError, (None, 1)), (ValueError, (list, 0)),
                                 (TypeError, (list, 1.5)), (TypeError, (list, 1, "reset"))):
            with self.assertRaises(error):
                ObjectPool(*arguments)

    def test_many_threads_get_different_objects(self):
        pool, errors = ObjectPool(lambda: [None], 4), []

        def work(number):
            for _ in range(300):
                with pool.item() as item:
                    item[0] = number
                    if item[0] != number:
                        errors.append(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((errors, pool.stats()["out"]), ([], 0))


if __name__ == "__main__":
    unittest.main()
