// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each driver is run once to see which calls it makes, and then once for each of them and each way
 * in which it can fail; from every fifth on what it takes runs out for a while; then it is killed
 * at each, and the power is cut at each. Where time is bound, each driver has an equal part of what
 * the ones before have left, and a seed draws which of these it is spent on. Violations are told
 * with the words that run the same fault again.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/chaos/run.h"
#include "user/base/clock.h"
#include "user/base/log.h"

#define LACK_EVERY 5  /* where it begins: a shortage reaches over the calls between */
#define SHOWN_MAX  40 /* violations that are told, of each driver */

static const char *const how_name[CHAOS__COUNT] = {
	[CHAOS_COUNT] = "count", [CHAOS_FAIL] = "fail",   [CHAOS_LACK] = "lack",
	[CHAOS_KILL] = "kill",   [CHAOS_POWER] = "power",
};

struct options {
	const char *driver, *results;
	struct fault one;
	bool has_one;
	double sample_s;   /* of all drivers; 0: no end */
	uint64_t until_us; /* of that */
	uint32_t seed, cuts, jobs;
	unsigned int how; /* mask of 1U << enum chaos_how */
};

struct tally {
	uint32_t calls, planned, tried, hit[CHAOS__COUNT], by_class[CLASS__COUNT], violations;
};

static const struct option long_options[] = {
	{"driver", required_argument, NULL, 'd'}, {"fail", required_argument, NULL, 'f'},
	{"lack", required_argument, NULL, 'l'},   {"kill", required_argument, NULL, 'k'},
	{"power", required_argument, NULL, 'p'},  {"error", required_argument, NULL, 'e'},
	{"sample", required_argument, NULL, 's'}, {"seed", required_argument, NULL, 'r'},
	{"cuts", required_argument, NULL, 'c'},   {"only", required_argument, NULL, 'n'},
	{"jobs", required_argument, NULL, 'j'},   {"results", required_argument, NULL, 'o'},
	{"help", no_argument, NULL, 'h'},         {0},
};

static void usage(void)
{
	puts("usage: chaos [--driver NAME] [--sample SECONDS] [--seed N] [--cuts N] [--only HOW]\n"
	     "             [--jobs N] [--results FILE]\n"
	     "       chaos --driver NAME (--fail N --error ERRNO | --lack N --error ERRNO |\n"
	     "             --kill N | --power N --seed N)\n\n"
	     "--cuts is how many remains of each cut of power are tried, 3 by default; --error -1\n"
	     "is a call that does half of what it was asked for. HOW is fail, lack, kill or power. Drivers:");
	for (uint32_t i = 0; i < chaos_drivers; i++)
		printf("  %s\n", chaos_driver[i]->name);
	exit(0);
}

static void set_one(struct options *o, enum chaos_how how)
{
	o->one.how = how;
	o->one.at = (uint32_t)strtoul(optarg, NULL, 10);
	o->has_one = true;
}

static unsigned int only(const char *name)
{
	for (int how = CHAOS_FAIL; how < CHAOS__COUNT; how++)
		if (!strcmp(name, how_name[how]))
			return 1U << how;
	usage();
	return 0;
}

static void read_options(int argc, char **argv, struct options *o)
{
	int letter;

	*o = (struct options){.seed = 1, .cuts = 3, .jobs = 1, .how = ~0U};
	while ((letter = getopt_long(argc, argv, "", long_options, NULL)) > 0)
		switch (letter) {
		case 'd':
			o->driver = optarg;
			break;
		case 'f':
			set_one(o, CHAOS_FAIL);
			break;
		case 'l':
			set_one(o, CHAOS_LACK);
			break;
		case 'k':
			set_one(o, CHAOS_KILL);
			break;
		case 'p':
			set_one(o, CHAOS_POWER);
			break;
		case 'e':
			o->one.error = (int)strtol(optarg, NULL, 10);
			break;
		case 's':
			o->sample_s = strtod(optarg, NULL);
			break;
		case 'r':
			o->seed = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'c':
			o->cuts = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'j':
			o->jobs = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'n':
			o->how = only(optarg);
			break;
		case 'o':
			o->results = optarg;
			break;
		case 'h':
			usage();
			break;
		default:
			exit(2);
		}
}

/* ---- one ---- */

static void tell(const struct chaos_driver *driver, const struct fault *fault, uint32_t seed,
		 const struct outcome *outcome)
{
	printf("  VIOLATION %s: %s\n    at %s: chaos --driver %s --%s %u", driver->name,
	       outcome->violation, outcome->where, driver->name, how_name[fault->how], fault->at);
	if (fault->how == CHAOS_FAIL || fault->how == CHAOS_LACK)
		printf(" --error %d # %s", fault->error,
		       fault->error < 0 ? "half" : strerrorname_np(fault->error));
	if (fault->how == CHAOS_POWER)
		printf(" --seed %u", seed);
	puts("");
	fflush(stdout);
}

