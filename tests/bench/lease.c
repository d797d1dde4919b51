// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a lease costs, natively: the server of leases with its ledger and file in a process of its
 * own, as uwd has them, and libuw here. Beside it, in the same run, an echo over the same kind of
 * socket by a process that does nothing but epoll, recv and send: all round trips are multiples of
 * that, taken in turns of a few milliseconds, so that what else the machine does hits both. Each
 * round measures all of them with both ends on one processor, and, where there is another one, with
 * the other end on that ("_apart"): it takes several times as long to wake a processor as to switch
 * to another process, and left to itself the scheduler decides which of the two is compared with
 * which. Of one processor the least of all rounds counts, as what else runs only adds; of two the
 * median, as how deep the other one sleeps is part of it. What a grant costs the server is CPU time
 * of its thread, without that of the clock, beside that of the echo, most of which is the kernel's,
 * of the least disturbed round; its memory is that of 10,000 leases, with their file. Prints "NAME
 * VALUE" lines.
 *
 *	lease DIR [ROUNDS]
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/no_keeper.h"
#include "tests/bench/thread_time.h"
#include "user/base/clock.h"
#include "user/lease/file.h"
#include "user/lease/server.h"
#include "user/lib/packet.h"
#include "user/lib/uw.h"
#include "user/model/plan.h"

#define ROUNDS_DEFAULT 200U
#define ROUNDS_MAX     10000U
#define TRIPS          200 /* of each kind in a round */
#define BATCH          64U
#define BATCHES        32
#define ON_CREDIT      20000
#define HELD           10000U /* leases, of which the memory is asked */
#define HANDLES        3U     /* that have them: one may have 4096 */
#define LEASE_BYTES    4096
#define SAMPLES_MAX    4096

static void die(const char *what)
{
	fprintf(stderr, "lease: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* ---- the server's process ---- */

struct side {
	struct config config;
	struct lease_headroom headroom;
	struct lease_file *file;
	struct lease_ledger *ledger;
	struct lease_server *server;
	bool counts;       /* the time of each dispatch, */
	uint64_t clock_ns; /* and this is not of it */
	uint32_t samples;
	uint64_t grant_ns[SAMPLES_MAX]; /* CPU time of a dispatch, by what was asked in it */
};

struct side_figures {
	uint64_t p50_ns, p99_ns, memory_bytes;
};

static void place(void *data, const struct lease_peer *peer, struct lease_place *ret_place)
{
	(void)data, (void)peer;
	*ret_place = (struct lease_place){.component = COMPONENT_NONE, .may = 1};
}

static int find(void *data, const char *name, uint8_t *ret_priority)
{
	*ret_priority = 5;
	return config_find(&((struct side *)data)->config, name);
}

static const char *name_of(void *data, uint32_t component)
{
	return component ? NULL : ((struct side *)data)->config.component[0].name;
}

static void grow(void *data)
{
	struct side *side = data;

	if (!lease_file_grow(side->file))
		lease_set_room(side->ledger, lease_file_room(side->file));
}

static char *report(void *data)
{
	(void)data;
	return strdup("{}");
}

static void open_side(struct side *side, const char *dir)
{
	struct lease_server_conf conf = {.place = place,
					 .component = find,
					 .name = name_of,
					 .keeper = no_keeper,
					 .grow = grow,
					 .report = report,
					 .data = side};
	char path[256], file[256];
	struct uw_err err = {0};

	snprintf(path, sizeof(path), "%s/lease.sock", dir);
	snprintf(file, sizeof(file), "%s/leases", dir);
	side->config.component_count = 1;
	side->config.lease_max = LEASE_SLOTS_CLIENT;
	strcpy(side->config.component[0].name, "models");
	side->headroom.usable_bytes = side->headroom.component[0].budget_bytes =
		side->headroom.component[0].limit_bytes = 1ULL << 40;
	side->ledger = calloc(1, lease_ledger_size());
	if (!side->ledger || lease_file_open(file, &side->file, &err))
		die(err.text);
	lease_init(side->ledger, lease_file_slots(side->file));
	lease_configure(side->ledger, &side->config);
	lease_look(side->ledger, &side->headroom);
	conf.path = path;
	conf.ledger = side->ledger;
	if (lease_server_new(&conf, &side->server, &err))
		die(err.text);
}

static uint64_t requests(const struct side *side)
{
	struct lease_server_stats stats;

	lease_server_stats(side->server, &stats);
	return stats.requests;
}

static void serve(struct side *side)
{
	uint64_t before = requests(side), began_ns, took_ns;

	if (!side->counts) {
		lease_server_dispatch(side->server);
		return;
	}
	began_ns = time_thread_ns();
	lease_server_dispatch(side->server);
	took_ns = time_less(time_thread_ns() - began_ns, side->clock_ns);
	if (requests(side) > before && side->samples < SAMPLES_MAX)
		side->grant_ns[side->samples++] = took_ns / (requests(side) - before);
}

/* Of this process alone, and of the file of leases. */
static uint64_t memory_bytes(const char *dir)
{
	FILE *status = fopen("/proc/self/status", "re");
	unsigned long long kib = 0;
	char line[256], file[256];
	struct stat st = {0};

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "RssAnon: %llu", &kib) == 1)
			break;
	if (status)
		fclose(status);
	snprintf(file, sizeof(file), "%s/leases", dir);
	stat(file, &st);
	return (kib << 10) + (uint64_t)st.st_blocks * 512;
}

