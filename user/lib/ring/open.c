// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Makes rings, maps them, and hands them to others by their file. Whoever attaches copies the setup
 * once and believes nothing in it that does not agree with the file. Data of a ring with one writer
 * are mapped twice in a row. All rings of a process stand in one list, for a child of fork, which
 * has none of these mappings.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/lib/ring/inside.h"

#define BYTES_MIN  4096ULL
#define BYTES_MAX  (4ULL << 30) /* a record's length has 31 bits, and is a quarter of it at most */
#define SLOTS_MAX  (1U << 26)
#define FLAGS      (UW_RING_MANY | UW_RING_DROP_OLDEST | UW_RING_FIXED)
#define RUNS       (UW_RING_MANY | UW_RING_FIXED)
#define ROUND_LINE 64

static pthread_mutex_t rings_lock = PTHREAD_MUTEX_INITIALIZER;
static struct uw_ring *rings;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static uint64_t page_bytes(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- fork ---- */

static void before_fork(void)
{
	pthread_mutex_lock(&rings_lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&rings_lock);
}

static void in_child(void)
{
	for (struct uw_ring *ring = rings; ring; ring = ring->next) {
		ring->kind = RING_FORKED;
		ring_fixed_stop(ring);
	}
	pthread_mutex_init(&rings_lock, NULL);
}

static void watch_forks(void)
{
	pthread_atfork(before_fork, after_fork, in_child);
}

static void enter_rings(struct uw_ring *ring)
{
	pthread_once(&fork_once, watch_forks);
	pthread_mutex_lock(&rings_lock);
	ring->next = rings;
	rings = ring;
	pthread_mutex_unlock(&rings_lock);
}

static void leave_rings(const struct uw_ring *ring)
{
	pthread_mutex_lock(&rings_lock);
	for (struct uw_ring **at = &rings; *at; at = &(*at)->next)
		if (*at == ring) {
			*at = ring->next;
			break;
		}
	pthread_mutex_unlock(&rings_lock);
}

/* ---- setup ---- */

static uint64_t power_of_two(uint64_t at_least)
{
	return at_least <= 1 ? 1 : 1ULL << (64 - __builtin_clzll(at_least - 1));
}

/* A power of two of slots, as many as bytes have room for. */
static int plan_slots(struct ring_setup *setup, uint64_t bytes, uint32_t record_bytes)
{
	uint64_t stride = sizeof(struct ring_slot) + (uint64_t)record_bytes;
	uint64_t count;

	stride = (stride + ROUND_LINE - 1) / ROUND_LINE * ROUND_LINE;
	count = bytes / stride;
	if (!record_bytes || count < 2 || count > SLOTS_MAX)
		return -EINVAL;
	setup->stride = (uint32_t)stride;
	setup->slot_count = (uint32_t)(power_of_two(count + 1) / 2);
	setup->record_bytes = record_bytes;
	setup->data_bytes = setup->stride * (uint64_t)setup->slot_count;
	return 0;
}

static uint64_t fixed_stride(uint32_t record_bytes)
{
	return ((uint64_t)record_bytes + 7) & ~7ULL;
}

/* What stands before the records of runs. */
static uint64_t words_bytes(uint32_t count)
{
	uint64_t bytes = (uint64_t)count * sizeof(uint64_t);

	return (bytes + ROUND_LINE - 1) / ROUND_LINE * ROUND_LINE;
}

static uint64_t runs_bytes(uint32_t count, uint64_t stride)
{
	return RING_CLIENTS * sizeof(struct ring_hands) + words_bytes(count) + stride * count;
}

static int plan_runs(struct ring_setup *setup, uint64_t bytes, uint32_t record_bytes)
{
	uint64_t stride = fixed_stride(record_bytes), count = bytes / (stride + sizeof(uint64_t));

	if (!record_bytes || stride > UINT32_MAX || count < 2 || count > SLOTS_MAX)
		return -EINVAL;
	setup->stride = (uint32_t)stride;
	setup->slot_count = (uint32_t)(power_of_two(count + 1) / 2);
	setup->record_bytes = record_bytes;
	setup->data_bytes = runs_bytes(setup->slot_count, stride);
	return 0;
}

static int plan_bytes(struct ring_setup *setup, uint64_t bytes, uint32_t record_bytes)
{
	uint64_t page = page_bytes();

	setup->data_bytes = power_of_two(bytes > page ? bytes : page);
	setup->record_bytes = (uint32_t)(setup->data_bytes / 4 - RING_HEADER);
	return record_bytes <= setup->record_bytes ? 0 : -EINVAL;
}

/* Two of them at least. */
static int plan_fixed(struct ring_setup *setup, uint64_t bytes, uint32_t record_bytes)
{
	uint64_t page = page_bytes(), stride = fixed_stride(record_bytes);

	setup->data_bytes = power_of_two(bytes > page ? bytes : page);
	if (!record_bytes || stride > setup->data_bytes / 2)
		return -EINVAL;
	setup->stride = (uint32_t)stride;
	setup->slot_count = (uint32_t)(setup->data_bytes / stride);
	setup->record_bytes = record_bytes;
	return 0;
}

static bool are_possible(uint32_t flags)
{
	return !(flags & ~FLAGS) && (~flags & (UW_RING_FIXED | UW_RING_DROP_OLDEST));
}

static int plan(struct ring_setup *setup, const struct uw_ring_options *options)
{
	if (options->size != sizeof(*options) || !are_possible(options->flags) ||
	    options->bytes < BYTES_MIN || options->bytes > BYTES_MAX)
		return -EINVAL;
	*setup = (struct ring_setup){
		.magic = RING_MAGIC,
		.version = RING_VERSION,
		.flags = options->flags,
		.data_offset = page_bytes(),
		.pid_namespace = ring_pid_namespace(),
	};
	if (options->flags == RUNS)
		return plan_runs(setup, options->bytes, options->record_bytes);
	if (options->flags & UW_RING_FIXED)
		return plan_fixed(setup, options->bytes, options->record_bytes);
	if (options->flags & UW_RING_MANY)
		return plan_slots(setup, options->bytes, options->record_bytes);
	return plan_bytes(setup, options->bytes, options->record_bytes);
}

static bool is_power_of_two(uint64_t number)
{
	return number && !(number & (number - 1));
}

static bool slots_agree(const struct ring_setup *setup)
{
	return is_power_of_two(setup->slot_count) && setup->slot_count >= 2 &&
	       setup->slot_count <= SLOTS_MAX && setup->stride % ROUND_LINE == 0 &&
	       setup->stride > sizeof(struct ring_slot) && setup->record_bytes &&
	       setup->record_bytes <= setup->stride - sizeof(struct ring_slot) &&
	       setup->data_bytes == setup->stride * (uint64_t)setup->slot_count;
}

static bool can_be_mapped_twice(const struct ring_setup *setup)
{
	return is_power_of_two(setup->data_bytes) && setup->data_bytes % page_bytes() == 0 &&
	       setup->data_bytes <= BYTES_MAX;
}

static bool bytes_agree(const struct ring_setup *setup)
{
	return can_be_mapped_twice(setup) &&
	       setup->record_bytes == setup->data_bytes / 4 - RING_HEADER;
}

static bool fixed_agree(const struct ring_setup *setup)
{
	return can_be_mapped_twice(setup) && setup->record_bytes &&
	       setup->stride == fixed_stride(setup->record_bytes) &&
	       setup->slot_count == setup->data_bytes / setup->stride && setup->slot_count >= 2;
}

static bool runs_agree(const struct ring_setup *setup)
{
	return is_power_of_two(setup->slot_count) && setup->slot_count >= 2 &&
	       setup->slot_count <= SLOTS_MAX && setup->record_bytes &&
	       setup->stride == fixed_stride(setup->record_bytes) &&
	       setup->data_bytes == runs_bytes(setup->slot_count, setup->stride);
}

static bool parts_agree(const struct ring_setup *setup)
{
	if (setup->flags == RUNS)
		return runs_agree(setup);
	if (setup->flags & UW_RING_FIXED)
		return fixed_agree(setup);
	return setup->flags & UW_RING_MANY ? slots_agree(setup) : bytes_agree(setup);
}

/* Whether a setup that anybody may have written is one of a file of so many bytes. -ENODATA: nobody
 * has written any yet. */
static int check_setup(const struct ring_setup *setup, uint64_t file_bytes)
{
	if (setup->magic != RING_MAGIC)
		return setup->magic ? -EINVAL : -ENODATA;
	if (setup->version != RING_VERSION || !are_possible(setup->flags))
		return -EPROTO;
	if (setup->data_offset != page_bytes() || setup->data_bytes > file_bytes - page_bytes())
		return -EINVAL;
	return parts_agree(setup) ? 0 : -EINVAL;
}

/* ---- mapping ---- */

static int map_part(struct uw_ring *ring, uint64_t at, uint64_t offset, uint64_t bytes)
{
	int access = ring->writable ? PROT_READ | PROT_WRITE : PROT_READ;
	void *part = mmap((uint8_t *)ring->map + at, bytes, access, MAP_SHARED | MAP_FIXED,
			  segment_fd(ring->segment), (off_t)offset);

	if (part == MAP_FAILED)
		return -errno;
	return madvise(part, bytes, MADV_DONTFORK) < 0 ? -errno : 0;
}

static uint64_t round_to_page(uint64_t bytes)
{
	return (bytes + page_bytes() - 1) / page_bytes() * page_bytes();
}

/* With a page that cannot be touched on either side. */
static int map_ring(struct uw_ring *ring, const struct ring_setup *setup)
{
	uint64_t data = round_to_page(setup->data_bytes), first = setup->data_offset + data;
	bool twice = !(setup->flags & UW_RING_MANY);
	uint64_t guard = page_bytes();
	int rc;

	ring->map_bytes = guard + first + (twice ? data : 0) + guard;
	ring->map = mmap(NULL, ring->map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ring->map == MAP_FAILED) {
		ring->map = NULL;
		return -errno;
	}
	rc = map_part(ring, guard, 0, first);
	if (!rc && twice)
		rc = map_part(ring, guard + first, setup->data_offset, data);
	if (rc)
		return rc;
	ring->data = (uint8_t *)ring->map + guard + setup->data_offset;
	ring->control = (struct ring_control *)(void *)((uint8_t *)ring->map + guard);
	return 0;
}

/* From here on nothing in the shared setup counts any more. */
static void keep_setup(struct uw_ring *ring, const struct ring_setup *setup)
{
	ring->kind = setup->flags == RUNS           ? RING_RUNS
		     : setup->flags & UW_RING_MANY  ? RING_MANY
		     : setup->flags & UW_RING_FIXED ? RING_FIXED
						    : RING_ONE;
	ring->drops = setup->flags & UW_RING_DROP_OLDEST;
	ring->data_bytes = setup->data_bytes;
	ring->record_bytes = setup->record_bytes;
	ring->stride = setup->stride;
	ring->slot_count = setup->slot_count;
	ring->slot_shift = setup->slot_count ? (uint32_t)__builtin_ctz(setup->slot_count) : 0;
}

static void lay_out_runs(struct uw_ring *ring)
{
	uint8_t *words = ring->data + RING_CLIENTS * sizeof(struct ring_hands);

	ring->hands = (struct ring_hands *)(void *)ring->data;
	ring->words = (_Atomic uint64_t *)(void *)words;
	ring->records = words + words_bytes(ring->slot_count);
}

/* ---- lifetime ---- */

static struct uw_ring *new_ring(bool writable)
{
	struct uw_ring *ring = aligned_alloc(alignof(struct uw_ring), sizeof(*ring));

	if (!ring)
		return NULL;
	memset(ring, 0, sizeof(*ring));
	ring->writable = writable;
	ring->client = RING_CLIENTS;
	ring_prepare_waits();
	return ring;
}

static int open_parts(struct uw_ring *ring, const struct ring_setup *setup)
{
	int rc = map_ring(ring, setup);

	if (rc)
		return rc;
	keep_setup(ring, setup);
	if (ring->kind == RING_FIXED)
		ring_fixed_open(ring);
	if (ring->kind == RING_RUNS)
		lay_out_runs(ring);
	if (!ring->writable)
		return 0;
	return setup->pid_namespace == ring_pid_namespace() ? ring_enter(ring) : -EXDEV;
}

static int hand_out(struct uw_ring *ring, int rc, struct uw_ring **ret_ring)
{
	if (rc) {
		uw_ring_close(ring);
		return rc;
	}
	enter_rings(ring);
	*ret_ring = ring;
	return 0;
}

static int create_parts(struct uw_ring *ring, struct uw *uw, const struct uw_ring_options *options,
			const struct ring_setup *setup)
{
	uint64_t bytes = setup->data_offset + round_to_page(setup->data_bytes);
	int rc = segment_create(uw, options->component, options->name, bytes, &ring->segment);

	if (!rc)
		rc = segment_commit(ring->segment, 0, bytes);
	if (rc)
		return rc;
	memcpy(segment_base(ring->segment), setup, sizeof(*setup));
	return open_parts(ring, setup);
}

int uw_ring_create(struct uw *uw, const struct uw_ring_options *options, struct uw_ring **ret_ring)
{
	struct ring_setup setup;
	struct uw_ring *ring;
	int rc = plan(&setup, options);

	if (rc)
		return rc;
	ring = new_ring(true);
	if (!ring)
		return -ENOMEM;
	return hand_out(ring, create_parts(ring, uw, options, &setup), ret_ring);
}

/* Holes would be filled at the expense of who looks at them. */
static bool is_committed(int fd, uint64_t bytes)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (uint64_t)st.st_blocks * 512 >= bytes;
}

