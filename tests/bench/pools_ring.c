// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rings beside others: items of eight bytes between two threads (boost's spsc_queue, ck_ring),
 * between two and two (boost's queue, ck_ring), records of 128 bytes between processes (boost's
 * message_queue, a pipe), and 100 MB handed to another process over one pickle of them. What is of
 * one length goes through the ring that is made for that, and through the one of any length too.
 * Prints "NAME VALUE" lines, each a ratio: how many times as much is done in the same processor
 * time, of which the least of all rounds counts. Each side has a processor of its own.
 */
#include "pools.h"

#include <ck_ring.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/lib/uw.h"

#define BATCH   32
#define RECORDS (POOLS_ITEMS / 4)
#define RUNS    (UW_RING_MANY | UW_RING_FIXED)

static struct uw_ring *make_ring(uint32_t flags, uint32_t record_bytes)
{
	bool is_headed = !(flags & UW_RING_FIXED), is_of_any = !flags;
	bool is_many = flags & UW_RING_MANY;
	uint64_t slot_bytes =
		is_many && is_headed ? 64 : record_bytes + (is_headed || is_many ? 8 : 0);
	struct uw_ring_options options = {
		.size = sizeof(options),
		.flags = flags,
		.name = "bench",
		.bytes = POOLS_SLOTS * slot_bytes,
		.record_bytes = is_of_any ? 0 : record_bytes,
	};
	struct uw_ring *ring = NULL;

	pools_require(!uw_ring_create(NULL, &options, &ring), "no ring");
	return ring;
}

/* ---- eight bytes ---- */

struct traffic {
	struct uw_ring *ring;
	uint32_t batch;
	struct uw_ring *handle[4];
	unsigned handles, taken;
};

static void *write_items(void *data)
{
	const struct traffic *traffic = data;
	struct uw_record record[BATCH];
	uint64_t item = 0;
	unsigned tries = 0;

	for (uint32_t i = 0; i < traffic->batch; i++)
		record[i].length = sizeof(item);
	while (item < POOLS_ITEMS) {
		uint64_t left = POOLS_ITEMS - item;
		int got = uw_ring_reserve(traffic->ring, record,
					  left < traffic->batch ? (uint32_t)left : traffic->batch);

		if (got < 0) {
			pools_wait(&tries);
			continue;
		}
		tries = 0;
		for (int i = 0; i < got; i++)
			*(uint64_t *)record[i].bytes = item++;
		uw_ring_commit(traffic->ring, record, (uint32_t)got);
	}
	return NULL;
}

static void *read_items(void *data)
{
	const struct traffic *traffic = data;
	struct uw_record record[BATCH];
	uint64_t sum = 0, left = POOLS_ITEMS;
	unsigned tries = 0;

	while (left) {
		int got = uw_ring_peek(traffic->ring, record,
				       left < traffic->batch ? (uint32_t)left : traffic->batch);

		if (got < 0) {
			pools_wait(&tries);
			continue;
		}
		tries = 0;
		for (int i = 0; i < got; i++)
			sum += *(const uint64_t *)record[i].bytes;
		uw_ring_release(traffic->ring, record, (uint32_t)got);
		left -= (uint64_t)got;
	}
	return (void *)(uintptr_t)sum;
}

/* The size of a batch is known to the compiler, as it is in a program. */
static inline void *write_spans(struct uw_ring *ring, uint32_t batch)
{
	uint64_t item = 0;
	unsigned tries = 0;
	void *bytes;

	while (item < POOLS_ITEMS) {
		uint64_t left = POOLS_ITEMS - item;
		int got = uw_ring_reserve_span(ring, left < batch ? (uint32_t)left : batch, &bytes);

		if (got < 0) {
			pools_wait(&tries);
			continue;
		}
		tries = 0;
		for (int i = 0; i < got; i++)
			((uint64_t *)bytes)[i] = item++;
		uw_ring_commit_span(ring, (uint32_t)got);
	}
	return NULL;
}

static inline void *read_spans(struct uw_ring *ring, uint32_t batch)
{
	uint64_t sum = 0, left = POOLS_ITEMS;
	unsigned tries = 0;
	void *bytes;

	while (left) {
		int got = uw_ring_peek_span(ring, left < batch ? (uint32_t)left : batch, &bytes);

		if (got < 0) {
			pools_wait(&tries);
			continue;
		}
		tries = 0;
		for (int i = 0; i < got; i++)
			sum += ((const uint64_t *)bytes)[i];
		uw_ring_release_span(ring, (uint32_t)got);
		left -= (uint64_t)got;
	}
	return (void *)(uintptr_t)sum;
}

/* Of many each thread has a handle of its own. */
static struct uw_ring *own_handle(struct traffic *traffic)
{
	unsigned mine = __atomic_fetch_add(&traffic->taken, 1, __ATOMIC_RELAXED);