/* A byte asks for the figures; it says whether to count from now on. */
static void answer(struct side *side, const char *dir, int fd)
{
	struct side_figures figures = {
		.memory_bytes = memory_bytes(dir),
		.p50_ns = time_part_of(side->grant_ns, side->samples, 50),
		.p99_ns = time_part_of(side->grant_ns, side->samples, 99),
	};
	char byte;

	if (read(fd, &byte, 1) != 1)
		exit(0);
	side->samples = 0;
	side->counts = byte;
	side->clock_ns = time_clock_cost_ns();
	if (write(fd, &figures, sizeof(figures)) < 0)
		exit(1);
}

static void run_side(const char *dir, int fd)
{
	struct side *side = calloc(1, sizeof(*side));
	struct pollfd ready[] = {{.events = POLLIN}, {.fd = fd, .events = POLLIN}};

	if (!side)
		die("memory");
	memset(side->grant_ns, 1, sizeof(side->grant_ns)); /* it is there before it is measured */
	open_side(side, dir);
	ready[0].fd = lease_server_fd(side->server);
	if (write(fd, "", 1) != 1)
		die("write");
	for (;;) {
		poll(ready, 2, -1);
		if (ready[1].revents)
			answer(side, dir, fd);
		if (ready[0].revents)
			serve(side);
	}
}

/* ---- the echo's process ---- */

/* A single byte is not sent back: it says whether to count from now on. */
static ssize_t echo_one(int fd, int epoll, bool *counts)
{
	struct epoll_event event;
	char buf[512];
	ssize_t size;

	if (epoll_wait(epoll, &event, 1, 0) < 0)
		return -1;
	size = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (size == 1)
		*counts = *buf;
	return size > 1 ? send(fd, buf, (size_t)size, MSG_NOSIGNAL) : size;
}

static void run_echo(const char *dir, int fd)
{
	static uint64_t cost_ns[SAMPLES_MAX];
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
	struct side_figures figures = {0};
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct pollfd ready = {.fd = epoll, .events = POLLIN};
	uint64_t clock_ns = 0;
	uint32_t count = 0;
	bool counts = false;
	ssize_t size;

	(void)dir;
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll");
	do {
		uint64_t began_ns = 0;

		poll(&ready, 1, -1);
		if (counts)
			began_ns = time_thread_ns();
		size = echo_one(fd, epoll, &counts);
		if (began_ns && count < SAMPLES_MAX)
			cost_ns[count++] = time_less(time_thread_ns() - began_ns, clock_ns);
		if (size != 1)
			continue;
		clock_ns = time_clock_cost_ns();
		figures.p50_ns = time_part_of(cost_ns, count, 50);
		size = send(fd, &figures, sizeof(figures), MSG_NOSIGNAL);
		count = 0;
	} while (size > 0);
	exit(0);
}

/* ---- this side ---- */

struct ends {
	char socket[256];
	pid_t server_pid, echo_pid;
	int server, echo;  /* to ask them for figures; to have it echo */
	int processors;    /* that there are for all of this, */
	cpu_set_t cpus[2]; /* the first of them, each alone */
	struct uw *asks, *spends;
};

static void find_places(struct ends *ends)
{
	cpu_set_t all;

	if (sched_getaffinity(0, sizeof(all), &all))
		die("sched_getaffinity");
	for (size_t cpu = 0; cpu < CPU_SETSIZE && ends->processors < 2; cpu++)
		if (CPU_ISSET(cpu, &all))
			CPU_SET(cpu, &ends->cpus[ends->processors++]);
}

/* This process on the first processor, and the others there too, or apart. */
static void take_places(const struct ends *ends, bool apart)
{
	const cpu_set_t *theirs = &ends->cpus[apart];

	if (sched_setaffinity(0, sizeof(*theirs), &ends->cpus[0]) ||
	    sched_setaffinity(ends->server_pid, sizeof(*theirs), theirs) ||
	    sched_setaffinity(ends->echo_pid, sizeof(*theirs), theirs))
		die("sched_setaffinity");
}

