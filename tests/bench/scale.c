// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a tick costs by the number of leaves: the daemon's own sense, recorder, policy and act,
 *which changes nothing here, over five components whose leaves are made as they are counted. Frames
 *are a second apart by their own time and follow each other at once; of a tick the CPU time of its
 *thread counts, the kernel's part with it. Below a cgroup2 mount the leaves are cgroups, each with
 *a little memory, and beside a tick their memory.stat is read by kept descriptors; elsewhere they
 *are folders of plain files, of which every second one changes between two ticks of another kind.
 *Prints "NAME VALUE" lines, where NAME ends with the number of leaves.
 *
 *	scale DIR LEAVES...    in ascending order
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "user/act/act.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/conf/conf.h"
#include "user/policy/checkpoint.h"
#include "user/policy/step.h"
#include "user/record/flight.h"
#include "user/sense/sense.h"

#define COMPONENTS   5
#define ROUNDS       40
#define WARM_ROUNDS  25 /* frames: more than within which everything is read once */
#define BUDGET_BYTES (200 * MIB)
#define LEAF_BYTES   (64 * KIB)
#define DISK_BYTES   (16 * MIB)

static struct scale {
	char dir[256];
	int pool;
	bool is_cgroup;
	struct config config;
	struct sense *sense;
	struct act *act;
	struct flight *flight;
	struct policy_state *policy;
	struct frame frame;
	struct plan plan;
	struct act_dry dry;
	uint32_t leaves;
	int stat[FRAME_LEAVES_MAX];
	char text[16384];
} scale;

