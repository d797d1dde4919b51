// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The loop of uwd under a crowd that means no good (crowd.c), natively: the daemon's own server,
 * methods, queue, store and disk, with 100,000 jobs in the queue, starts that start nothing and no
 * cgroup. What is measured is what the policy would have to wait for: the longest turn of the loop,
 * by the CPU time of its thread, as a machine that others use takes the rest. Meanwhile a user who
 * does nothing wrong, and root, submit a job now and then, which has to go through. Prints
 * "NAME VALUE" lines; with -v also which calls took long.
 *
 *	hostile DIR CROWD SECONDS [JOBS] [-v]
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/no_leaf.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/conf/conf.h"
#include "user/daemon/methods/methods.h"
#include "user/daemon/methods/wait.h"
#include "user/daemon/mover.h"
#include "user/daemon/state.h"
#include "user/ipc/server.h"
#include "user/jobs/jobs.h"
#include "user/jobs/reader.h"
#include "user/policy/step.h"
#include "user/sense/sense.h"
#include "user/shim/slots.h"

#define JOBS_DEFAULT 100000U
#define ARRAY        500U /* jobs that are submitted together */
#define USERS        4U
#define UID_FIRST    4001U /* of the crowd, as crowd.c has it */
#define UID_QUIET    4999U
#define RUN_MAX      64U
#define JOB_BYTES    (64ULL << 20)
#define TICK_MS      100
#define QUIET_US     (500 * US_PER_MS) /* between two jobs of who does nothing wrong */
#define WAIT_MAX_US  (10 * US_PER_SEC) /* for one of them to be queued */
#define LONG_US      2000

struct hostile {
	struct daemon daemon;
	const char *dir;
	char path[256];
	bool verbose;
	int slots;
	uint32_t submitted, running;
	int exits[SLOTS_COUNT + 1]; /* an eventfd for each that "runs" */
	uint64_t slot_job[SLOTS_COUNT + 1];
	uint32_t attempt[SLOTS_COUNT + 1];
	uint64_t turns, turn_max_ns[2]; /* of CPU; of all that went by */
	char doing[256];                /* in this turn */
	uint64_t quiet_us, quiet_since_us,
		quiet_max_us; /* next; since when one waits; the longest */
	uint32_t quiet_done, quiet_refused, quiet_waits;
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

static void die(const char *text)
{
	fprintf(stderr, "hostile: %s\n", text);
	exit(EXIT_FAILURE);
}

static uint64_t peak_rss_bytes(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	unsigned long long kib = 0;
	char line[256];

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "VmHWM: %llu", &kib) == 1)
			break;
	if (status)
		fclose(status);
	return kib << 10;
}

/* ---- a machine on which nothing is done ---- */

static int launch(void *data, const struct jobs_launch *launch, struct uw_err *err)
{
	struct hostile *hostile = data;
	int fd = eventfd(0, EFD_CLOEXEC);

	(void)err;
	hostile->exits[launch->slot] = fd < 0 ? -1 : dup(fd);
	hostile->slot_job[launch->slot] = launch->id;
	hostile->attempt[launch->slot] = launch->attempt;
	return fd < 0 ? -errno : fd;
}

static int no_leaf(void *data, const char *component, const char *leaf, struct cg_group *ret_leaf)
{
	(void)data, (void)component, (void)leaf, (void)ret_leaf;
	return -ENOENT;
}

static const struct jobs_ops ops = {
	.launch = launch,
	.clean = no_clean,
	.open = no_leaf,
	.usage = no_usage,
	.limit = no_limit,
	.kill = no_kill,
	.freeze = no_freeze,
	.reclaim = no_reclaim,
};

/* ---- the daemon's parts ---- */

static void handle(void *data, const struct ipc_call *call, struct ipc_answer *answer)
{
	struct hostile *hostile = data;
	size_t length = strlen(hostile->doing);

	snprintf(hostile->doing + length, sizeof(hostile->doing) - length, " %s",
		 ipc_method_row(call->method)->name);
	methods_handle(&hostile->daemon, call, answer);
}

static void on_ended(void *data, const struct job *job, const struct job_result *result)
{
	struct hostile *hostile = data;

	wait_see_end(&hostile->daemon, job, result);
}

