// SPDX-License-Identifier: GPL-2.0-or-later
// What boost has, for pools_objects.
#include "pools.h"

#include <boost/pool/pool.hpp>

#include <mutex>

namespace
{
struct shelf {
	std::mutex lock;
	boost::pool<> pool{POOLS_OBJECT};
	void *object[1024];
};
} // namespace

// One thread, without a lock.
double boost_pool_alone(void)
{
	static boost::pool<> pool(POOLS_OBJECT);
	static void *object[POOLS_LIVE];
	unsigned at = 1;

	for (auto &one : object)
		if (!one)
			one = pool.malloc();
	double began_ns = pools_now_ns();
	for (unsigned i = 0; i < POOLS_OBJECT_OPS; i++) {
		at = at * 1103515245 + 12345;
		void *&one = object[(at >> 16) % POOLS_LIVE];

		pool.free(one);
		one = pool.malloc();
		*static_cast<volatile uint64_t *>(one) = i;
	}
	return (pools_now_ns() - began_ns) / POOLS_OBJECT_OPS;
}

// One thread takes a batch, another one puts it.
static void *free_batch(void *data)
{
	auto *all = static_cast<shelf *>(data);

	for (auto one : all->object) {
		std::lock_guard<std::mutex> held(all->lock);

		all->pool.free(one);
	}
	return nullptr;
}

static void *take_batch(void *data)
{
	auto *all = static_cast<shelf *>(data);

	for (auto &one : all->object) {
		std::lock_guard<std::mutex> held(all->lock);

		one = all->pool.malloc();
		*static_cast<volatile uint64_t *>(one) = 1;
	}
	return nullptr;
}

double boost_pool_elsewhere(int apart)
{
	static shelf all;

	return pools_hand_over(take_batch, free_batch, apart, &all);
}
