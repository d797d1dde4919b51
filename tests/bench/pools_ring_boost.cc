// SPDX-License-Identifier: GPL-2.0-or-later
// What boost has, for pools_ring.
#include "pools.h"

#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>

#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

namespace
{
using spsc = boost::lockfree::spsc_queue<uint64_t, boost::lockfree::capacity<POOLS_SLOTS>>;
using mpmc = boost::lockfree::queue<uint64_t, boost::lockfree::capacity<POOLS_SLOTS>>;

template <class Queue> void *push_all(void *data)
{
	auto *queue = static_cast<Queue *>(data);

	for (uint64_t i = 0; i < POOLS_ITEMS; i++)
		for (unsigned tries = 0; !queue->push(i);)
			pools_wait(&tries);
	return nullptr;
}

template <class Queue> void *pop_all(void *data)
{
	auto *queue = static_cast<Queue *>(data);
	uint64_t item, sum = 0;

	for (uint64_t i = 0; i < POOLS_ITEMS; i++) {
		for (unsigned tries = 0; !queue->pop(item);)
			pools_wait(&tries);
		sum += item;
	}
	return reinterpret_cast<void *>(sum);
}
} // namespace

double boost_spsc(void)
{
	static spsc queue;

	return pools_run(push_all<spsc>, pop_all<spsc>, 1, 1, &queue) / POOLS_ITEMS;
}

double boost_queue(void)
{
	static mpmc queue;

	return pools_run(push_all<mpmc>, pop_all<mpmc>, 2, 1, &queue) / (2.0 * POOLS_ITEMS);
}

double boost_message_queue(void)
{
	namespace ipc = boost::interprocess;
	const unsigned count = POOLS_ITEMS / 4;
	char name[64], record[POOLS_RECORD] = {}, taken[POOLS_RECORD];
	unsigned priority;
	size_t size;

	snprintf(name, sizeof(name), "uw-bench-%d", static_cast<int>(getpid()));
	ipc::message_queue::remove(name);
	ipc::message_queue queue(ipc::create_only, name, POOLS_SLOTS, POOLS_RECORD);
	double began_ns = pools_now_ns();
	pid_t pid = fork();

	pools_take_side(!pid);
	if (!pid) {
		ipc::message_queue writer(ipc::open_only, name);

		for (unsigned i = 0; i < count; i++) {
			memcpy(record, &i, sizeof(i));
			writer.send(record, sizeof(record), 0);
		}
		_exit(0);
	}
	for (unsigned i = 0; i < count; i++)
		queue.receive(taken, sizeof(taken), size, priority);
	waitpid(pid, nullptr, 0);
	double took_ns = pools_now_ns() - began_ns;
	pools_take_side(POOLS_ANY);
	ipc::message_queue::remove(name);
	return took_ns / count;
}
