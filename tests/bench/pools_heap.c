// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The heap of a pool beside malloc(3) of glibc, jemalloc and mimalloc: the same sequence of
 * allocations for each, in a process of its own that begins anew, in turns. Prints "NAME VALUE"
 * lines, all of them ratios and medians of rounds: processor time over jemalloc's in the same
 * round, and resident over live bytes, as it is and after a trim.
 *
 * Each round has a sequence of its own: what lies free differs by a twentieth of what is live from
 * one sequence to the next, so that of one alone any change would look better or worse.
 *
 * A load has as many bytes as it may hold, all the time: each step allocates, of a size whose
 * logarithm is even, or frees a random one when there is no room for the next. First all bytes of
 * each are written, for the figures of memory; then both ends, for those of time. The paced load is
 * the mixed one by a program that does something else between, a step each millisecond.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "user/lib/uw.h"

#define ROUNDS     9U                 /* 10 at most: one digit */
#define ALL_ARENAS "arena.4096.purge" /* jemalloc: MALLCTL_ARENAS_ALL */

struct load {
	const char *name;
	double bytes_min, bytes_max;
	uint64_t live_bytes, pool_bytes;
	uint32_t written, timed; /* steps of either kind */
	useconds_t pause_us;     /* after each that is written */
};

static const struct load loads[] = {
	{"mixed", 64, 4 << 20, 128 << 20, 1ULL << 28, 2000, 96000, 0},
	{"paced", 64, 4 << 20, 128 << 20, 1ULL << 28, 2000, 0, 1000},
	{"small", 64, 4096, 48 << 20, 1ULL << 27, 400000, 1600000, 0},
};

enum peer {
	OURS,
	GLIBC,
	JEMALLOC,
	MIMALLOC,
	PEERS
};

static const struct {
	const char *name, *library[2], *symbol; /* which of the libraries there is has the symbol */
} peers[PEERS] = {
	[OURS] = {"uw", {NULL, NULL}, NULL},
	[GLIBC] = {"glibc", {NULL, NULL}, NULL},
	[JEMALLOC] = {"jemalloc", {"libjemalloc.so.2", NULL}, "mallctl"},
	[MIMALLOC] = {"mimalloc", {"libmimalloc.so.2", "libmimalloc.so.3"}, "mi_collect"},
};

struct result {
	double ns, resident, trimmed, written_ns;
	double given_back; /* bytes for each step that is written; of a pool alone */
};

/* ---- one of them ---- */

struct slot {
	uint64_t id;
	void *memory;
	uint32_t bytes, seen;
};

struct step {
	uint32_t slot, bytes; /* bytes 0: it is freed */
};

struct run {
	const struct load *load;
	struct uw_pool *pool; /* NULL: malloc */
	struct slot *slot;
	struct step *step;
	uint32_t steps;
	uint64_t live, resident_before;
};

static void die(const char *what)
{
	fprintf(stderr, "pools_heap: %s\n", what);
	exit(1);
}

static void take(struct run *run, const struct step *step)
{
	struct slot *slot = &run->slot[step->slot];

	slot->bytes = step->bytes;
	if (!run->pool)
		slot->memory = malloc(step->bytes);
	else if (uw_pool_alloc(run->pool, step->bytes, 0, &slot->id, &slot->memory))
		slot->memory = NULL;
	if (!slot->memory)
		die("no memory");
}

static void give(struct run *run, const struct slot *slot)
{
	if (!run->pool)
		free(slot->memory);
	else if (uw_pool_free(run->pool, slot->id))
		die("an allocation is not there");
}

static void trim(const struct run *run)
{
	int (*mallctl)(const char *, void *, size_t *, void *, size_t);
	void (*collect)(_Bool);

	*(void **)&mallctl = dlsym(RTLD_DEFAULT, "mallctl");
	*(void **)&collect = dlsym(RTLD_DEFAULT, "mi_collect");
	if (run->pool) {
		uw_pool_trim(run->pool, UINT64_MAX, NULL);
	} else if (mallctl) {
		mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
		mallctl(ALL_ARENAS, NULL, NULL, NULL, 0);
	} else if (collect) {
		collect(1);
	} else {
		malloc_trim(0);
	}
}