static void configure(struct config *config)
{
	static const char *const names[] = {"batch", "models"};

	conf_defaults(config);
	config->usable_bytes = RUN_MAX * JOB_BYTES;
	config->component_count = 2;
	for (uint32_t i = 0; i < 2; i++) {
		struct component *component = &config->component[i];

		strcpy(component->name, names[i]);
		strcpy(component->submit, "*");
		component->budget_bytes = RUN_MAX * JOB_BYTES;
	}
}

static void open_daemon(struct hostile *hostile)
{
	struct daemon *daemon = &hostile->daemon;
	struct admit_config admit = {.component_count = 2};
	struct jobs_setup setup = {
		.dir = hostile->dir,
		.ops = &ops,
		.ops_data = hostile,
		.config = &daemon->config,
		.admit = &admit,
		.ended = on_ended,
		.data = hostile,
	};
	struct ipc_server_conf conf = {
		.path = hostile->path,
		.group = "games",
		.version = "bench",
		.open = true,
		.handle = handle,
		.data = hostile,
	};
	struct uw_err err = {0};

	configure(&daemon->config);
	for (uint32_t i = 0; i < daemon->config.component_count; i++)
		submitters_resolve(&daemon->config.component[i], &daemon->component[i].allow);
	action_log_init(&daemon->action_log);
	snprintf(hostile->path, sizeof(hostile->path), "%s.sock", hostile->dir);
	if (jobs_open(&setup, &daemon->jobs, &err) < 0 ||
	    sense_new(&daemon->config, -1, &daemon->sense, &err) < 0 ||
	    ipc_server_new(&conf, &daemon->server, &err) < 0)
		die(err.text);
	daemon->policy = calloc(1, policy_state_size()); /* as policy_init would make it */
	if (!daemon->policy)
		die("out of memory");
	daemon->pool.dir = -1; /* nobody is moved anywhere, and is told so */
	pthread_mutex_init(&daemon->pool_lock, NULL);
	if (mover_open(daemon))
		die("no mover");
	hostile->slots = slots_reopen(hostile->dir);
}

static void close_daemon(struct hostile *hostile)
{
	jobs_close(hostile->daemon.jobs);
	hostile->daemon.jobs = NULL;
	ipc_server_free(hostile->daemon.server);
	mover_close(&hostile->daemon);
	free(hostile->daemon.entered);
	free(hostile->daemon.policy);
	sense_free(hostile->daemon.sense);
}

/* ---- a turn, and how long it took ---- */

struct stretch_of_work {
	uint64_t cpu_ns, wall_ns;
};

static struct stretch_of_work begin_work(void)
{
	return (struct stretch_of_work){now_ns(CLOCK_THREAD_CPUTIME_ID), now_ns(CLOCK_MONOTONIC)};
}

static void end_work(struct hostile *hostile, const struct stretch_of_work *since, const char *what)
{
	uint64_t cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - since->cpu_ns;
	uint64_t wall_ns = now_ns(CLOCK_MONOTONIC) - since->wall_ns;

	hostile->turns++;
	if (cpu_ns > hostile->turn_max_ns[0])
		hostile->turn_max_ns[0] = cpu_ns;
	if (wall_ns > hostile->turn_max_ns[1])
		hostile->turn_max_ns[1] = wall_ns;
	if (hostile->verbose && cpu_ns > LONG_US * 1000)
		fprintf(stderr, "%s %.1f ms%s\n", what, (double)cpu_ns / 1e6, hostile->doing);
	hostile->doing[0] = '\0';
}

static void tick(struct hostile *hostile, uint32_t room)
{
	struct admit_supply supply = {
		.host_valid = true,
		.host_available_bytes = room * JOB_BYTES,
	};
	struct stretch_of_work work = begin_work();

	for (uint32_t i = 0; i < hostile->daemon.config.component_count; i++)
		supply.component[i].budget_bytes = RUN_MAX * JOB_BYTES;
	jobs_look(hostile->daemon.jobs);
	jobs_tick(hostile->daemon.jobs, &supply);
	ipc_server_expire(hostile->daemon.server, clock_now_us());
	end_work(hostile, &work, "tick");
}

