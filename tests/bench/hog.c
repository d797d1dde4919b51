// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hog - grows by a fixed rate, or as fast as it can, up to a maximum, and then holds and keeps
 * touching what it has. Exit status 0 and DONE in the log mean that its work was finished; anything
 * else, that it was lost.
 *
 * With --rate the ramp has a schedule: a hog that was stopped catches up at full speed, like a job
 * that has fallen behind. With --start it has some from the beginning, taken at full speed, and the
 * ramp begins --settle seconds later: a slow leak of a program that is large already, or a step.
 */
#include "growth.h"

#include <inttypes.h>

#define MB                   ((size_t)1 << 20)
#define LOG_EVERY_MB         64
#define HOLD_TOUCH_PERIOD_US 10000

static double rate_mb_per_s;
static long max_mb = 2048;
static long start_mb;
static double settle_s;
static double hold_s = 10;
static long touches_per_mb = 1;
static bool incompressible;
static bool shared;
static bool wait_for_go;
static const char *log_path = "/dev/stderr";
static const char *growth_path;

static const struct bench_option options[] = {
	{"rate", BENCH_DOUBLE, &rate_mb_per_s, "MB/s to grow by; 0 = full speed (the default)"},
	{"max", BENCH_LONG, &max_mb, "MB to grow to"},
	{"start", BENCH_LONG, &start_mb, "MB to have before that, at full speed"},
	{"settle", BENCH_DOUBLE, &settle_s, "seconds between those and the rest"},
	{"hold", BENCH_DOUBLE, &hold_s, "seconds to hold the maximum"},
	{"touch", BENCH_LONG, &touches_per_mb, "old pages to touch again for each MB grown"},
	{"rand", BENCH_FLAG, &incompressible, "fill pages with data that does not compress"},
	{"shmem", BENCH_FLAG, &shared, "shared memory, which is swapped as files of tmpfs are"},
	{"log", BENCH_TEXT, &log_path, "file for START, P, FULL, DONE and SIG lines"},
	{"publish", BENCH_TEXT, &growth_path, "growth file of a measuring program"},
	{"wait", BENCH_FLAG, &wait_for_go, "wait for the go of that program"},
	{NULL, BENCH_FLAG, NULL, NULL},
};

struct hog {
	char *memory;
	size_t grown_bytes;
	struct growth *growth; /* NULL when nobody measures */
	struct bench_rng rng;
	FILE *log;
};

static int64_t now_ms(void)
{
	return bench_now_us() / 1000;
}