static uint64_t status_kib(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* Private memory, and of a pool all that is there, mapped or not. */
static uint64_t resident(const struct run *run)
{
	static char text[8192];
	FILE *file = fopen("/proc/self/status", "re");
	struct stat st = {0};
	size_t length;

	if (!file)
		die("no /proc");
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = '\0';
	fclose(file);
	if (run->pool && fstat(uw_pool_fd(run->pool), &st) < 0)
		die("no pool");
	return status_kib(text, "RssAnon:") * 1024 + (uint64_t)st.st_blocks * 512;
}

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Slots in use come first in `order`, those that are free after them. */
struct plan {
	uint64_t state, live;
	uint32_t *order, used;
};

static uint32_t draw_bytes(struct plan *plan, const struct load *load)
{
	double even = (double)(next(&plan->state) >> 11) * 0x1p-53;

	return (uint32_t)(load->bytes_min * pow(load->bytes_max / load->bytes_min, even));
}

static void plan_free(struct plan *plan, uint32_t *bytes, struct step *step)
{
	uint32_t at = (uint32_t)(next(&plan->state) % plan->used), slot = plan->order[at];

	plan->order[at] = plan->order[--plan->used];
	plan->order[plan->used] = slot;
	plan->live -= bytes[slot];
	*step = (struct step){slot, 0};
}

static void plan_steps(struct run *run, struct plan *plan, uint32_t *bytes)
{
	uint32_t want = draw_bytes(plan, run->load);

	for (uint32_t i = 0; i < run->steps; i++) {
		if (plan->live + want > run->load->live_bytes) {
			plan_free(plan, bytes, &run->step[i]);
			continue;
		}
		run->step[i] = (struct step){plan->order[plan->used++], want};
		bytes[run->step[i].slot] = want;
		plan->live += want;
		want = draw_bytes(plan, run->load);
	}
}

static void prepare(struct run *run, const struct load *load, uint64_t round)
{
	uint32_t slots = (uint32_t)(load->live_bytes / (uint64_t)load->bytes_min);
	struct plan plan = {.state = (2 * round + 1) * 0x9e3779b97f4a7c15ULL};
	uint32_t *bytes = calloc(slots, sizeof(*bytes));

	run->load = load;
	run->steps = load->written + load->timed;
	run->slot = calloc(slots, sizeof(*run->slot));
	run->step = calloc(run->steps, sizeof(*run->step));
	plan.order = calloc(slots, sizeof(*plan.order));
	if (!run->slot || !run->step || !bytes || !plan.order)
		die("no memory");
	for (uint32_t i = 0; i < slots; i++)
		plan.order[i] = i;
	plan_steps(run, &plan, bytes);
	for (uint32_t i = 0; i < run->steps; i++)
		run->slot[run->step[i].slot] = (struct slot){0, NULL, 0, 1}; /* its page is there */
	/* What planned it is kept: given back it would serve the allocator that is measured. */
}

static void start(struct run *run, enum peer peer)
{
	struct uw_pool_options options = {.size = sizeof(options),
					  .name = "bench",
					  .bytes = run->load->pool_bytes,
					  .tensors = 1};

	run->resident_before = resident(run);
	if (peer == OURS && uw_pool_create(NULL, &options, &run->pool))
		die("no pool");
}

static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double given_back(const struct run *run)
{
	struct uw_pool_stats stats = {.size = sizeof(stats)};

	if (run->pool && uw_pool_stats(run->pool, &stats))
		die("no figures");
	return (double)stats.trimmed_bytes;
}

static void write_all(struct run *run, struct result *result)
{
	double began = cpu_ns();

	for (uint32_t i = 0; i < run->load->written; i++) {
		const struct step *step = &run->step[i];
		struct slot *slot = &run->slot[step->slot];

		if (step->bytes) {
			take(run, step);
			memset(slot->memory, (int)i | 1, step->bytes);
			run->live += step->bytes;
		} else {
			give(run, slot);
			run->live -= slot->bytes;
		}
		if (run->load->pause_us)
			usleep(run->load->pause_us);
	}
	result->written_ns = (cpu_ns() - began) / run->load->written;
	result->given_back = given_back(run) / run->load->written;
	result->resident = (double)(resident(run) - run->resident_before) / (double)run->live;
	trim(run);
	result->trimmed = (double)(resident(run) - run->resident_before) / (double)run->live;
}

/* Half of them first, untimed, so that what the trim took is there again. */
static void write_ends(struct run *run, struct result *result)
{
	uint32_t half = run->load->written + run->load->timed / 2;
	double began = 0;

	for (uint32_t i = run->load->written; i < run->steps; i++) {
		const struct step *step = &run->step[i];
		struct slot *slot = &run->slot[step->slot];

		if (i == half)
			began = cpu_ns();
		if (!step->bytes) {
			give(run, slot);
			continue;
		}
		take(run, step);
		*(volatile uint64_t *)slot->memory = i;
		((volatile uint8_t *)slot->memory)[step->bytes - 1] = 1;
	}
	if (run->steps > half)
		result->ns = (cpu_ns() - began) / (run->steps - half);
}

static int run_one(enum peer peer, const struct load *load, uint64_t round)
{
	struct run run = {0};
	struct result result = {0};

	prepare(&run, load, round);
	start(&run, peer);
	write_all(&run, &result);
	write_ends(&run, &result);
	printf("%.3f %.5f %.5f %.3f %.3f\n", result.ns, result.resident, result.trimmed,
	       result.written_ns, result.given_back);
	return 0;
}

/* ---- all of them ---- */

static void exec_one(const char *library, const char *peer, const char *load, const char *round)
{
	char *const words[] = {"pools_heap", (char *)(uintptr_t)peer, (char *)(uintptr_t)load,
			       (char *)(uintptr_t)round, NULL};

	if (library)
		setenv("LD_PRELOAD", library, 1);
	execv("/proc/self/exe", words);
	_exit(127);
}

/* A process that has the library in place of malloc says so: some cannot be loaded later. */
static int serves(const char *library, enum peer peer)
{
	pid_t child = fork();
	int status = 1;

	if (!child) {
		int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(nowhere, STDERR_FILENO);
		exec_one(library, peers[peer].name, "serves", "0");
	}
	return child > 0 && waitpid(child, &status, 0) == child && !status;
}

static const char *library_of(enum peer peer)
{
	for (int i = 0; i < 2 && peers[peer].library[i]; i++)
		if (serves(peers[peer].library[i], peer))
			return peers[peer].library[i];
	if (peers[peer].symbol)
		die(peers[peer].name);
	return NULL;
}

static struct result run_peer(const char *library, enum peer peer, const struct load *load,
			      uint32_t round)
{
	char number[] = {(char)('0' + round), '\0'};
	struct result result;
	int fds[2], status;
	FILE *from;
	pid_t child;

	if (pipe(fds) || (child = fork()) < 0)
		die("no process");
	if (!child) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		exec_one(library, peers[peer].name, load->name, number);
	}
	close(fds[1]);
	from = fdopen(fds[0], "r");
	if (!from || fscanf(from, "%lf %lf %lf %lf %lf", &result.ns, &result.resident,
			    &result.trimmed, &result.written_ns, &result.given_back) != 5)
		die(peers[peer].name);
	fclose(from);
	if (waitpid(child, &status, 0) != child || status)
		die(peers[peer].name);
	return result;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, uint32_t count)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}