/* What has "run" long enough ends. */
static void end_some(struct hostile *hostile)
{
	static uint32_t at;

	for (uint32_t i = 0; i < 8; i++) {
		uint32_t slot = 1 + at++ % SLOTS_COUNT;
		struct slot_record end = {
			.job = hostile->slot_job[slot],
			.attempt = hostile->attempt[slot],
			.phase = SLOT_ENDED,
			.start_us = clock_wall_us() - US_PER_SEC,
			.end_us = clock_wall_us(),
		};

		if (!end.job)
			continue;
		slot_write(hostile->slots, slot, &end, false);
		if (eventfd_write(hostile->exits[slot], 1))
			die("an end cannot be told");
		close(hostile->exits[slot]);
		hostile->slot_job[slot] = 0;
	}
}

static void turn(struct hostile *hostile, int timeout_ms)
{
	struct daemon *daemon = &hostile->daemon;
	struct pollfd fd[] = {
		{.fd = jobs_fd(daemon->jobs), .events = POLLIN},
		{.fd = ipc_server_fd(daemon->server), .events = POLLIN},
		{.fd = mover_fd(daemon), .events = POLLIN},
	};
	struct stretch_of_work work;

	if (poll(fd, 3, timeout_ms) <= 0)
		return;
	work = begin_work();
	if (fd[2].revents)
		mover_dispatch(daemon);
	end_work(hostile, &work, "moves");
	work = begin_work();
	if (fd[0].revents)
		jobs_dispatch(daemon->jobs);
	end_work(hostile, &work, "jobs");
	work = begin_work();
	if (fd[1].revents && ipc_server_dispatch(daemon->server, clock_now_us()))
		die("the server fails");
	end_work(hostile, &work, "clients");
}

/* ---- what is queued before the crowd comes ---- */

static void on_submitted(void *data, int rc, const struct uw_err *err,
			 const struct jobs_item *items, uint32_t count)
{
	struct hostile *hostile = data;

	if (rc)
		die(err->text);
	for (uint32_t i = 0; i < count; i++)
		hostile->submitted += items[i].count;
}

static void fill_item(struct jobs_item *item, uint32_t n, uint32_t uid)
{
	*item = (struct jobs_item){
		.spec =
			{
				.memory_bytes = JOB_BYTES / (1 + n % 8),
				.time_us = (60 + n % 600) * US_PER_SEC,
				.priority = 1 + n % 10,
				.memory_priority = 1 + n / 10 % 10,
				.index = JOB_NO_INDEX,
				.uid = uid,
				.gid = uid,
				.held = n % 8 == 0,
				.cwd = "/home/somebody/work",
				.argv = {"python3\0step.py", 16},
				.env = {"PATH=/usr/bin:/bin\0HOME=/home/somebody", 39},
			},
	};
	strcpy(item->spec.component, n % 2 ? "batch" : "models");
	snprintf(item->spec.key, sizeof(item->spec.key), "step-%u", n);
}

static void fill_queue(struct hostile *hostile, uint32_t count)
{
	struct jobs_range range = {0, ARRAY - 1};
	uint32_t share = hostile->daemon.config.admission.user_share_permyriad;
	struct uw_err err = {0};

	hostile->daemon.config.admission.user_share_permyriad = 0;
	hostile->daemon.config.admission.max_queued = JOBS_MAX;
	for (uint32_t n = 0; n < count / ARRAY; n++) {
		struct jobs_item item;

		fill_item(&item, n, UID_FIRST + n % USERS);
		item.range = &range;
		item.range_count = 1;
		if (jobs_submit(hostile->daemon.jobs, &item, 1, on_submitted, hostile, &err))
			die(err.text);
	}
	while (hostile->submitted < count / ARRAY * ARRAY) {
		turn(hostile, 1000);
		hostile->turn_max_ns[0] = hostile->turn_max_ns[1] = 0;
	}
	hostile->daemon.config.admission.user_share_permyriad = share;
}

/* ---- those who do nothing wrong ---- */

static void quiet_is_in(void *data, int rc, const struct uw_err *err, const struct jobs_item *items,
			uint32_t count)
{
	struct hostile *hostile = data;
	uint64_t took_us = clock_now_us() - hostile->quiet_since_us;

	(void)items, (void)count;
	if (rc)
		fprintf(stderr, "hostile: a quiet user's job: %s\n", err->text);
	hostile->quiet_waits--;
	hostile->quiet_refused += rc != 0;
	hostile->quiet_done += !rc;
	if (took_us > hostile->quiet_max_us)
		hostile->quiet_max_us = took_us;
}