static void hog_init(struct hog *hog)
{
	size_t bytes = (size_t)max_mb * MB;

	*hog = (struct hog){.rng = {88172645463325252}};
	hog->log = fopen(log_path, "we");
	if (!hog->log)
		bench_fail("%s", log_path);
	setvbuf(hog->log, NULL, _IONBF, 0);
	hog->memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		     (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (hog->memory == MAP_FAILED)
		bench_fail("mmap %ld MB", max_mb);
	madvise(hog->memory, bytes, MADV_NOHUGEPAGE);
	if (growth_path && !(hog->growth = growth_open(growth_path)))
		bench_fail("%s", growth_path);
}

static void hog_fill_page(struct hog *hog, char *page)
{
	uint64_t *words = (uint64_t *)page;
	size_t count = incompressible ? BENCH_PAGE_BYTES / sizeof(*words) : 1;

	for (size_t i = 0; i < count; i++)
		words[i] = bench_rng_next(&hog->rng);
}

static void hog_grow_step(struct hog *hog)
{
	for (size_t done = 0; done < GROWTH_STEP_BYTES; done += BENCH_PAGE_BYTES)
		hog_fill_page(hog, hog->memory + hog->grown_bytes + done);
	hog->grown_bytes += GROWTH_STEP_BYTES;
	if (hog->growth)
		growth_publish(hog->growth, hog->grown_bytes);
}

static void hog_touch_again(struct hog *hog)
{
	size_t pages = hog->grown_bytes / BENCH_PAGE_BYTES;

	for (long i = 0; i < touches_per_mb; i++) {
		volatile char *page =
			hog->memory + bench_rng_below(&hog->rng, pages) * BENCH_PAGE_BYTES;

		(*page)++;
	}
}

static void hog_wait_for_go(struct hog *hog)
{
	if (!wait_for_go || !hog->growth)
		return;
	atomic_store(&hog->growth->ready, 1);
	while (!bench_stopped && !atomic_load(&hog->growth->go))
		bench_sleep_until_us(bench_now_us() + 1000);
}

/* When the hog should have grown to `bytes`; `start_us` is when the ramp began. */
static int64_t hog_due_us(int64_t start_us, size_t bytes)
{
	double ramp_mb = (double)bytes / (double)MB - (double)start_mb;

	return start_us + (int64_t)(ramp_mb / rate_mb_per_s * 1e6);
}

static void hog_log_progress(struct hog *hog, int64_t start_us)
{
	int64_t lag_us =
		rate_mb_per_s > 0 ? bench_now_us() - hog_due_us(start_us, hog->grown_bytes) : 0;

	fprintf(hog->log, "P mb=%zu at_ms=%" PRId64 " lag_ms=%" PRId64 "\n", hog->grown_bytes / MB,
		now_ms(), lag_us / 1000);
}

/* Takes what it has from the beginning, and settles: when the ramp begins. */
static int64_t hog_start(struct hog *hog)
{
	int64_t start_us;

	while (!bench_stopped && hog->grown_bytes < (size_t)start_mb * MB)
		hog_grow_step(hog);
	start_us = bench_now_us() + (int64_t)(settle_s * 1e6);
	if (start_mb > 0) {
		hog_log_progress(hog, bench_now_us());
		bench_sleep_until_us(start_us);
	}
	return start_us;
}

static void hog_grow(struct hog *hog)
{
	int64_t start_us = hog_start(hog);

	while (!bench_stopped && hog->grown_bytes < (size_t)max_mb * MB) {
		hog_grow_step(hog);
		if (hog->grown_bytes % MB)
			continue;
		hog_touch_again(hog);
		if (rate_mb_per_s <= 0)
			continue;
		if (hog->grown_bytes / MB % LOG_EVERY_MB == 0)
			hog_log_progress(hog, start_us);
		bench_sleep_until_us(hog_due_us(start_us, hog->grown_bytes));
	}
}

static void hog_hold(struct hog *hog)
{
	int64_t end_us = bench_now_us() + (int64_t)(hold_s * 1e6);

	while (!bench_stopped && bench_now_us() < end_us) {
		hog_touch_again(hog);
		bench_sleep_until_us(bench_now_us() + HOLD_TOUCH_PERIOD_US);
	}
}

int main(int argc, char **argv)
{
	struct hog hog;

	bench_parse_options(argc, argv, "hog [OPTION]...", options);
	bench_catch_stop();
	hog_init(&hog);
	fprintf(hog.log, "START pid=%d at_ms=%" PRId64 "\n", getpid(), now_ms());
	hog_wait_for_go(&hog);
	hog_grow(&hog);
	fprintf(hog.log, "%s mb=%zu at_ms=%" PRId64 "\n", bench_stopped ? "SHORT" : "FULL",
		hog.grown_bytes / MB, now_ms());
	hog_hold(&hog);
	if (bench_stopped) {
		fprintf(hog.log, "SIG%d mb=%zu at_ms=%" PRId64 "\n", (int)bench_stopped,
			hog.grown_bytes / MB, now_ms());
		return 128 + (int)bench_stopped;
	}
	fprintf(hog.log, "DONE mb=%zu at_ms=%" PRId64 "\n", hog.grown_bytes / MB, now_ms());
	return 0;
}
