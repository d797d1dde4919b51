// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * react - one trial of how fast a growing hog is stopped, and by how much it overran. It lets a
 * waiting hog (hog --publish --wait) go, takes the first stall from the service in the protected
 * cgroup (churn), and judges the end by growth: the hog has stopped when it is frozen and its last
 * step lies some time back. It either only watches while somebody else acts (--by watch), or
 * freezes the hog itself on a PSI trigger (psi) or on memory.events (events).
 *
 * One CSV line on standard output; absent times are 0:
 * by,go_us,crossing_us,stall_us,signal_us,stop_us,grown_bytes,overrun_bytes,frozen
 */
#include "cgfile.h"
#include "growth.h"

#include <inttypes.h>
#include <poll.h>
#include <sched.h>

#define READY_TIMEOUT_US   20000000
#define QUIET_US           100000                  /* no growth for so long, and frozen: stopped */
#define CHARGE_BATCH_BYTES (64 * BENCH_PAGE_BYTES) /* MEMCG_CHARGE_BATCH, mm/memcontrol.c */
#define STALL_TOLD_US      4000000
#define QUIET_LONG_US      1500000 /* no growth for so long: stopped, by whatever */

static const char *by = "watch";
static const char *hog_directory;
static const char *used_directory;
static const char *protected_directory;
static const char *growth_path = "/dev/shm/uw-growth";
static const char *trigger = "some 50000 500000";
static long threshold_bytes;
static long stall_at_mb;
static double timeout_s = 30;

static const struct bench_option options[] = {
	{"by", BENCH_TEXT, &by, "who stops the hog: watch (somebody else), psi, events"},
	{"hog", BENCH_TEXT, &hog_directory, "the hog's cgroup"},
	{"used", BENCH_TEXT, &used_directory, "the cgroup with the threshold, if not the hog's"},
	{"protected", BENCH_TEXT, &protected_directory, "the cgroup whose stalls count"},
	{"publish", BENCH_TEXT, &growth_path, "the hog's growth file, made here"},
	{"trigger", BENCH_TEXT, &trigger, "PSI trigger on the protected cgroup"},
	{"threshold", BENCH_LONG, &threshold_bytes, "bytes in use whose crossing counts; 0 = none"},
	{"stall-at", BENCH_LONG, &stall_at_mb,
	 "MB of growth at which the protected cgroup's churn is told to stall; 0 = never"},
	{"timeout", BENCH_DOUBLE, &timeout_s, "seconds for the whole trial"},
	{NULL, BENCH_FLAG, NULL, NULL},
};

struct trial {
	struct growth *growth;
	struct cgfile current, events;
	struct pollfd signal; /* fd -1 = only watch */
	int freeze_fd;
	int64_t go_us, signal_us, last_step_us;
	int64_t used_bytes; /* at the last sample, when the hog had grown to used_grown_bytes */
	uint64_t used_grown_bytes;
	bool crossed;
	uint64_t crossed_grown_bytes;
	uint64_t grown_bytes;
	bool frozen;
	bool told_to_stall;
};

static int open_in(const char *directory, const char *name, int flags)
{
	char path[512];
	int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		bench_fail("%s", path);
	return fd;
}

static int open_psi_trigger(void)
{
	int fd = open_in(protected_directory, "memory.pressure", O_RDWR | O_NONBLOCK);

	if (write(fd, trigger, strlen(trigger) + 1) < 0)
		bench_fail("%s/memory.pressure: %s", protected_directory, trigger);
	return fd;
}

/* kernfs wakes a poller only for changes after its last read. */
static int open_memory_events(void)
{
	int fd = open_in(hog_directory, "memory.events", O_RDONLY);
	char text[CGFILE_TEXT_BYTES];

	if (read(fd, text, sizeof(text)) < 0)
		bench_fail("%s/memory.events", hog_directory);
	return fd;
}

static void trial_open(struct trial *trial)
{
	*trial = (struct trial){.freeze_fd = -1};
	trial->signal = (struct pollfd){.fd = -1, .events = POLLPRI};
	trial->growth = growth_create(growth_path);
	trial->current = (struct cgfile){used_directory ? used_directory : hog_directory,
					 "memory.current", -1};
	trial->events = (struct cgfile){hog_directory, "cgroup.events", -1};
}

static void trial_wait_for_hog(struct trial *trial)
{
	int64_t end_us = bench_now_us() + READY_TIMEOUT_US;

	while (!atomic_load(&trial->growth->ready)) {
		if (bench_now_us() > end_us)
			bench_fail("no hog came to %s", growth_path);
		bench_sleep_until_us(bench_now_us() + 10000);
	}
}

static void trial_arm(struct trial *trial)
{
	if (strcmp(by, "psi") == 0)
		trial->signal.fd = open_psi_trigger();
	else if (strcmp(by, "events") == 0)
		trial->signal.fd = open_memory_events();
	if (trial->signal.fd >= 0)
		trial->freeze_fd = open_in(hog_directory, "cgroup.freeze", O_WRONLY);
	trial->go_us = trial->last_step_us = bench_now_us();
	atomic_store(&trial->growth->go, 1);
}

static void trial_take_signal(struct trial *trial)
{
	if (trial->signal_us || !(trial->signal.revents & POLLPRI))
		return;
	if (write(trial->freeze_fd, "1", 1) != 1)
		bench_fail("%s/cgroup.freeze", hog_directory);
	trial->signal_us = bench_now_us();
	trial->signal.fd = -1;
}