	return mine < traffic->handles ? traffic->handle[mine] : traffic->ring;
}

static void *write_one_by_one(void *data)
{
	return write_spans(own_handle(data), 1);
}

static void *read_one_by_one(void *data)
{
	return read_spans(own_handle(data), 1);
}

static void *write_by_32(void *data)
{
	return write_spans(own_handle(data), BATCH);
}

static void *read_by_32(void *data)
{
	return read_spans(own_handle(data), BATCH);
}

static void attach_handles(struct traffic *traffic, unsigned count)
{
	for (; traffic->handles < count; traffic->handles++)
		pools_require(!uw_ring_attach_fd(uw_ring_fd(traffic->ring), UW_READ_WRITE,
						 &traffic->handle[traffic->handles]),
			      "no handle");
}

static double run_ring(uint32_t flags, uint32_t batch, int of_each, pools_work write_all,
		       pools_work read_all)
{
	struct traffic traffic = {.ring = make_ring(flags, 8), .batch = batch};
	double ns;

	if (flags == RUNS)
		attach_handles(&traffic, 2 * (unsigned)of_each);
	ns = pools_run(write_all, read_all, of_each, 1, &traffic);
	while (traffic.handles)
		uw_ring_close(traffic.handle[--traffic.handles]);
	uw_ring_close(traffic.ring);
	return ns / ((double)of_each * POOLS_ITEMS);
}

static double uw_fixed(void)
{
	return run_ring(UW_RING_FIXED, 1, 1, write_one_by_one, read_one_by_one);
}

static double uw_fixed_by_32(void)
{
	return run_ring(UW_RING_FIXED, BATCH, 1, write_by_32, read_by_32);
}

static double uw_any(void)
{
	return run_ring(0, 1, 1, write_items, read_items);
}

static double uw_any_by_32(void)
{
	return run_ring(0, BATCH, 1, write_items, read_items);
}

static double uw_many(void)
{
	return run_ring(RUNS, 1, 2, write_one_by_one, read_one_by_one);
}

static double uw_many_by_32(void)
{
	return run_ring(RUNS, BATCH, 2, write_by_32, read_by_32);
}

static double uw_many_any(void)
{
	return run_ring(UW_RING_MANY, 1, 2, write_items, read_items);
}

static double uw_many_any_by_32(void)
{
	return run_ring(UW_RING_MANY, BATCH, 2, write_items, read_items);
}

static ck_ring_t ck;
static ck_ring_buffer_t ck_room[POOLS_SLOTS];

static void *ck_spsc_push(void *data)
{
	for (uintptr_t i = 1; i <= POOLS_ITEMS; i++)
		for (unsigned tries = 0; !ck_ring_enqueue_spsc(&ck, ck_room, (void *)i);)
			pools_wait(&tries);
	return data;
}

static void *ck_spsc_pop(void *data)
{
	void *item;

	for (uint32_t i = 0; i < POOLS_ITEMS; i++)
		for (unsigned tries = 0; !ck_ring_dequeue_spsc(&ck, ck_room, &item);)
			pools_wait(&tries);
	return data;
}

static void *ck_mpmc_push(void *data)
{
	for (uintptr_t i = 1; i <= POOLS_ITEMS; i++)
		for (unsigned tries = 0; !ck_ring_enqueue_mpmc(&ck, ck_room, (void *)i);)
			pools_wait(&tries);
	return data;
}

static void *ck_mpmc_pop(void *data)
{
	void *item;

	for (uint32_t i = 0; i < POOLS_ITEMS; i++)
		for (unsigned tries = 0; !ck_ring_dequeue_mpmc(&ck, ck_room, &item);)
			pools_wait(&tries);
	return data;
}

static double ck_spsc(void)
{
	ck_ring_init(&ck, POOLS_SLOTS);
	return pools_run(ck_spsc_push, ck_spsc_pop, 1, 1, NULL) / POOLS_ITEMS;
}

static double ck_mpmc(void)
{
	ck_ring_init(&ck, POOLS_SLOTS);
	return pools_run(ck_mpmc_push, ck_mpmc_pop, 2, 1, NULL) / (2.0 * POOLS_ITEMS);
}

/* What nobody can be faster than who claims an item to write it and claims it to read it, each by
 * one instruction that locks: these two, with nothing else and nobody else there. */
static double two_claims(void)
{
	static struct {
		_Alignas(128) _Atomic uint64_t at;
	} claimed[2];
	double began_ns = pools_now_ns();

	for (uint32_t i = 0; i < POOLS_ITEMS; i++)
		for (int side = 0; side < 2; side++) {
			uint64_t seen =
				atomic_load_explicit(&claimed[side].at, memory_order_relaxed);

			atomic_compare_exchange_strong(&claimed[side].at, &seen, seen + 1);
		}
	return (pools_now_ns() - began_ns) / POOLS_ITEMS;
}