static int attach_parts(struct uw_ring *ring)
{
	struct ring_setup setup;
	uint64_t bytes = segment_bytes(ring->segment);
	int rc;

	if (bytes < page_bytes() + BYTES_MIN)
		return -EINVAL;
	if (!is_committed(segment_fd(ring->segment), bytes))
		return -ENODATA;
	rc = segment_show(ring->segment, 0, page_bytes());
	if (rc)
		return rc;
	memcpy(&setup, segment_base(ring->segment), sizeof(setup));
	rc = check_setup(&setup, bytes);
	return rc ? rc : open_parts(ring, &setup);
}

int uw_ring_attach_fd(int fd, uint32_t access, struct uw_ring **ret_ring)
{
	struct uw_ring *ring;
	int rc;

	if (access != UW_READ_ONLY && access != UW_READ_WRITE)
		return -EINVAL;
	ring = new_ring(access == UW_READ_WRITE);
	if (!ring)
		return -ENOMEM;
	rc = segment_attach(fd, ring->writable, &ring->segment);
	if (!rc)
		rc = attach_parts(ring);
	return hand_out(ring, rc == -ENODATA ? -EINVAL : rc, ret_ring);
}

int uw_ring_attach(struct uw *uw, const char *name, uint32_t access, struct uw_ring **ret_ring)
{
	struct uw_ring *ring;
	int rc;

	if (!uw || !name || access > UW_READ_WRITE || !ret_ring)
		return -EINVAL;
	ring = new_ring(access == UW_READ_WRITE);
	if (!ring)
		return -ENOMEM;
	rc = segment_attach_named(uw, name, ring->writable, &ring->segment);
	if (!rc)
		rc = attach_parts(ring);
	return hand_out(ring, rc == -ENODATA ? -EAGAIN : rc, ret_ring); /* its owner is about to */
}

int uw_ring_share(struct uw_ring *ring, uint32_t uid, uint32_t gid, uint32_t mode)
{
	return segment_share(ring->segment, uid, gid, mode);
}

const char *uw_ring_name(const struct uw_ring *ring)
{
	return segment_name(ring->segment);
}

void uw_ring_close(struct uw_ring *ring)
{
	if (!ring)
		return;
	leave_rings(ring);
	if (ring->kind != RING_FORKED) {
		if (ring->kind == RING_RUNS && ring->client < RING_CLIENTS)
			ring_runs_leave(ring);
		if (ring->writable && ring->control)
			ring_leave(ring);
		if (ring->map)
			munmap(ring->map, ring->map_bytes);
	}
	segment_close(ring->segment);
	free(ring);
}
