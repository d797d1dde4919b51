// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * user/sense against a pool made by hand: /sys/fs/cgroup/uw with cache/ and jobs/. Each step checks
 * frames against what the kernel's files say. Exit status 1 and one line a fault.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroups/cgroups.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/sense/sense.h"

#define POOL "/sys/fs/cgroup/uw"
#define SAMPLE_ALL \
	(SAMPLE_USAGE | SAMPLE_STAT | SAMPLE_PSI | SAMPLE_EVENTS | SAMPLE_SWAP | SAMPLE_LIMITS)
#define FULL_ROUNDS 200

enum {
	CACHE,
	JOBS,
	MISSING,
	COMPONENTS
};

/* How far two readings of a live group may lie apart: per-CPU charge batches of 64 pages, 2 CPUs.
 */
#define CHARGE_SLACK (2 * 64 * 4096ULL)

struct told {
	int came, went;
	char name[CG_NAME_LEN];
};

struct bench {
	struct sense *sense;
	int pool;
	struct config config;
	struct frame frame;
	struct told told;
	int faults;
};

static void check(struct bench *bench, bool ok, const char *what)
{
	if (ok)
		return;
	printf("not so: %s\n", what);
	bench->faults++;
}

static void on_leaf(void *data, uint32_t component, uint64_t cgid, const char *name)
{
	struct told *told = data;

	(void)component;
	(void)cgid;
	if (name) {
		told->came++;
		text_copy(told->name, sizeof(told->name), name);
	} else {
		told->went++;
	}
}