/* ---- records to another process ---- */

static void write_records(struct uw_ring *ring)
{
	struct uw_record record[BATCH];

	for (int i = 0; i < BATCH; i++)
		record[i].length = POOLS_RECORD;
	for (uint32_t at = 0; at < RECORDS;) {
		uint32_t left = RECORDS - at;
		int got = uw_ring_reserve(ring, record, left < BATCH ? left : BATCH);

		if (got < 0) {
			uw_ring_wait(ring, UW_RING_WRITE, UINT64_MAX);
			continue;
		}
		for (int i = 0; i < got; i++) {
			memset(record[i].bytes, 0, POOLS_RECORD);
			memcpy(record[i].bytes, &at, sizeof(at));
		}
		at += (uint32_t)got;
		uw_ring_commit(ring, record, (uint32_t)got);
	}
}

static void read_records(struct uw_ring *ring)
{
	struct uw_record record[BATCH];
	char taken[POOLS_RECORD];

	for (uint32_t left = RECORDS; left;) {
		int got = uw_ring_peek(ring, record, BATCH);

		if (got < 0) {
			uw_ring_wait(ring, UW_RING_READ, UINT64_MAX);
			continue;
		}
		for (int i = 0; i < got; i++)
			memcpy(taken, record[i].bytes, sizeof(taken));
		left -= (uint32_t)got;
		uw_ring_release(ring, record, (uint32_t)got);
	}
}

static void write_record_spans(struct uw_ring *ring)
{
	uint8_t *bytes;
	void *span;

	for (uint32_t at = 0; at < RECORDS;) {
		uint32_t left = RECORDS - at;
		int got = uw_ring_reserve_span(ring, left < BATCH ? left : BATCH, &span);

		if (got < 0) {
			uw_ring_wait(ring, UW_RING_WRITE, UINT64_MAX);
			continue;
		}
		bytes = span;
		for (int i = 0; i < got; i++, bytes += POOLS_RECORD) {
			memset(bytes, 0, POOLS_RECORD);
			memcpy(bytes, &at, sizeof(at));
		}
		at += (uint32_t)got;
		uw_ring_commit_span(ring, (uint32_t)got);
	}
}

static void read_record_spans(struct uw_ring *ring)
{
	char taken[POOLS_RECORD];
	void *span;

	for (uint32_t left = RECORDS; left;) {
		int got = uw_ring_peek_span(ring, BATCH, &span);

		if (got < 0) {
			uw_ring_wait(ring, UW_RING_READ, UINT64_MAX);
			continue;
		}
		for (int i = 0; i < got; i++)
			memcpy(taken, (uint8_t *)span + i * POOLS_RECORD, sizeof(taken));
		left -= (uint32_t)got;
		uw_ring_release_span(ring, (uint32_t)got);
	}
}

static double run_records(uint32_t flags, void (*write_all)(struct uw_ring *ring),
			  void (*read_all)(struct uw_ring *ring))
{
	struct uw_ring *ring = make_ring(flags, POOLS_RECORD), *theirs = NULL;
	int fd = dup(uw_ring_fd(ring));
	double began_ns = pools_now_ns(), ns;
	pid_t pid = fork();

	pools_take_side(!pid);
	if (!pid) {
		if (uw_ring_attach_fd(fd, UW_READ_WRITE, &theirs))
			_exit(1);
		write_all(theirs);
		_exit(0);
	}
	read_all(ring);
	waitpid(pid, NULL, 0);
	ns = pools_now_ns() - began_ns;
	pools_take_side(POOLS_ANY);
	close(fd);
	uw_ring_close(ring);
	return ns / RECORDS;
}

static double uw_records(void)
{
	return run_records(UW_RING_FIXED, write_record_spans, read_record_spans);
}

static double uw_any_records(void)
{
	return run_records(0, write_records, read_records);
}

static double pipe_records(void)
{
	char record[POOLS_RECORD] = {0}, taken[BATCH * POOLS_RECORD];
	double began_ns = pools_now_ns();
	uint64_t left = (uint64_t)RECORDS * POOLS_RECORD;
	int ends[2];
	pid_t pid;

	pools_require(!pipe(ends), "no pipe");
	pid = fork();
	pools_take_side(!pid);
	if (!pid) {
		for (uint32_t i = 0; i < RECORDS; i++)
			if (write(ends[1], record, sizeof(record)) != sizeof(record))
				_exit(1);
		_exit(0);
	}
	while (left) {
		ssize_t got = read(ends[0], taken, sizeof(taken));

		pools_require(got > 0, "a short pipe");
		left -= (uint64_t)got;
	}
	waitpid(pid, NULL, 0);
	pools_take_side(POOLS_ANY);
	close(ends[0]);
	close(ends[1]);
	return (pools_now_ns() - began_ns) / RECORDS;
}

