// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The queue of uwd with 100,000 jobs in it, natively: the daemon's own code, store and disk, with
 * starts that start nothing. What it takes on the loop's thread to submit one, to start one and to
 * see one end; the memory for all of them; and how long a new uwd needs until it can decide. Beside
 * them, in the same run, what a row costs that goes into a plain B-tree of as many: start and end
 *are given as multiples of it too, which says more than microseconds of a machine nobody knows.
 *
 *	queue DIR [JOBS]		makes the queue, prints "NAME VALUE" lines
 *	queue DIR --restart		opens it again, in a process of its own
 *	queue DIR --array [JOBS]	submits them as one array, which may not keep the loop long
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/no_leaf.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/jobs/jobs.h"
#include "user/shim/slots.h"

#define JOBS_DEFAULT 100000U
#define RUN_MAX      1000U
#define KEYS         500U
#define ENV_SIZE     3000U
#define JOB_BYTES    (64ULL << 20)
#define BUDGET       (RUN_MAX * JOB_BYTES)
#define INSERTS      10000U

struct bench {
	struct config config;
	struct jobs *jobs;
	const char *dir;
	int slots;
	uint32_t submitted, running, ended, starts;
	int exits[SLOTS_COUNT + 1]; /* an eventfd for each that "runs" */
	uint64_t slot_job[SLOTS_COUNT + 1];
};

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double p99_us(uint64_t *ns, uint32_t count)
{
	qsort(ns, count, sizeof(*ns), by_size);
	if (getenv("P50"))
		fprintf(stderr, "p50 %.2f\n", (double)ns[count / 2] / 1000);
	return count ? (double)ns[(count - 1) * 99ULL / 100] / 1000 : 0;
}

static uint64_t rss_bytes(void)
{
	unsigned long long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "re");

	if (statm && fscanf(statm, "%*u %llu", &pages) != 1)
		pages = 0;
	if (statm)
		fclose(statm);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- a machine on which nothing is done ---- */

static int launch(void *data, const struct jobs_launch *launch, struct uw_err *err)
{
	struct bench *bench = data;
	int fd = eventfd(0, EFD_CLOEXEC);

	(void)err;
	bench->exits[launch->slot] = fd < 0 ? -1 : dup(fd);
	bench->slot_job[launch->slot] = launch->id;
	return fd < 0 ? -errno : fd;
}