static pid_t start(void (*run)(const char *dir, int fd), const char *dir, int *ret_fd)
{
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		die("socketpair");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		run(dir, fds[1]);
	}
	close(fds[1]);
	*ret_fd = fds[0];
	return pid;
}

static struct side_figures ask_side(int fd, bool counts)
{
	struct side_figures figures;
	char byte = counts;

	if (write(fd, &byte, 1) != 1 || read(fd, &figures, sizeof(figures)) != sizeof(figures))
		die("the server is gone");
	return figures;
}

static struct uw_request wish(uint32_t flags)
{
	return (struct uw_request){.size = sizeof(struct uw_request),
				   .flags = flags,
				   .component = "models",
				   .description = "tensor",
				   .bytes = LEASE_BYTES};
}

static uint64_t get(struct uw *uw, uint32_t flags)
{
	struct uw_request request = wish(flags);
	struct uw_grant grant = {.size = sizeof(grant)};

	if (uw_alloc(uw, &request, &grant, NULL))
		die("uw_alloc");
	return grant.id;
}

static void put(struct uw *uw, uint64_t id)
{
	if (uw_free(uw, id))
		die("uw_free");
}

static void get_many(struct uw *uw, struct uw_grant grant[BATCH])
{
	struct uw_request request[BATCH];
	int outcome[BATCH];

	for (uint32_t i = 0; i < BATCH; i++)
		request[i] = wish(0);
	grant[0].size = sizeof(grant[0]);
	if (uw_alloc_many(uw, request, BATCH, grant, outcome) || outcome[BATCH - 1])
		die("uw_alloc_many");
}

/* Each returns what one of its kind took. */

static uint64_t echo_trips(int fd)
{
	char buf[sizeof(struct packet_header) + sizeof(struct packet_grant)] = {0};
	uint64_t began_ns = time_now_ns(CLOCK_MONOTONIC);

	for (int i = 0; i < TRIPS; i++)
		if (send(fd, buf, sizeof(buf), MSG_NOSIGNAL) < 0 ||
		    recv(fd, buf, sizeof(buf), 0) <= 0)
			die("echo");
	return (time_now_ns(CLOCK_MONOTONIC) - began_ns) / TRIPS;
}

static uint64_t lease_trips(struct uw *uw)
{
	uint64_t began_ns = time_now_ns(CLOCK_MONOTONIC);

	for (int i = 0; i < TRIPS / 2; i++)
		put(uw, get(uw, UW_NO_CREDIT));
	return (time_now_ns(CLOCK_MONOTONIC) - began_ns) / TRIPS;
}

static void put_many(struct uw *uw, const struct uw_grant grant[BATCH])
{
	uint64_t id[BATCH];
	int outcome[BATCH];

	for (uint32_t i = 0; i < BATCH; i++)
		id[i] = grant[i].id;
	if (uw_free_many(uw, id, BATCH, outcome) || outcome[BATCH - 1])
		die("uw_free_many");
}

static uint64_t batch_trips(struct uw *uw)
{
	struct uw_grant grant[BATCH];
	uint64_t took_ns = 0;

	for (int k = 0; k < BATCHES; k++) {
		uint64_t began_ns = time_now_ns(CLOCK_MONOTONIC);

		get_many(uw, grant);
		took_ns += time_now_ns(CLOCK_MONOTONIC) - began_ns;
		put_many(uw, grant);
	}
	return took_ns / (BATCHES * (uint64_t)BATCH);
}

static uint64_t credit_turns(struct uw *uw)
{
	uint64_t began_ns = time_now_ns(CLOCK_MONOTONIC);

	for (int i = 0; i < ON_CREDIT; i++)
		put(uw, get(uw, 0));
	return (time_now_ns(CLOCK_MONOTONIC) - began_ns) / ON_CREDIT;
}

struct rounds {
	uint64_t echo_ns[ROUNDS_MAX], lease_ns[ROUNDS_MAX], batch_ns[ROUNDS_MAX],
		credit_ns[ROUNDS_MAX];
};

typedef void (*round_of)(const struct ends *ends, uint32_t i, struct rounds *rounds);

static void run_trips(const struct ends *ends, uint32_t i, struct rounds *rounds)
{
	rounds->echo_ns[i] = echo_trips(ends->echo);
	rounds->lease_ns[i] = lease_trips(ends->asks);
	rounds->batch_ns[i] = batch_trips(ends->asks);
}

/* What it spent is told within some milliseconds, which would fall on whatever came next. */
static void run_credit(const struct ends *ends, uint32_t i, struct rounds *rounds)
{
	rounds->credit_ns[i] = credit_turns(ends->spends);
}

static void run_rounds(const struct ends *ends, uint32_t count, round_of run,
		       struct rounds *together, struct rounds *apart)
{
	for (uint32_t i = 0; i < count; i++) {
		take_places(ends, false);
		run(ends, i, together);
		if (ends->processors < 2)
			continue;
		take_places(ends, true);
		run(ends, i, apart);
	}
	take_places(ends, false);
}