/* Over jemalloc's in the same round. */
static void report_ns(const char *load, const char *peer, const char *of, const double *ns,
		      const double *jemalloc_ns)
{
	double over[ROUNDS];

	for (uint32_t i = 0; i < ROUNDS; i++)
		over[i] = ns[i] / jemalloc_ns[i];
	printf("%s_%s_%s_over_jemalloc %.3f\n", load, peer, of, median(over, ROUNDS));
}

static void report(const struct load *load, enum peer peer, struct result result[ROUNDS][PEERS])
{
	double ns[ROUNDS], written[ROUNDS], jemalloc[ROUNDS], jemalloc_written[ROUNDS];
	double resident_over[ROUNDS], trimmed[ROUNDS];
	const char *name = peers[peer].name;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		ns[i] = result[i][peer].ns;
		written[i] = result[i][peer].written_ns;
		jemalloc[i] = result[i][JEMALLOC].ns;
		jemalloc_written[i] = result[i][JEMALLOC].written_ns;
		resident_over[i] = result[i][peer].resident;
		trimmed[i] = result[i][peer].trimmed;
	}
	if (peer != JEMALLOC && load->timed)
		report_ns(load->name, name, "ns", ns, jemalloc);
	if (peer != JEMALLOC)
		report_ns(load->name, name, "written_ns", written, jemalloc_written);
	printf("%s_%s_resident_over_live %.3f\n", load->name, name, median(resident_over, ROUNDS));
	printf("%s_%s_trimmed_over_live %.3f\n", load->name, name, median(trimmed, ROUNDS));
}