/* Called when a start is through. */
static int no_leaf(void *data, const char *component, const char *leaf, struct cg_group *ret_leaf)
{
	struct bench *bench = data;

	(void)component, (void)leaf, (void)ret_leaf;
	bench->running++;
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

/* ---- the daemon's part ---- */

static void on_ended(void *data, const struct job *job, const struct job_result *result)
{
	struct bench *bench = data;

	(void)job, (void)result;
	bench->ended++;
}

static int open_jobs(struct bench *bench)
{
	struct admit_config admit = {.component_count = 1};
	struct jobs_setup setup = {
		.dir = bench->dir,
		.ops = &ops,
		.ops_data = bench,
		.config = &bench->config,
		.admit = &admit,
		.ended = on_ended,
		.data = bench,
	};
	struct uw_err err = {0};
	int rc;

	bench->config.component_count = 1;
	strcpy(bench->config.component[0].name, "ml_models");
	bench->config.admission.max_queued = JOBS_MAX;
	bench->config.admission.output_total_bytes = 4ULL << 30;
	bench->config.admission.history_count = 10000;
	bench->config.admission.history_age_us = 3600 * US_PER_SEC;
	rc = jobs_open(&setup, &bench->jobs, &err);
	if (rc < 0)
		fprintf(stderr, "queue: %s\n", err.text);
	return rc;
}

/* Room for so many jobs in all, on the host: a budget that is too small for any would set the whole
 * queue aside, which is another thing to measure. */
static void tick(struct bench *bench, uint32_t room)
{
	struct admit_supply supply = {
		.host_valid = true,
		.host_available_bytes = room * JOB_BYTES,
		.component[0].budget_bytes = BUDGET,
	};

	jobs_tick(bench->jobs, &supply);
}

static void wait_ready(const struct bench *bench)
{
	struct pollfd fd = {.fd = jobs_fd(bench->jobs), .events = POLLIN};

	poll(&fd, 1, 1000);
}

/* ---- submit ---- */

static void on_submitted(void *data, int rc, const struct uw_err *err,
			 const struct jobs_item *items, uint32_t count)
{
	struct bench *bench = data;

	if (rc) {
		fprintf(stderr, "queue: %s\n", err->text);
		exit(EXIT_FAILURE);
	}
	(void)items;
	bench->submitted += count;
}

static void make_env(char env[ENV_SIZE])
{
	memset(env, 'x', ENV_SIZE);
	for (uint32_t at = 0; at + 60 <= ENV_SIZE; at += 60) {
		env[at + 12] = '=';
		env[at + 59] = '\0';
	}
	env[ENV_SIZE - 1] = '\0';
}

static void fill_item(struct jobs_item *item, uint32_t n, const char *env, char argv[128])
{
	*item = (struct jobs_item){
		.spec =
			{
				.component = "ml_models",
				.memory_bytes = JOB_BYTES,
				.time_us = (60 + n % 600) * US_PER_SEC,
				.priority = 1 + n % 10,
				.memory_priority = 1 + n / 10 % 10,
				.index = JOB_NO_INDEX,
				.cwd = "/home/somebody/work",
				.env = {env, ENV_SIZE},
			},
	};
	snprintf(item->spec.key, sizeof(item->spec.key), "step-%u", n % KEYS);
	item->spec.argv.data = argv;
	item->spec.argv.size =
		(uint32_t)snprintf(argv, 128, "python3%c/home/somebody/work/step.py%c--part=%u", 0,
				   0, n) +
		1;
}

/* The call, and of a turn that takes many completions its share. */
static double submit_all(struct bench *bench, uint32_t count)
{
	uint64_t *ns = calloc(count, sizeof(*ns));
	char env[ENV_SIZE], argv[128];
	struct uw_err err = {0};
	uint32_t shared = 0;
	double p99;

	make_env(env);
	for (uint32_t n = 0; ns && n < count; n++) {
		struct jobs_item item;
		uint64_t began_ns;

		fill_item(&item, n, env, argv);
		began_ns = cpu_ns();
		if (jobs_submit(bench->jobs, &item, 1, on_submitted, bench, &err)) {
			fprintf(stderr, "queue: %s\n", err.text);
			exit(EXIT_FAILURE);
		}
		ns[n] = cpu_ns() - began_ns;
		if (n % 64 != 63 && n + 1 != count)
			continue;
		while (bench->submitted <= n) {
			uint32_t before = bench->submitted;

			wait_ready(bench);
			began_ns = cpu_ns();
			jobs_dispatch(bench->jobs);
			began_ns = cpu_ns() - began_ns;
			for (; shared < bench->submitted; shared++)
				ns[shared] += began_ns / (bench->submitted - before);
		}
	}
	p99 = ns ? p99_us(ns, count) : 0;
	free(ns);
	return p99;
}

/* ---- starts and ends ---- */

/* One at a time: the turn in which there is room for one more. */
static double start_some(struct bench *bench)
{
	uint64_t *ns = calloc(RUN_MAX, sizeof(*ns)), began_ns;
	double p99;

	for (; ns && bench->starts < RUN_MAX; bench->starts++) {
		began_ns = cpu_ns();
		tick(bench, bench->starts + 1);
		ns[bench->starts] = cpu_ns() - began_ns;
		while (bench->running <= bench->starts) {
			wait_ready(bench);
			began_ns = cpu_ns();
			jobs_dispatch(bench->jobs);
			ns[bench->starts] += cpu_ns() - began_ns;
		}
	}
	p99 = ns ? p99_us(ns, bench->starts) : 0;
	free(ns);
	return p99;
}

static void end_one(struct bench *bench, uint32_t slot)
{
	struct slot_record end = {
		.job = bench->slot_job[slot],
		.attempt = 1,
		.phase = SLOT_ENDED,
		.start_us = clock_wall_us() - US_PER_SEC,
		.end_us = clock_wall_us(),
	};

	slot_write(bench->slots, slot, &end, false);
	if (eventfd_write(bench->exits[slot], 1))
		exit(EXIT_FAILURE);
	close(bench->exits[slot]);
}

/* One at a time, and nothing else in that turn. */
static double end_all(struct bench *bench)
{
	uint64_t *ns = calloc(RUN_MAX, sizeof(*ns)), began_ns;
	uint32_t count = 0;
	double p99;

	tick(bench, 0);
	for (uint32_t slot = 1; ns && slot <= SLOTS_COUNT && count < bench->starts; slot++) {
		if (!bench->slot_job[slot])
			continue;
		end_one(bench, slot);
		began_ns = cpu_ns();
		jobs_dispatch(bench->jobs);
		ns[count] = cpu_ns() - began_ns;
		while (bench->ended <= count) {
			wait_ready(bench);
			began_ns = cpu_ns();
			jobs_dispatch(bench->jobs);
			ns[count] += cpu_ns() - began_ns;
		}
		count++;
	}
	p99 = ns ? p99_us(ns, count) : 0;
	free(ns);
	return p99;
}

/* ---- a plain B-tree ---- */

/* Keys in no order, and none twice: an odd factor is a permutation of 64 bits. */
static void insert_row(sqlite3_stmt *insert, uint32_t n)
{
	sqlite3_bind_int64(insert, 1, (sqlite3_int64)(n * 0x9e3779b97f4a7c15ULL));
	sqlite3_bind_int64(insert, 2, n);
	if (sqlite3_step(insert) != SQLITE_DONE || sqlite3_reset(insert) != SQLITE_OK) {
		fputs("queue: a row does not go into the B-tree\n", stderr);
		exit(EXIT_FAILURE);
	}
}

static double time_inserts(sqlite3_stmt *insert, uint32_t count)
{
	uint64_t *ns = calloc(INSERTS, sizeof(*ns)), began_ns;
	double p99;

	for (uint32_t n = 0; n < count; n++)
		insert_row(insert, n);
	for (uint32_t n = 0; ns && n < INSERTS; n++) {
		began_ns = cpu_ns();
		insert_row(insert, count + n);
		ns[n] = cpu_ns() - began_ns;
	}
	p99 = ns ? p99_us(ns, INSERTS) : 0;
	free(ns);
	return p99;
}

/* A table of SQLite's in memory, by its key: the tree and nothing else, in one transaction. */
static double insert_some(uint32_t count)
{
	sqlite3_stmt *insert = NULL;
	sqlite3 *tree = NULL;
	double p99;

	if (sqlite3_open(":memory:", &tree) ||
	    sqlite3_exec(tree, "CREATE TABLE job(id INTEGER PRIMARY KEY, state INTEGER); BEGIN",
			 NULL, NULL, NULL) ||
	    sqlite3_prepare_v2(tree, "INSERT INTO job VALUES(?, ?)", -1, &insert, NULL)) {
		fprintf(stderr, "queue: B-tree: %s\n", sqlite3_errmsg(tree));
		exit(EXIT_FAILURE);
	}
	p99 = time_inserts(insert, count);
	sqlite3_finalize(insert);
	sqlite3_close(tree);
	return p99;
}

static int measure(struct bench *bench, uint32_t count)
{
	double start_us, insert_us, exit_us;
	uint64_t empty_bytes;

	if (open_jobs(bench) < 0)
		return EXIT_FAILURE;
	bench->slots = slots_reopen(bench->dir);
	tick(bench, 0);
	empty_bytes = rss_bytes();
	printf("jobs %u\n", count);
	printf("empty_rss_bytes %" PRIu64 "\n", empty_bytes);
	printf("submit_p99_us %.2f\n", submit_all(bench, count));
	printf("rss_bytes %" PRIu64 "\n", rss_bytes());
	start_us = start_some(bench);
	printf("start_p99_us %.2f\n", start_us);
	printf("started %u\n", bench->starts);
	exit_us = end_all(bench);
	insert_us = insert_some(count);
	printf("exit_p99_us %.2f\n", exit_us);
	printf("insert_p99_us %.2f\n", insert_us);
	printf("start_over_insert %.1f\n", start_us / insert_us);
	printf("end_over_insert %.1f\n", exit_us / insert_us);
	jobs_close(bench->jobs);
	return EXIT_SUCCESS;
}

static double submit_array(struct bench *bench, uint32_t count, uint32_t *ret_turns)
{
	struct jobs_range range = {0, count - 1};
	char env[ENV_SIZE], argv[128];
	struct jobs_item item;
	struct uw_err err = {0};
	uint64_t began_ns, ns, longest_ns = 0;

	make_env(env);
	fill_item(&item, 0, env, argv);
	item.range = &range;
	item.range_count = 1;
	if (jobs_submit(bench->jobs, &item, 1, on_submitted, bench, &err)) {
		fprintf(stderr, "queue: %s\n", err.text);
		exit(EXIT_FAILURE);
	}
	for (*ret_turns = 0; !bench->submitted; ++*ret_turns) {
		wait_ready(bench);
		began_ns = cpu_ns();
		jobs_dispatch(bench->jobs);
		ns = cpu_ns() - began_ns;
		longest_ns = ns > longest_ns ? ns : longest_ns;
	}
	return (double)longest_ns / 1e6;
}

static int measure_array(struct bench *bench, uint32_t count)
{
	uint32_t turns;

	if (open_jobs(bench) < 0)
		return EXIT_FAILURE;
	tick(bench, 0);
	printf("array_longest_turn_ms %.3f\n", submit_array(bench, count, &turns));
	printf("array_turns %u\n", turns);
	printf("array_jobs %u\n", jobs_count(bench->jobs));
	jobs_close(bench->jobs);
	return EXIT_SUCCESS;
}

static int measure_restart(struct bench *bench)
{
	uint64_t began_us = clock_now_us();

	if (open_jobs(bench) < 0)
		return EXIT_FAILURE;
	tick(bench, 0);
	printf("restart_s %.3f\n", (double)(clock_now_us() - began_us) / 1e6);
	printf("restart_jobs %u\n", jobs_count(bench->jobs));
	printf("restart_rss_bytes %" PRIu64 "\n", rss_bytes());
	jobs_close(bench->jobs);
	return EXIT_SUCCESS;
}

static struct bench the_bench;

int main(int argc, char **argv)
{
	if (argc < 2) {
		fputs("usage: queue DIR [JOBS | --restart | --array [JOBS]]\n", stderr);
		return 2;
	}
	log_set_level(LOG_LEVEL_WARNING);
	the_bench.dir = argv[1];
	if (argc > 2 && !strcmp(argv[2], "--restart"))
		return measure_restart(&the_bench);
	if (argc > 2 && !strcmp(argv[2], "--array"))
		return measure_array(&the_bench, argc > 3 ? (uint32_t)atoi(argv[3]) : JOBS_DEFAULT);
	return measure(&the_bench, argc > 2 ? (uint32_t)atoi(argv[2]) : JOBS_DEFAULT);
}