static void must(int ret, const char *what)
{
	if (ret >= 0)
		return;
	printf("cannot %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t file_u64(const char *path)
{
	char text[64];
	long len = text_read_at(AT_FDCWD, path, text, sizeof(text));

	return len < 0 ? 0 : strtoull(text, NULL, 10);
}

static bool near(uint64_t a, uint64_t b)
{
	return (a > b ? a - b : b - a) <= CHARGE_SLACK;
}

static void full_with(struct bench *bench, uint32_t looks)
{
	bench->frame.now_us = clock_now_us();
	sense_full(bench->sense, &bench->frame, 0, looks);
}

static void full(struct bench *bench)
{
	full_with(bench, 0);
}

/* As of now: what was read before it began is left out. */
static void full_with_locks(struct bench *bench, uint32_t looks)
{
	for (int told = 0, i = 0; i < 1000; i++, usleep(10000)) {
		full_with(bench, looks | PLAN_LOOK_LOCKS);
		told += bench->frame.locks_valid;
		if (told == 2)
			return;
	}
}

/* A child in the leaf that holds so much anonymous memory until it is killed. */
static pid_t start_holder(const char *leaf, size_t bytes)
{
	AUTO_CLOSE int dir = open(leaf, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ready[2];
	char byte;
	pid_t pid;

	must(dir, "open the leaf");
	must(pipe(ready), "pipe");
	pid = cg_fork_into(dir, NULL);
	must(pid, "clone3 into the leaf");
	if (!pid) {
		memset(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0),
		       1, bytes);
		must((int)write(ready[1], "", 1), "tell");
		pause();
		_exit(0);
	}
	close(ready[1]);
	must((int)read(ready[0], &byte, 1) - 1, "wait for the child");
	close(ready[0]);
	return pid;
}

/* A child in the leaf, or outside of the pool, that takes a lock on the file, and keeps it. */
static pid_t start_locker(const char *leaf, const char *path)
{
	AUTO_CLOSE int dir = leaf ? open(leaf, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	pid_t pid = leaf ? cg_fork_into(dir, NULL) : fork();

	must(pid, "fork");
	if (!pid) {
		must(fcntl(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), F_SETLKW, &lock),
		     "lock");
		pause();
		_exit(0);
	}
	return pid;
}

static void end_holder(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void wait_for(const char *path, const char *text)
{
	char now[128] = "";

	for (int i = 0; i < 500 && !strstr(now, text); i++) {
		text_read_at(AT_FDCWD, path, now, sizeof(now));
		usleep(10000);
	}
}

/* inotify tells of a change a moment after the file does. */
static void full_until(struct bench *bench, const bool *value, bool is)
{
	full(bench);
	for (int i = 0; i < 500 && *value != is; i++, full(bench))
		usleep(10000);
}

/* ---- steps ---- */

static void step_components(struct bench *bench)
{
	const struct component_sample *cache = &bench->frame.component[CACHE];

	full(bench);
	check(bench, bench->frame.component_count == COMPONENTS, "three components");
	check(bench, cache->valid == SAMPLE_ALL, "every sensor of cache is valid");
	check(bench, bench->frame.component[MISSING].valid == 0, "a missing component is absent");
	check(bench, sense_component_cgid(bench->sense, MISSING) == 0, "and has no id");
	check(bench, cache->low_bytes == file_u64(POOL "/cache/memory.low"), "memory.low");
	check(bench, cache->high_bytes == file_u64(POOL "/cache/memory.high"), "memory.high");
	check(bench, cache->min_bytes == 0, "memory.min");
	check(bench, bench->frame.host.valid, "the host is valid");
	check(bench, bench->frame.host.total_bytes > 256 * MIB, "MemTotal");
	check(bench, bench->frame.host.swap_total_bytes > 0, "SwapTotal");
	check(bench, bench->frame.leaves_valid && !bench->frame.leaf_count, "no leaves yet");
}

static void step_leaf(struct bench *bench)
{
	const struct component_sample *jobs = &bench->frame.component[JOBS];
	const struct leaf_sample *leaf = &bench->frame.leaf[0];
	char name[CG_NAME_LEN];
	struct stat st;
	pid_t pid;

	must(mkdir(POOL "/jobs/one", 0755), "mkdir a leaf");
	pid = start_holder(POOL "/jobs/one", 20 * MIB);
	full(bench);
	stat(POOL "/jobs/one", &st);
	check(bench, bench->frame.leaf_count == 1, "a new leaf is found at once");
	check(bench, leaf->cgid == st.st_ino && leaf->component == JOBS, "with id and component");
	check(bench, leaf->populated && !leaf->frozen && leaf->born_us, "populated, not frozen");
	check(bench, near(leaf->current_bytes, file_u64(POOL "/jobs/one/memory.current")),
	      "its memory.current");
	check(bench, near(jobs->anon_bytes, 20 * MIB), "20 MiB of anonymous memory");
	check(bench, jobs->current_bytes >= 20 * MIB, "charged to the component");
	check(bench, bench->told.came == 1 && !strcmp(bench->told.name, "one"), "and told of");
	check(bench,
	      sense_leaf_name(bench->sense, leaf->cgid, name, sizeof(name)) == JOBS &&
		      !strcmp(name, "one"),
	      "its name");
	check(bench, sense_leaf_find(bench->sense, JOBS, "one") == leaf->cgid, "by name too");
	check(bench, sense_leaf_find(bench->sense, CACHE, "one") == 0, "in its component only");

	must(text_write_at(AT_FDCWD, POOL "/jobs/one/cgroup.freeze", "1"), "freeze");
	full_until(bench, &leaf->frozen, true);
	check(bench, leaf->frozen, "frozen is seen");
	sense_urgent(bench->sense, &bench->frame);
	check(bench, jobs->valid == SAMPLE_USAGE && !bench->frame.leaves_valid,
	      "urgent reads usage alone");

	end_holder(pid);
	full_until(bench, &leaf->populated, false);
	check(bench, bench->frame.leaf_count == 1 && !leaf->populated, "an empty leaf stays");
	must(rmdir(POOL "/jobs/one"), "rmdir the leaf");
	full(bench);
	check(bench, bench->frame.leaf_count == 0 && bench->told.went == 1, "a removed one goes");
}

/* By whom else, and before any frame saw it. */
static void step_frozen_when_found(struct bench *bench)
{
	const struct leaf_sample *leaf = &bench->frame.leaf[0];
	pid_t pid;

	must(mkdir(POOL "/jobs/stands", 0755), "mkdir a leaf");
	pid = start_holder(POOL "/jobs/stands", MIB);
	must(text_write_at(AT_FDCWD, POOL "/jobs/stands/cgroup.freeze", "1"), "freeze");
	wait_for(POOL "/jobs/stands/cgroup.events", "frozen 1");
	full(bench);
	check(bench, bench->frame.leaf_count == 1 && leaf->frozen, "a new leaf that stands");
	must(text_write_at(AT_FDCWD, POOL "/jobs/stands/cgroup.freeze", "0"), "thaw");
	full_until(bench, &leaf->frozen, false);
	check(bench, !leaf->frozen && leaf->populated, "and goes on");
	end_holder(pid);
	full_until(bench, &leaf->populated, false);
	must(rmdir(POOL "/jobs/stands"), "rmdir the leaf");
	full(bench);
	check(bench, !bench->frame.leaf_count, "and is gone");
}

static uint64_t cpu_of(const char *path)
{
	char text[512] = "";
	uint64_t us = 0;

	text_read_at(AT_FDCWD, path, text, sizeof(text));
	text_key_u64(text, "usage_usec", &us);
	return us;
}

static void wait_for_waiters(const char *of, int count)
{
	char text[4096] = "";
	int found = -1;

	for (int i = 0; i < 500 && found != count; i++, usleep(10000)) {
		found = 0;
		text_read_at(AT_FDCWD, "/proc/locks", text, sizeof(text));
		for (const char *at = text; (at = strstr(at, of)); at++)
			found++;
	}
}

/* One in the leaf and one outside of it wait for who stands frozen: the second one counts. */
static void step_locks(struct bench *bench)
{
	const struct leaf_sample *leaf = &bench->frame.leaf[0];
	pid_t holder, inside, outside;

	must(mkdir(POOL "/jobs/locks", 0755), "mkdir a leaf");
	holder = start_locker(POOL "/jobs/locks", "/tmp/locked");
	wait_for_waiters("POSIX", 1);
	inside = start_locker(POOL "/jobs/locks", "/tmp/locked");
	wait_for_waiters("-> POSIX", 1);
	must(text_write_at(AT_FDCWD, POOL "/jobs/locks/cgroup.freeze", "1"), "freeze");
	full_until(bench, &leaf->frozen, true);
	full_with_locks(bench, 0);
	check(bench, bench->frame.locks_valid && !leaf->lock_waiters, "one inside does not count");
	outside = start_locker(NULL, "/tmp/locked");
	wait_for_waiters("-> POSIX", 2);
	full_with_locks(bench, 0);
	check(bench, leaf->lock_waiters == 1, "one outside does");
	full(bench);
	check(bench, !bench->frame.locks_valid && !leaf->lock_waiters && !leaf->cpu_valid,
	      "nobody looks unasked");
	must(text_write_at(AT_FDCWD, POOL "/jobs/locks/cgroup.freeze", "0"), "thaw");
	full_with_locks(bench, PLAN_LOOK_CPU);
	check(bench, leaf->lock_waiters == 1, "also of a leaf that was frozen a moment ago");
	check(bench, leaf->cpu_valid && leaf->cpu_us, "it has used the CPU");
	check(bench, leaf->cpu_us <= cpu_of(POOL "/jobs/locks/cpu.stat"), "as cpu.stat says");
	end_holder(holder);
	end_holder(inside);
	end_holder(outside);
	wait_for(POOL "/jobs/locks/cgroup.events", "populated 0");
	must(rmdir(POOL "/jobs/locks"), "rmdir the leaf");
	full(bench);
}

/* Who asks by name need not wait for the next full frame. */
static void step_found_by_name(struct bench *bench)
{
	struct stat st;

	must(mkdir(POOL "/jobs/asked", 0755), "mkdir a leaf");
	stat(POOL "/jobs/asked", &st);
	check(bench, sense_leaf_find(bench->sense, JOBS, "asked") == st.st_ino,
	      "a leaf that no frame has seen is found by name");
	must(rmdir(POOL "/jobs/asked"), "rmdir the leaf");
	check(bench, sense_leaf_find(bench->sense, JOBS, "asked") == 0, "a removed one is not");
	bench->told = (struct told){0};
	full(bench);
	check(bench, bench->frame.leaf_count == 0, "nor is it in the frame");
}

static void step_recreated(struct bench *bench)
{
	const struct component_sample *cache = &bench->frame.component[CACHE];
	uint64_t before = sense_component_cgid(bench->sense, CACHE), after;
	uint64_t generation = sense_generation(bench->sense);

	must(mkdir(POOL "/cache/two", 0755), "mkdir a leaf");
	full(bench);
	check(bench, bench->frame.leaf_count == 1, "a leaf of cache");
	must(rmdir(POOL "/cache/two"), "rmdir the leaf");
	must(rmdir(POOL "/cache"), "rmdir a component");
	sense_urgent(bench->sense, &bench->frame);
	check(bench, cache->valid == 0, "a removed component is absent");
	full(bench);
	check(bench, cache->valid == 0 && bench->frame.leaf_count == 0, "and its leaves are gone");
	check(bench, cache->cgid == 0, "and its cgroup");
	check(bench, sense_generation(bench->sense) > generation, "which is a new generation");
	generation = sense_generation(bench->sense);
	must(mkdir(POOL "/cache", 0755), "mkdir it again");
	must(text_write_at(AT_FDCWD, POOL "/cache/cgroup.subtree_control", "+memory"), "enable");
	must(mkdir(POOL "/cache/three", 0755), "mkdir a leaf");
	full(bench);
	after = sense_component_cgid(bench->sense, CACHE);
	check(bench, cache->valid == SAMPLE_ALL, "made anew it is back");
	check(bench, after && after != before, "with another id");
	check(bench, cache->cgid == after, "which the frame has");
	check(bench, sense_generation(bench->sense) > generation, "and that is one more");
	check(bench, bench->frame.leaf_count == 1, "and its leaf");
	must(rmdir(POOL "/cache/three"), "rmdir the leaf");
	full(bench);
	check(bench, bench->frame.leaf_count == 0, "which goes");
}

/* In another order, with one less and one more: what is known moves along. */
static void step_synced(struct bench *bench)
{
	static const struct config turned = {.component_count = 2,
					     .component = {{.name = "jobs"}, {.name = "late"}}};
	uint64_t jobs = sense_component_cgid(bench->sense, JOBS), born_us;

	must(mkdir(POOL "/jobs/stays", 0755), "mkdir a leaf");
	must(mkdir(POOL "/cache/goes", 0755), "mkdir a leaf");
	full(bench);
	born_us = bench->frame.leaf[bench->frame.leaf[0].component == JOBS ? 0 : 1].born_us;
	bench->told = (struct told){0};
	sense_sync(bench->sense, &turned, bench->pool);
	check(bench, bench->told.went == 1, "the leaf of what is not named is told of as gone");
	check(bench, sense_component_cgid(bench->sense, 0) == jobs, "a component moves");
	full(bench);
	check(bench, bench->frame.component_count == 2, "two components");
	check(bench, bench->frame.component[0].valid == SAMPLE_ALL, "read whole in its new place");
	check(bench, bench->frame.leaf_count == 1 && bench->frame.leaf[0].component == 0,
	      "with its leaf");
	check(bench, bench->frame.leaf[0].born_us == born_us, "which is as old as it was");
	check(bench, bench->told.came == 0, "and is not told of again");
	sense_sync(bench->sense, &bench->config, bench->pool);
	must(rmdir(POOL "/jobs/stays"), "rmdir the leaf");
	must(rmdir(POOL "/cache/goes"), "rmdir the leaf");
	full(bench);
	check(bench, bench->frame.component[CACHE].valid == SAMPLE_ALL, "cache is back");
	check(bench, bench->frame.leaf_count == 0, "and the leaves are gone");
}

static void step_many_leaves(struct bench *bench)
{
	char path[64];

	for (int i = 0; i < FRAME_LEAVES_MAX + 20; i++) {
		snprintf(path, sizeof(path), POOL "/jobs/l%d", i);
		must(mkdir(path, 0755), "mkdir many leaves");
	}
	full(bench);
	check(bench, bench->frame.leaf_count == FRAME_LEAVES_MAX, "as many leaves as fit");
	for (int i = 0; i < FRAME_LEAVES_MAX + 20; i++) {
		snprintf(path, sizeof(path), POOL "/jobs/l%d", i);
		must(rmdir(path), "rmdir many leaves");
	}
	full(bench);
	check(bench, bench->frame.leaf_count == 0, "all gone");
}

/* A small group under memory.high with swap stalls soon enough. */
static void step_psi_trigger(struct bench *bench)
{
	struct pollfd trigger = {.events = POLLPRI};
	pid_t pid;

	must(sense_psi_open(bench->sense, JOBS, 1000, 100000, &trigger.fd), "set a PSI trigger");
	must(mkdir(POOL "/jobs/stall", 0755), "mkdir a leaf");
	must(text_write_at(AT_FDCWD, POOL "/jobs/stall/memory.high", "4M"), "squeeze");
	pid = start_holder(POOL "/jobs/stall", 40 * MIB);
	check(bench, poll(&trigger, 1, 10000) == 1 && (trigger.revents & POLLPRI),
	      "the PSI trigger fires");
	full(bench);
	check(bench, bench->frame.component[JOBS].psi_some_us >= 1000, "the totals say so too");
	check(bench, bench->frame.component[JOBS].swap_bytes > 0, "and swap");
	check(bench, bench->frame.leaf[0].swap_bytes > 0, "of the leaf");
	check(bench, bench->frame.component[JOBS].pgsteal > 0, "and reclaim");
	check(bench, bench->frame.component[JOBS].ev_high > 0, "and memory.events");
	end_holder(pid);
	close(trigger.fd);
	wait_for(POOL "/jobs/stall/cgroup.events", "populated 0");
	must(rmdir(POOL "/jobs/stall"), "rmdir the leaf");
	check(bench, sense_psi_open(bench->sense, MISSING, 1000, 100000, &trigger.fd) == -ENODEV,
	      "no trigger on a missing component");
}

static void measure_full(struct bench *bench, uint32_t looks, const char *what)
{
	uint64_t began_us;

	full_with(bench, looks);
	began_us = clock_now_us();
	for (int i = 0; i < FULL_ROUNDS; i++)
		full_with(bench, looks);
	printf("sense_full %s: %" PRIu64 " us\n", what, (clock_now_us() - began_us) / FULL_ROUNDS);
}

static void step_cost(struct bench *bench)
{
	uint64_t began_us;
	char path[64];

	measure_full(bench, 0, "of 2 components");
	for (int i = 0; i < 16; i++) {
		snprintf(path, sizeof(path), POOL "/jobs/l%d", i);
		must(mkdir(path, 0755), "mkdir leaves");
	}
	measure_full(bench, 0, "and 16 leaves");
	measure_full(bench, PLAN_LOOK_CPU, "with their CPU time");
	measure_full(bench, PLAN_LOOK_LOCKS, "with locks");
	for (int i = 0; i < 16; i++) {
		snprintf(path, sizeof(path), POOL "/jobs/l%d", i);
		must(rmdir(path), "rmdir leaves");
	}
	full(bench);
	began_us = clock_now_us();
	for (int i = 0; i < FULL_ROUNDS; i++)
		sense_urgent(bench->sense, &bench->frame);
	printf("sense_urgent: %" PRIu64 " us\n", (clock_now_us() - began_us) / FULL_ROUNDS);
}

int main(void)
{
	static const char *const names[COMPONENTS] = {"cache", "jobs", "missing"};
	static void (*const steps[])(struct bench *) = {
		step_components,    step_leaf,        step_frozen_when_found,
		step_found_by_name, step_recreated,   step_locks,
		step_synced,        step_many_leaves, step_psi_trigger,
		step_cost,
	};
	static struct bench bench;

	bench.config.component_count = COMPONENTS;
	for (int i = 0; i < COMPONENTS; i++)
		text_copy(bench.config.component[i].name, UW_NAME_LEN, names[i]);
	bench.pool = open(POOL, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(bench.pool, "open " POOL);
	must(sense_new(&bench.config, bench.pool, &bench.sense, NULL), "open sense");
	sense_watch_leaves(bench.sense, on_leaf, &bench.told);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		steps[i](&bench);
	sense_free(bench.sense);
	close(bench.pool);
	printf("%d faults\n", bench.faults);
	return bench.faults ? 1 : 0;
}