static void try(const struct chaos_driver *driver, const struct fault *fault, uint32_t seed,
		struct tally *tally)
{
	static struct outcome outcome;

	chaos_run(driver, fault, seed, &outcome);
	tally->tried++;
	tally->hit[fault->how] += outcome.hit;
	if (!outcome.violation[0])
		return;
	if (tally->violations++ < SHOWN_MAX)
		tell(driver, fault, seed, &outcome);
}

/* ---- all ---- */

struct plan {
	struct fault *fault;
	uint32_t *seed;
	uint32_t count, room;
};

static void plan_add(struct plan *plan, const struct fault *fault, uint32_t seed)
{
	if (plan->count == plan->room) {
		plan->room = plan->room ? 2 * plan->room : 1024;
		plan->fault = realloc(plan->fault, plan->room * sizeof(*plan->fault));
		plan->seed = realloc(plan->seed, plan->room * sizeof(*plan->seed));
		if (!plan->fault || !plan->seed)
			abort();
	}
	plan->fault[plan->count] = *fault;
	plan->seed[plan->count++] = seed;
}

/* Of what there can be too little for a while: a disk or its inodes, files, memory, processes. */
static bool is_lack(int error)
{
	return error == ENOSPC || error == EMFILE || error == ENOMEM || error == EAGAIN;
}

static void plan_call(struct plan *plan, const struct chaos_driver *driver, const struct options *o,
		      const struct chaos_syscall *call, uint32_t at)
{
	struct fault fault = {.how = CHAOS_FAIL, .at = at};
	unsigned int how = driver->how & o->how;

	for (int i = 0; how & 1U << CHAOS_FAIL && i < CHAOS_ERRORS && call->error[i]; i++) {
		fault.error = call->error[i];
		plan_add(plan, &fault, 0);
	}
	fault.how = CHAOS_LACK;
	for (int i = 0; how & 1U << CHAOS_LACK && at % LACK_EVERY == 0 && i < CHAOS_ERRORS; i++) {
		fault.error = call->error[i];
		if (is_lack(fault.error))
			plan_add(plan, &fault, 0);
	}
	fault.how = CHAOS_KILL;
	if (how & CHAOS_KILLS)
		plan_add(plan, &fault, 0);
	fault.how = CHAOS_POWER;
	for (uint32_t i = 0; how & CHAOS_CUTS && i < o->cuts; i++)
		plan_add(plan, &fault, i ? i + at * o->cuts : 0);
}

/* In an order that the seed says, so that whatever there is time for is a fair sample. */
static void shuffle(struct plan *plan, uint32_t seed)
{
	for (uint32_t i = plan->count; i > 1; i--) {
		uint32_t other;
		struct fault fault = plan->fault[i - 1];
		uint32_t number = plan->seed[i - 1];

		seed = seed * 1664525U + 1013904223U;
		other = (uint32_t)(((uint64_t)seed * i) >> 32);
		plan->fault[i - 1] = plan->fault[other];
		plan->seed[i - 1] = plan->seed[other];
		plan->fault[other] = fault;
		plan->seed[other] = number;
	}
}

/* Every so many-th of a plan. */
static void run_part(const struct chaos_driver *driver, const struct options *o,
		     const struct plan *plan, uint32_t part, uint64_t until_us, struct tally *tally)
{
	for (uint32_t i = part; i < plan->count; i += o->jobs) {
		if (o->sample_s > 0 && clock_now_us() > until_us)
			break;
		try(driver, &plan->fault[i], plan->seed[i], tally);
	}
}

static void add_tally(struct tally *sum, const struct tally *part)
{
	for (int how = 0; how < CHAOS__COUNT; how++)
		sum->hit[how] += part->hit[how];
	sum->tried += part->tried;
	sum->violations += part->violations;
}

