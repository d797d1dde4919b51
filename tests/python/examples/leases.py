# SPDX-License-Identifier: GPL-2.0-or-later
"""A feed that books memory before it uses it, in each way that there is."""

from unity_wheel.memory import (allocate_adaptive_memory, allocate_for_cache,
                                allocate_for_database, allocate_for_ml, allocate_for_trading,
                                allocate_tensor_memory, allocate_with_fallback,
                                get_memory_manager)

manager = get_memory_manager()

# By hand: what is allocated is deallocated.
book = manager.allocate(component="trading_data", size_mb=20, description="order book",
                        priority=8, tags=["book", "live"])
print(f"{book.component}: {book.size_mb:.0f} MB, held to its limit: {book.enforced}")
assert manager.deallocate(book)

# For a block.
with allocate_for_trading(10, "ticks of today", priority=8, tags=["ticks"]) as lease:
    assert not lease.revoked
with allocate_for_ml(20, "scorer", priority=9), allocate_for_database(10, "result rows"):
    with allocate_for_cache(5):
        pass

# For an array, which is there when it is asked for.
with allocate_tensor_memory((256, 128), "float32", "features") as lease:
    features = lease.tensor()
    features[255, 127] = 1.0
    print(f"features: {features.nbytes >> 10} KiB")

# As much as there is, within reason; or the one, or else the other.
with allocate_adaptive_memory(30, "history", component="trading_data") as (lease, mb):
    assert 3 <= mb <= 30
with allocate_with_fallback(10**6, 5, "snapshot", component="cache") as (lease, mb):
    assert mb == 5

# Too much is a MemoryError, which says who has it.
try:
    with allocate_for_trading(10**6, "everything"):
        raise AssertionError("nobody has so much")
except MemoryError as denial:
    print(f"denied: {denial}")
    with allocate_for_trading(5, "the last hour"):
        pass