static void submit_quiet(struct hostile *hostile)
{
	static const uint32_t uids[] = {UID_QUIET, 0};
	uint64_t now_us = clock_now_us();

	if (hostile->quiet_waits || now_us < hostile->quiet_us)
		return;
	hostile->quiet_us = now_us + QUIET_US;
	hostile->quiet_since_us = now_us;
	for (uint32_t i = 0; i < 2; i++) {
		struct uw_err err = {0};
		struct jobs_item item;

		fill_item(&item, 1, uids[i]);
		hostile->quiet_waits++;
		if (!jobs_submit(hostile->daemon.jobs, &item, 1, quiet_is_in, hostile, &err))
			continue;
		fprintf(stderr, "hostile: uid %u: %s\n", uids[i], err.text);
		hostile->quiet_waits--;
		hostile->quiet_refused++;
	}
}

/* ---- the crowd ---- */

/* Not by fork, as it would take the loop's pages from it, one fault each. */
static pid_t start_crowd(const struct hostile *hostile, const char *program, const char *seconds)
{
	char *argv[] = {(char *)program, (char *)hostile->path, (char *)seconds, NULL};
	pid_t pid;
	int rc = posix_spawn(&pid, program, NULL, NULL, argv, environ);

	if (rc) {
		fprintf(stderr, "hostile: %s: %s\n", program, strerror(rc));
		exit(1);
	}
	return pid;
}

static void serve_crowd(struct hostile *hostile, const char *program, const char *seconds)
{
	pid_t crowd = start_crowd(hostile, program, seconds);
	uint64_t tick_us = 0;
	int status;

	while (waitpid(crowd, &status, WNOHANG) == 0) {
		uint64_t now_us = clock_now_us();

		if (now_us >= tick_us) {
			tick(hostile, RUN_MAX);
			end_some(hostile);
			tick_us = now_us + TICK_MS * US_PER_MS;
		}
		submit_quiet(hostile);
		turn(hostile, TICK_MS);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		die("some of the crowd were never heard");
}

static void print_results(const struct hostile *hostile, uint32_t before)
{
	struct ipc_server_stats clients;
	struct jobs_stats jobs;

	ipc_server_stats(hostile->daemon.server, &clients);
	jobs_stats(hostile->daemon.jobs, &jobs);
	printf("jobs_before %u\n", before);
	printf("jobs_after %u\n", jobs_count(hostile->daemon.jobs));
	printf("calls %" PRIu64 "\n", clients.calls);
	printf("turns %" PRIu64 "\n", hostile->turns);
	printf("started %" PRIu64 "\n", jobs.started);
	printf("turn_max_ms %.3f\n", (double)hostile->turn_max_ns[0] / 1e6);
	printf("turn_max_wall_ms %.3f\n", (double)hostile->turn_max_ns[1] / 1e6);
	printf("rss_max_bytes %" PRIu64 "\n", peak_rss_bytes());
	printf("quiet_done %u\n", hostile->quiet_done);
	printf("quiet_refused %u\n", hostile->quiet_refused);
	printf("quiet_max_ms %.1f\n", (double)hostile->quiet_max_us / 1e3);
}

static struct hostile the_hostile;

int main(int argc, char **argv)
{
	struct hostile *hostile = &the_hostile;
	uint32_t count = argc > 4 ? (uint32_t)atoi(argv[4]) : 0;

	if (argc < 4) {
		fputs("usage: hostile DIR CROWD SECONDS [JOBS] [-v]\n", stderr);
		return 2;
	}
	log_set_level(LOG_LEVEL_ERR);
	signal(SIGPIPE, SIG_IGN);
	hostile->verbose = !strcmp(argv[argc - 1], "-v");
	hostile->dir = argv[1];
	open_daemon(hostile);
	tick(hostile, 0);
	fill_queue(hostile, count ? count : JOBS_DEFAULT);
	count = jobs_count(hostile->daemon.jobs);
	serve_crowd(hostile, argv[2], argv[3]);
	print_results(hostile, count);
	close_daemon(hostile);
	return EXIT_SUCCESS;
}