static void hold_many(const char *socket, struct uw *uw[HANDLES])
{
	struct uw_grant grant[BATCH];

	for (uint32_t i = 0; i < HANDLES; i++)
		if (uw_open(socket, &uw[i]))
			die("uw_open");
	for (uint32_t held = 0; held < HELD; held += BATCH)
		get_many(uw[held / BATCH % HANDLES], grant);
}

static void print_over(const char *name, const char *where, uint64_t ns, uint64_t echo_ns)
{
	printf("%s%s %.6f\n", name, where, (double)ns / (double)echo_ns);
}

static void print_rounds(struct rounds *rounds, uint32_t count, size_t percent, const char *where)
{
	uint64_t echo_ns = time_part_of(rounds->echo_ns, count, percent);

	print_over("round_trip", where, time_part_of(rounds->lease_ns, count, percent), echo_ns);
	print_over("batched", where, time_part_of(rounds->batch_ns, count, percent), echo_ns);
	print_over("credit", where, time_part_of(rounds->credit_ns, count, percent), echo_ns);
	printf("echo%s_us %.3f\n", where, (double)echo_ns / 1e3);
}

static void measure_trips(struct ends *ends, uint32_t count)
{
	struct rounds *together = calloc(1, sizeof(*together));
	struct rounds *apart = calloc(1, sizeof(*apart));

	if (!together || !apart)
		die("memory");
	if (uw_open(ends->socket, &ends->asks))
		die("uw_open");
	run_rounds(ends, count, run_trips, together, apart);
	uw_close(ends->asks);
	if (uw_open(ends->socket, &ends->spends) || uw_start_thread(ends->spends))
		die("uw_open");
	put(ends->spends, get(ends->spends, 0)); /* it has its credit with the next answer */
	run_rounds(ends, count, run_credit, together, apart);
	uw_close(ends->spends);
	print_rounds(together, count, 0, "");
	if (ends->processors > 1)
		print_rounds(apart, count, 50, "_apart");
	free(together);
	free(apart);
}

/* What those that are asked of a side cost it, the least of all rounds. */
static void keep_least(struct side_figures *least, const struct side_figures *figures)
{
	if (!least->p50_ns || figures->p50_ns < least->p50_ns)
		least->p50_ns = figures->p50_ns;
	if (!least->p99_ns || figures->p99_ns < least->p99_ns)
		least->p99_ns = figures->p99_ns;
}

static void measure_grants(struct ends *ends, uint32_t count)
{
	struct side_figures grants = {0}, echoes = {0}, figures;

	if (uw_open(ends->socket, &ends->asks))
		die("uw_open");
	for (uint32_t i = 0; i < count; i++) {
		ask_side(ends->echo, true);
		echo_trips(ends->echo);
		figures = ask_side(ends->echo, false);
		keep_least(&echoes, &figures);
		ask_side(ends->server, true);
		lease_trips(ends->asks);
		figures = ask_side(ends->server, false);
		keep_least(&grants, &figures);
	}
	uw_close(ends->asks);
	printf("grant_cpu_us %.3f\n", (double)grants.p50_ns / 1e3);
	printf("grant_cpu_p99_us %.3f\n", (double)grants.p99_ns / 1e3);
	printf("grant_cpu_over_echo %.3f\n", (double)grants.p50_ns / (double)echoes.p50_ns);
}

static void measure_memory(const struct ends *ends)
{
	struct side_figures empty = ask_side(ends->server, false), full;
	struct uw *held[HANDLES] = {NULL};

	hold_many(ends->socket, held);
	full = ask_side(ends->server, false);
	for (uint32_t i = 0; i < HANDLES; i++)
		uw_close(held[i]);
	printf("leases_bytes %" PRIu64 "\n", full.memory_bytes - empty.memory_bytes);
}

static int measure(const char *dir, uint32_t count)
{
	struct ends ends = {.processors = 0};
	char byte;

	find_places(&ends);
	ends.server_pid = start(run_side, dir, &ends.server);
	ends.echo_pid = start(run_echo, dir, &ends.echo);
	snprintf(ends.socket, sizeof(ends.socket), "%s/lease.sock", dir);
	take_places(&ends, false);
	if (read(ends.server, &byte, 1) != 1)
		die("the server did not start");
	measure_memory(&ends);
	measure_trips(&ends, count);
	measure_grants(&ends, count);
	return 0;
}

int main(int argc, char **argv)
{
	uint32_t rounds = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : ROUNDS_DEFAULT;

	if (argc < 2 || argc > 3 || !rounds || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: lease DIR [ROUNDS]\n");
		return EXIT_FAILURE;
	}
	return measure(argv[1], rounds);
}