/* ---- 100 MB ---- */

#define LARGE_BYTES (100U << 20)

/* A segment that is there already: to attach and to see its first and last byte is all there is. */
static double uw_pass(void)
{
	struct uw_ring_options options = {.size = sizeof(options),
					  .name = "large",
					  .bytes = LARGE_BYTES + (1U << 20),
					  .flags = UW_RING_MANY,
					  .record_bytes = LARGE_BYTES / 2};
	struct uw_record record[2] = {{.length = LARGE_BYTES / 2}, {.length = LARGE_BYTES / 2}};
	struct uw_ring *ring = NULL, *theirs = NULL;
	double ns;

	pools_require(!uw_ring_create(NULL, &options, &ring) &&
			      uw_ring_reserve(ring, record, 2) == 2 &&
			      !uw_ring_commit(ring, record, 2),
		      "no large ring");
	ns = pools_now_ns();
	pools_require(!uw_ring_attach_fd(uw_ring_fd(ring), UW_READ_WRITE, &theirs) &&
			      uw_ring_peek(theirs, record, 2) == 2,
		      "no large record");
	*(volatile char *)record[0].bytes;
	((volatile char *)record[1].bytes)[record[1].length - 1];
	ns = pools_now_ns() - ns;
	uw_ring_close(theirs);
	uw_ring_close(ring);
	return ns;
}

static double python_pickle(void)
{
	FILE *from = popen("python3 -c 'import pickle, time; b = bytearray(100 << 20); "
			   "t = time.process_time_ns(); p = pickle.dumps(b); pickle.loads(p); "
			   "print(time.process_time_ns() - t)'",
			   "r");
	double ns = 0;

	pools_require(from && fscanf(from, "%lf", &ns) == 1, "no python3");
	pclose(from);
	return ns;
}

/* ---- all of them ---- */

static void print_ratio(const char *name, const struct pools_contender *peer,
			const struct pools_contender *ours)
{
	printf("%s %.4g\n", name, peer->ns[0] / ours->ns[0]);
}

int main(void)
{
	struct pools_contender one[] = {{"spsc uw", uw_fixed, {0}},
					{"spsc uw by 32", uw_fixed_by_32, {0}},
					{"spsc boost", boost_spsc, {0}},
					{"spsc ck", ck_spsc, {0}},
					{"spsc uw of any length", uw_any, {0}},
					{"spsc uw of any length by 32", uw_any_by_32, {0}}};
	struct pools_contender many[] = {{"mpmc uw", uw_many, {0}},
					 {"mpmc uw by 32", uw_many_by_32, {0}},
					 {"mpmc boost", boost_queue, {0}},
					 {"mpmc ck", ck_mpmc, {0}},
					 {"mpmc uw of any length", uw_many_any, {0}},
					 {"mpmc uw of any length by 32", uw_many_any_by_32, {0}},
					 {"mpmc two claims", two_claims, {0}}};
	struct pools_contender records[] = {{"records uw", uw_records, {0}},
					    {"records boost", boost_message_queue, {0}},
					    {"records pipe", pipe_records, {0}},
					    {"records uw of any length", uw_any_records, {0}}};
	struct pools_contender large[] = {{"100 MB uw", uw_pass, {0}},
					  {"100 MB pickle", python_pickle, {0}}};

	pools_take_turns(one, 6, pools_least);
	print_ratio("spsc_over_boost", &one[2], &one[0]);
	print_ratio("spsc_over_ck", &one[3], &one[0]);
	print_ratio("spsc_by_32_over_boost", &one[2], &one[1]);
	print_ratio("spsc_any_length_over_boost", &one[2], &one[4]);
	print_ratio("spsc_any_length_by_32_over_boost", &one[2], &one[5]);
	pools_take_turns(many, 7, pools_least);
	print_ratio("mpmc_over_ck", &many[3], &many[0]);
	print_ratio("mpmc_over_boost", &many[2], &many[0]);
	print_ratio("mpmc_claims_alone_over_ck", &many[3], &many[6]);
	print_ratio("mpmc_by_32_over_ck", &many[3], &many[1]);
	print_ratio("mpmc_any_length_over_ck", &many[3], &many[4]);
	print_ratio("mpmc_any_length_by_32_over_ck", &many[3], &many[5]);
	pools_take_turns(records, 4, pools_least);
	print_ratio("records_by_32_over_boost_message_queue", &records[1], &records[0]);
	print_ratio("records_by_32_over_pipe", &records[2], &records[0]);
	print_ratio("records_any_length_by_32_over_boost_message_queue", &records[1], &records[3]);
	pools_take_turns(large, 2, pools_median);
	printf("100_mb_passed_over_pickle %.3g\n", large[0].ns[0] / large[1].ns[0]);
	return 0;
}