/* Each part in a process of its own. */
static void run_parts(const struct chaos_driver *driver, const struct options *o,
		      const struct plan *plan, uint64_t until_us, struct tally *tally)
{
	struct tally *part = mmap(NULL, o->jobs * sizeof(*part), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (part == MAP_FAILED)
		abort();
	fflush(NULL);
	for (uint32_t i = 0; i < o->jobs; i++) {
		if (fork())
			continue;
		run_part(driver, o, plan, i, until_us, &part[i]);
		exit(0);
	}
	for (uint32_t i = 0; i < o->jobs; i++) {
		int status = 0;

		if (wait(&status) < 0 || status)
			tally->violations++;
	}
	for (uint32_t i = 0; i < o->jobs; i++)
		add_tally(tally, &part[i]);
	munmap(part, o->jobs * sizeof(*part));
}

/* Of the time that is left, with so many drivers to come. */
static uint64_t share_until_us(const struct options *o, uint32_t left)
{
	uint64_t now_us = clock_now_us();

	return now_us + (o->until_us > now_us ? (o->until_us - now_us) / left : 0);
}

static void run_driver(const struct chaos_driver *driver, const struct options *o,
		       uint64_t until_us, struct tally *tally)
{
	static struct outcome counted;
	const struct fault none = {.how = CHAOS_COUNT};
	struct plan plan = {0};

	chaos_run(driver, &none, 0, &counted);
	tally->calls = counted.calls;
	if (counted.violation[0]) { /* without any: it is what the rest is held against */
		tally->hit[CHAOS_COUNT]++;
		tally->violations++;
		tell(driver, &none, 0, &counted);
	}
	for (uint32_t i = 0; i < counted.calls; i++) {
		const struct chaos_syscall *call = chaos_syscall_find(counted.nr[i]);

		tally->by_class[call->class]++;
		plan_call(&plan, driver, o, call, i);
	}
	tally->planned = plan.count;
	if (o->sample_s > 0)
		shuffle(&plan, o->seed);
	run_parts(driver, o, &plan, until_us, tally);
	printf("  %-10s %5u calls, %5u of %5u faults: %5u failed, %4u lacked, %5u killed, %5u power cuts: "
	       "%u violations\n",
	       driver->name, tally->calls, tally->tried, tally->planned, tally->hit[CHAOS_FAIL],
	       tally->hit[CHAOS_LACK], tally->hit[CHAOS_KILL], tally->hit[CHAOS_POWER],
	       tally->violations);
	fflush(stdout);
	free(plan.fault);
	free(plan.seed);
}

static void put_driver(FILE *out, const char *name, const struct tally *tally, bool last)
{
	fprintf(out,
		"    \"%s\": {\"calls\": %u, \"planned\": %u, \"tried\": %u, \"failed\": %u, \"lacked\": %u, "
		"\"killed\": %u, \"power_cuts\": %u, \"violations\": %u, \"calls_by_class\": {",
		name, tally->calls, tally->planned, tally->tried, tally->hit[CHAOS_FAIL],
		tally->hit[CHAOS_LACK], tally->hit[CHAOS_KILL], tally->hit[CHAOS_POWER],
		tally->violations);
	for (int i = 0; i < CLASS__COUNT; i++)
		fprintf(out, "%s\"%s\": %u", i ? ", " : "", chaos_class_name((enum chaos_class)i),
			tally->by_class[i]);
	fprintf(out, "}}%s\n", last ? "" : ",");
}

static bool is_whole(const struct options *o, const struct tally *tally)
{
	bool whole = !o->driver && o->how == ~0U;

	for (uint32_t i = 0; i < chaos_drivers; i++)
		whole = whole && tally[i].tried == tally[i].planned;
	return whole;
}

static void put_results(const struct options *o, const struct tally *tally, uint32_t faults,
			uint32_t violations)
{
	FILE *out = o->results ? fopen(o->results, "we") : NULL;

	if (!o->results)
		return;
	if (!out) {
		perror(o->results);
		exit(1);
	}
	fprintf(out,
		"{\n  \"seed\": %u, \"whole\": %s,\n  \"faults\": %u, \"survived\": %u, "
		"\"violations\": %u,\n  \"drivers\": {\n",
		o->seed, is_whole(o, tally) ? "true" : "false", faults, faults - violations,
		violations);
	for (uint32_t i = 0; i < chaos_drivers; i++)
		put_driver(out, chaos_driver[i]->name, &tally[i], i + 1 == chaos_drivers);
	fprintf(out, "  }\n}\n");
	fclose(out);
}

static bool is_meant(const struct options *o, uint32_t i)
{
	return !o->driver || !strcmp(o->driver, chaos_driver[i]->name);
}

int main(int argc, char **argv)
{
	struct options o;
	struct tally *tally = calloc(chaos_drivers, sizeof(*tally));
	uint32_t faults = 0, violations = 0, meant = 0;

	read_options(argc, argv, &o);
	if (!o.jobs)
		return 2;
	o.until_us = clock_now_us() + (uint64_t)(o.sample_s * US_PER_SEC);
	log_set_level(LOG_LEVEL_ERR);
	for (uint32_t i = 0; i < chaos_drivers; i++)
		meant += is_meant(&o, i);
	if (!meant || !tally)
		return 2;
	for (uint32_t i = 0; i < chaos_drivers; i++) {
		if (!is_meant(&o, i))
			continue;
		if (o.has_one)
			try(chaos_driver[i], &o.one, o.seed, &tally[i]);
		else
			run_driver(chaos_driver[i], &o, share_until_us(&o, meant--), &tally[i]);
		for (int how = CHAOS_COUNT; how < CHAOS__COUNT; how++)
			faults += tally[i].hit[how];
		violations += tally[i].violations;
	}
	printf("chaos: %u faults, %u survived, %u violations, seed %u\n", faults,
	       faults - violations, violations, o.seed);
	put_results(&o, tally, faults, violations);
	return violations != 0;
}