/* ---- what it takes to keep resident low ---- */

/* To give a page back, to commit it and to map it again, which is all that a pool's heap does of a
 * page and none of what decides upon it. */
static double page_ns(void)
{
	const off_t all = 64 << 20, step = 1 << 20;
	int fd = memfd_create("page", MFD_CLOEXEC);
	double began = 0;
	uint8_t *base;

	if (fd < 0 || ftruncate(fd, all))
		die("no memory");
	base = mmap(NULL, (size_t)all, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (int round = 0; base != MAP_FAILED && round < 2; round++) {
		began = cpu_ns();
		for (off_t at = 0; at < all; at += step)
			if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, step) ||
			    fallocate(fd, 0, at, step) ||
			    madvise(base + at, (size_t)step, MADV_POPULATE_WRITE))
				die("no pages");
		began = cpu_ns() - began;
	}
	if (base == MAP_FAILED)
		die("no memory");
	munmap(base, (size_t)all);
	close(fd);
	return began / (double)(all / sysconf(_SC_PAGESIZE));
}

/* What a step would cost a pool that is kept as low as the paced one, but at full speed: the pages
 * that one gave back in a step, over a step of jemalloc's that gives none. */
static void report_kept(double jemalloc_ns, double given_back)
{
	double page = page_ns();

	printf("page_given_back_over_mixed_jemalloc_ns %.3f\n", page / jemalloc_ns);
	printf("paced_uw_pages_given_back_a_step %.3f\n",
	       given_back / (double)sysconf(_SC_PAGESIZE));
	printf("mixed_kept_as_paced_ns_over_jemalloc %.3f\n",
	       given_back / (double)sysconf(_SC_PAGESIZE) * page / jemalloc_ns);
}

static double given_back_of(struct result result[ROUNDS][PEERS])
{
	double bytes[ROUNDS];

	for (uint32_t i = 0; i < ROUNDS; i++)
		bytes[i] = result[i][OURS].given_back;
	return median(bytes, ROUNDS);
}

/* jemalloc's of the loads before, 0: none. */
static void run_load(const struct load *load, double *jemalloc_ns)
{
	static struct result result[ROUNDS][PEERS];
	const char *library[PEERS];

	for (int peer = 0; peer < PEERS; peer++)
		library[peer] = library_of(peer);
	for (uint32_t i = 0; i < ROUNDS; i++)
		for (int peer = 0; peer < PEERS; peer++)
			result[i][peer] = run_peer(library[peer], peer, load, i);
	for (int peer = 0; peer < PEERS; peer++)
		report(load, peer, result);
	if (load->timed)
		*jemalloc_ns = *jemalloc_ns ? *jemalloc_ns : result[0][JEMALLOC].ns;
	else
		report_kept(*jemalloc_ns, given_back_of(result));
}

/* In a process that was started as one of the peers. */
static int be_peer(enum peer peer, const char *load, const char *round)
{
	if (!strcmp(load, "serves"))
		return !dlsym(RTLD_DEFAULT, peers[peer].symbol);
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		if (!strcmp(load, loads[i].name))
			return run_one(peer, &loads[i], strtoull(round, NULL, 10));
	return 2;
}

int main(int argc, char **argv)
{
	double jemalloc_ns = 0;

	for (size_t i = 0; argc == 1 && i < sizeof(loads) / sizeof(loads[0]); i++)
		run_load(&loads[i], &jemalloc_ns);
	for (int peer = 0; argc == 4 && peer < PEERS; peer++)
		if (!strcmp(argv[1], peers[peer].name))
			return be_peer(peer, argv[2], argv[3]);
	return argc == 1 ? 0 : 2;
}