static void die(const char *what)
{
	fprintf(stderr, "scale: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* ---- cgroups, or what stands for them ---- */

static void put(const char *group, const char *file, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", group, file);
	if (scale.is_cgroup) {
		if (text_write_at(scale.pool, path, value))
			die(path);
		return;
	}
	AUTO_CLOSE int fd =
		openat(scale.pool, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, value, strlen(value)) != (ssize_t)strlen(value))
		die(path);
}

static void make_files(const char *group)
{
	static const char *const files[][2] = {
		{"memory.current", "65536\n"},
		{"memory.swap.current", "0\n"},
		{"memory.high", "max\n"},
		{"memory.low", "0\n"},
		{"memory.min", "0\n"},
		{"memory.reclaim", ""},
		{"memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n"},
		{"memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
				    "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"},
		{"memory.stat", "anon 65536\nfile 0\ninactive_file 0\nactive_file 0\n"
				"unevictable 0\nslab_reclaimable 0\n"},
		{"cgroup.freeze", "0\n"},
		{"cgroup.kill", ""},
		{"cgroup.events", "populated 1\nfrozen 0\n"},
	};

	for (size_t i = 0; !scale.is_cgroup && i < ARRAY_SIZE(files); i++)
		put(group, files[i][0], files[i][1]);
}

static void make_group(const char *group)
{
	if (mkdirat(scale.pool, group, 0755))
		die(group);
	make_files(group);
}

/* Memory stays where it was charged when who has it goes on. */
static void charge(const char *group)
{
	char pid[16];
	void *memory =
		mmap(NULL, LEAF_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	put(group, "cgroup.procs", pid);
	memset(memory, 1, LEAF_BYTES);
}

static const char *name_of(uint32_t leaf, char buf[static 32])
{
	snprintf(buf, 32, "c%u/leaf%u", leaf % COMPONENTS, leaf);
	return buf;
}

static void make_leaf(uint32_t leaf)
{
	char group[32], path[64];

	make_group(name_of(leaf, group));
	if (!scale.is_cgroup)
		return;
	charge(group);
	snprintf(path, sizeof(path), "%s/memory.stat", group);
	scale.stat[leaf] = openat(scale.pool, path, O_RDONLY | O_CLOEXEC);
	if (scale.stat[leaf] < 0)
		die(path);
}

static void make_leaves(uint32_t count)
{
	static const char home[] = "../cgroup.procs";
	char pid[16];

	for (; scale.leaves < count; scale.leaves++)
		make_leaf(scale.leaves);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (scale.is_cgroup && text_write_at(scale.pool, home, pid))
		die(home);
}

static void change_half(uint64_t round)
{
	char group[32], value[24];

	for (uint32_t i = round % 2; i < scale.leaves; i += 2) {
		snprintf(value, sizeof(value), "%" PRIu64 "\n",
			 (uint64_t)(LEAF_BYTES + 4096 * (round + i % 7)));
		put(name_of(i, group), "memory.current", value);
	}
}

/* ---- one tick ---- */

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * US_PER_SEC * NS_PER_US + (uint64_t)now.tv_nsec;
}

struct cost {
	uint64_t sense_ns, record_ns, policy_ns, act_ns;
};

static void tick(struct cost *cost)
{
	struct frame *frame = &scale.frame;
	uint64_t began_ns = cpu_ns(), sensed_ns, recorded_ns, decided_ns, done_ns;

	frame->now_us += US_PER_SEC;
	frame->sequence++;
	frame->kind = FRAME_FULL;
	sense_full(scale.sense, frame, 0, scale.plan.looks);
	frame->outcome_count = act_outcomes_take(scale.act, frame->outcome, FRAME_OUTCOMES_MAX);
	sensed_ns = cpu_ns();
	flight_frame(scale.flight, frame);
	recorded_ns = cpu_ns();
	policy_step(scale.policy, &scale.config, frame, &scale.plan);
	decided_ns = cpu_ns();
	act_plan(scale.act, &scale.plan);
	done_ns = cpu_ns();
	flight_plan(scale.flight, &scale.plan, policy_views(scale.policy), COMPONENTS);
	cost->record_ns += recorded_ns - sensed_ns + cpu_ns() - done_ns;
	cost->sense_ns += sensed_ns - began_ns;
	cost->policy_ns += decided_ns - recorded_ns;
	cost->act_ns += done_ns - decided_ns;
}

static void print_us(const char *name, uint64_t ns)
{
	printf("%s_%u %.3f\n", name, scale.leaves, (double)ns / ROUNDS / 1e3);
}

static uint64_t read_stats(void)
{
	uint64_t began_ns = cpu_ns();

	for (int round = 0; round < ROUNDS; round++)
		for (uint32_t i = 0; i < scale.leaves; i++)
			if (text_pread(scale.stat[i], scale.text, sizeof(scale.text)) < 0)
				die("memory.stat");
	return cpu_ns() - began_ns;
}

static uint64_t sum_of(const struct cost *cost)
{
	return cost->sense_ns + cost->record_ns + cost->policy_ns + cost->act_ns;
}

static void measure(uint32_t count)
{
	struct cost warm = {0}, still = {0}, moving = {0};

	make_leaves(count);
	for (int round = 0; round < WARM_ROUNDS; round++)
		tick(&warm);
	if (scale.frame.leaf_count != count)
		die("not all leaves are followed");
	for (int round = 0; round < ROUNDS; round++)
		tick(&still);
	print_us("tick_us", sum_of(&still));
	print_us("sense_us", still.sense_ns);
	print_us("record_us", still.record_ns);
	print_us("policy_us", still.policy_ns);
	if (scale.is_cgroup) {
		print_us("stat_us", read_stats());
		return;
	}
	for (uint64_t round = 0; round < ROUNDS; round++) {
		change_half(round);
		tick(&moving);
	}
	print_us("moving_us", sum_of(&moving));
	print_us("moving_sense_us", moving.sense_ns);
	print_us("moving_record_us", moving.record_ns);
	print_us("moving_policy_us", moving.policy_ns);
}

/* ---- the whole ---- */

static void configure(void)
{
	struct config *config = &scale.config;

	conf_defaults(config);
	config->usable_bytes = 2 * COMPONENTS * BUDGET_BYTES;
	config->component_count = COMPONENTS;
	for (uint32_t i = 0; i < COMPONENTS; i++) {
		struct component *component = &config->component[i];

		snprintf(component->name, sizeof(component->name), "c%u", i);
		component->budget_bytes = BUDGET_BYTES;
		component->priority = 5;
		component->freeze = component->lend = component->borrow = true;
	}
}

static void make_pool(void)
{
	struct statfs fs;

	if (mkdir(scale.dir, 0755) || statfs(scale.dir, &fs))
		die(scale.dir);
	scale.is_cgroup = fs.f_type == CGROUP2_SUPER_MAGIC;
	scale.pool = open(scale.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (scale.pool < 0)
		die(scale.dir);
	make_files(".");
	if (scale.is_cgroup)
		put(".", "cgroup.subtree_control", "+memory");
	for (uint32_t i = 0; i < COMPONENTS; i++) {
		make_group(scale.config.component[i].name);
		if (scale.is_cgroup)
			put(scale.config.component[i].name, "cgroup.subtree_control", "+memory");
	}
}

static void on_leaf(void *data, uint32_t component, uint64_t cgid, const char *name)
{
	uint64_t seen;

	(void)data;
	if (!name)
		act_untrack_leaf(scale.act, cgid);
	else if (act_track_leaf(scale.act, component, name, &seen))
		die(name);
}

static void on_write(void *data, const char *verb, const char *path, const char *value)
{
	(void)data, (void)verb, (void)path, (void)value;
}

static uint32_t leaf_name(void *data, uint64_t cgid, char *buf, size_t size)
{
	(void)data;
	return sense_leaf_name(scale.sense, cgid, buf, size);
}

static void checkpoint(void *data, struct flight_state *ret_state)
{
	struct policy_span span[POLICY_SPANS];

	(void)data;
	policy_spans(scale.policy, span);
	*ret_state = (struct flight_state){
		.layout = policy_layout(),
		.state = scale.policy,
		.bytes = (uint32_t)policy_state_size(),
		.areas = POLICY_SPANS,
	};
	for (uint32_t i = 0; i < POLICY_SPANS; i++)
		ret_state->area[i] = (struct record_area){span[i].from / 8, span[i].to / 8};
}

/* In memory, wherever the leaves are. */
static void open_flight(void)
{
	static char folder[] = "/dev/shm/uw-scale.XXXXXX", disk[64], stage[64];
	const struct flight_conf conf = {.path = disk,
					 .stage = stage,
					 .bytes = DISK_BYTES,
					 .version = "bench",
					 .leaf_name = leaf_name,
					 .checkpoint = checkpoint};
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct uw_err err = {0};

	if (!mkdtemp(folder) || !out || conf_print(&scale.config, out) || fclose(out))
		die(folder);
	snprintf(disk, sizeof(disk), "%s/disk", folder);
	snprintf(stage, sizeof(stage), "%s/stage", folder);
	if (flight_open(&conf, &scale.flight, &err) ||
	    flight_configure(scale.flight, scale.config.usable_bytes, text, len))
		die(err.text);
	unlink(disk);
	unlink(stage);
	rmdir(folder);
}

static void open_all(void)
{
	struct act_setup setup = {.ops = &act_ops_dry_run,
				  .ops_data = &scale.dry,
				  .pool_dirfd = scale.pool,
				  .conf = &scale.config.policy};
	struct uw_err err = {0};

	scale.dry.note = on_write;
	scale.policy = calloc(1, policy_state_size());
	scale.frame.now_us = clock_now_us();
	if (!scale.policy || sense_new(&scale.config, scale.pool, &scale.sense, &err) ||
	    act_open(&setup, &scale.act, &err) || act_sync(scale.act, &scale.config, &err))
		die(err.text);
	open_flight();
	sense_watch_leaves(scale.sense, on_leaf, NULL);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: scale DIR LEAVES...\n", stderr);
		return 2;
	}
	log_set_level(LOG_LEVEL_WARNING);
	text_copy(scale.dir, sizeof(scale.dir), argv[1]);
	configure();
	make_pool();
	open_all();
	for (int i = 2; i < argc; i++)
		measure((uint32_t)strtoul(argv[i], NULL, 10));
	flight_close(scale.flight);
	act_close(scale.act);
	sense_free(scale.sense);
	free(scale.policy);
	return EXIT_SUCCESS;
}
