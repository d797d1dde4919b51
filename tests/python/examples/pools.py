# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that is leased once and given out in pieces."""

from unity_wheel.memory import (CircularPool, ObjectPool, SharedTensorPool, create_cache_pool,
                                create_database_pool, create_ml_tensor_pool,
                                create_trading_data_pool)

# Arrays, also for other processes.
with create_ml_tensor_pool(20) as tensors:
    weights = tensors.allocate_tensor(shape=(512, 256), dtype="float32", description="weights")
    array = tensors.get_tensor(weights)
    array[511, 255] = 0.5
    assert tensors.get_tensor(weights)[511, 255] == 0.5
    tensors.deallocate(weights)

with SharedTensorPool(1, component="ml_models", name="small") as tensors:
    assert tensors.stats()["tensors"] == 0

# Pieces, of which the least recently used go when there is no room.
gone = []
with create_trading_data_pool(4) as quotes:
    quotes.on_evict(lambda piece, view: gone.append(piece))
    pieces = [quotes.allocate(1, f"minute {minute}") for minute in range(3)]
    for piece in pieces:
        quotes.get(piece)[:5] = b"quote"
    last = quotes.allocate(2, "the close")
    assert gone and gone[0] == pieces[0]
    quotes.deallocate(last)
    print(f"quotes: {quotes.stats()['evictions']} evicted, {quotes.trim():.1f} MB trimmed")

for pool in (create_database_pool(1), create_cache_pool(1)):
    pool.close()

# A stream, whose oldest records are overwritten.
with CircularPool(1, "trading_data") as ticks:
    ticks.write_many([f"tick {number}".encode() for number in range(1000)])
    ticks.write(b"last")
    assert ticks.read(2000)[-1] == b"last"

# Objects that are used again.
buffers = ObjectPool(bytearray, max_size=8, reset=bytearray.clear)
with buffers.item() as buffer:
    buffer += b"something"
assert buffers.get() == b""