/* SIGUSR1 to all of the protected cgroup, which is churn. */
static void trial_cause_stall(struct trial *trial)
{
	struct cgfile procs = {protected_directory, "cgroup.procs", -1};
	const char *text = NULL;
	char *end = NULL;

	if (!stall_at_mb || trial->told_to_stall ||
	    trial->grown_bytes < (uint64_t)stall_at_mb << 20)
		return;
	text = cgfile_read(&procs);
	for (long pid = text ? strtol(text, &end, 10) : 0; pid > 0; pid = strtol(end, &end, 10))
		kill((pid_t)pid, SIGUSR1);
	if (procs.fd >= 0)
		close(procs.fd);
	trial->told_to_stall = true;
}

static void trial_note_growth(struct trial *trial)
{
	uint64_t grown_bytes = atomic_load(&trial->growth->bytes);
	const char *events = NULL;

	if (grown_bytes != trial->grown_bytes) {
		trial->grown_bytes = grown_bytes;
		trial->last_step_us = growth_reached_us(trial->growth, grown_bytes);
		return;
	}
	if (bench_now_us() - trial->last_step_us < QUIET_US || grown_bytes == 0)
		return;
	events = cgfile_read(&trial->events);
	trial->frozen = events && cgfile_find(events, "frozen") == 1;
}

/*
 * The use is read a thousand times a second, and the growth just before it. From the last sample
 * under the threshold on, use and growth go together: what the use lacked then is what the hog
 * still grew, less a batch that may have been charged ahead. Pages reclaimed earlier do not matter.
 */
static void trial_note_crossing(struct trial *trial)
{
	uint64_t grown_bytes = atomic_load(&trial->growth->bytes);
	const char *text = threshold_bytes && !trial->crossed ? cgfile_read(&trial->current) : NULL;
	int64_t used_bytes = text ? cgfile_find(text, "") : 0;
	int64_t ahead_bytes = 0;

	if (!text)
		return;
	if (used_bytes >= threshold_bytes) {
		trial->crossed = true;
		ahead_bytes = threshold_bytes - trial->used_bytes - CHARGE_BATCH_BYTES;
		trial->crossed_grown_bytes =
			trial->used_grown_bytes + (uint64_t)(ahead_bytes > 0 ? ahead_bytes : 0);
		if (trial->crossed_grown_bytes > grown_bytes)
			trial->crossed_grown_bytes = grown_bytes;
	}
	trial->used_bytes = used_bytes;
	trial->used_grown_bytes = grown_bytes;
}

static bool trial_is_over(const struct trial *trial)
{
	int64_t quiet_us = bench_now_us() - trial->last_step_us;

	if (trial->grown_bytes == 0)
		return false;
	/* The service says when it stalled only after that stall: a throttle lasts up to 2 s. */
	if (trial->told_to_stall && !atomic_load(&trial->growth->stalled_us) &&
	    quiet_us < STALL_TOLD_US)
		return false;
	return quiet_us > QUIET_LONG_US || (quiet_us > QUIET_US && trial->frozen);
}

static void trial_run(struct trial *trial)
{
	struct timespec tick = {0, 1000000};
	int64_t end_us = trial->go_us + (int64_t)(timeout_s * 1e6);

	while (!bench_stopped && bench_now_us() < end_us && !trial_is_over(trial)) {
		if (ppoll(&trial->signal, 1, &tick, NULL) > 0)
			trial_take_signal(trial);
		trial_note_crossing(trial);
		trial_note_growth(trial);
		trial_cause_stall(trial);
	}
}

/* The step before, so that a reaction is not told too short. */
static int64_t crossing_us(struct trial *trial)
{
	uint64_t step_bytes = trial->crossed_grown_bytes / GROWTH_STEP_BYTES * GROWTH_STEP_BYTES;

	if (!trial->crossed)
		return 0;
	return step_bytes ? growth_reached_us(trial->growth, step_bytes) : trial->go_us;
}

static void trial_print(struct trial *trial)
{
	int64_t stall_us = atomic_load(&trial->growth->stalled_us);
	uint64_t overrun_bytes =
		trial->crossed ? trial->grown_bytes - trial->crossed_grown_bytes : 0;

	printf("%s,%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRIu64 ",%" PRIu64
	       ",%d\n",
	       by, trial->go_us, crossing_us(trial), stall_us, trial->signal_us,
	       trial->last_step_us, trial->grown_bytes, overrun_bytes, trial->frozen);
}

/* Ahead of the hog on the CPU, as any daemon that is to stop it would be. */
static void run_first(void)
{
	struct sched_param param = {.sched_priority = 1};

	if (sched_setscheduler(0, SCHED_FIFO, &param))
		bench_fail("SCHED_FIFO");
}

int main(int argc, char **argv)
{
	struct trial trial;

	bench_parse_options(argc, argv, "react --hog DIR --protected DIR [OPTION]...", options);
	if (!hog_directory || !protected_directory)
		bench_print_usage("react --hog DIR --protected DIR [OPTION]...", options);
	bench_catch_stop();
	bench_lock_memory();
	run_first();
	trial_open(&trial);
	trial_wait_for_hog(&trial);
	trial_arm(&trial);
	trial_run(&trial);
	trial_print(&trial);
	return 0;
}
