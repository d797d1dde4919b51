// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How long before a limit is reached it is foreseen, and how often in vain: by polling
 * memory.current once a second, by the counter in the kernel ten times a second, and by all that is
 * charged there, whatever is uncharged meanwhile. Each goes through the policy's own trend and rule
 * of levels, over the same loads on the simulated machine: smooth ones, bursts, and such as never
 * get there. PLANT_VERBOSE=1 prints the table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/plant_fixture.h"
#include "tests/sim/random.h"
#include "user/policy/level.h"
#include "user/policy/num.h"
#include "user/policy/signal.h"

#define LIMIT      (600 * MIB)
#define BASE       (200 * MIB)
#define RUN_US     (600 * US_PER_SEC)
#define POLL_US    US_PER_SEC
#define COUNTER_US (100 * US_PER_MS)
#define SLACK_US   US_PER_SEC /* of who says that it comes at once */

enum foresight_by {
	BY_POLLING,
	BY_COUNTER,
	BY_CHARGES,
	BY__COUNT
};

static const struct {
	const char *name;
	uint64_t every_us;
} systems[BY__COUNT] = {
	[BY_POLLING] = {"memory.current, 1 Hz", POLL_US},
	[BY_COUNTER] = {"counter, 10 Hz", COUNTER_US},
	[BY_CHARGES] = {"charges alone, 10 Hz", COUNTER_US},
};

struct foresight {
	struct signal signal;
	struct level_state level;
	uint64_t next_us;
	uint64_t alarm_us, until_us; /* of the alarm that may still come true; 0: none */
	uint64_t says_us;            /* time to the limit, as of the last sample */
	uint64_t lead_us;            /* sum */
	uint32_t foreseen, missed, false_alarms;
};

/* What a program does; the second half of its parameters is of bursts. */
struct foresight_load {
	const char *name;
	uint64_t grow_per_s;
	uint64_t burst_bytes, pause_us; /* grows by that, and rests; 0: without a rest */
	uint64_t top_bytes;             /* and gives back; 0: it goes on to the limit */
};

struct foresight_run {
	struct plant plant;
	struct plant_leaf *leaf;
	const struct foresight_load *load;
	struct random random;
	uint64_t rests_until_us, charged_bytes, last_bytes;
	uint32_t crossings;
	struct foresight by[BY__COUNT];
};

/* ---- the load ---- */

static void aim_at(struct plant_leaf *leaf, uint64_t bytes, uint64_t per_s)
{
	leaf->phase = (struct plant_phase){.target_bytes = bytes, .grow_per_s = per_s};
}

static void begin_growth(struct foresight_run *run)
{
	const struct foresight_load *load = run->load;
	uint64_t current = plant_current(&run->plant, 0);
	uint64_t top = load->top_bytes ? load->top_bytes : LIMIT + 20 * MIB;
	uint64_t to = top;

	if (load->burst_bytes)
		to = min_u64(top, current + load->burst_bytes / 2 +
					  roll(&run->random, load->burst_bytes));
	aim_at(run->leaf, to, load->grow_per_s);
}

/* Back to what it holds at rest, at once, and a while of calm. */
static void begin_anew(struct foresight_run *run)
{
	aim_at(run->leaf, BASE, 100000 * MIB);
	run->rests_until_us =
		run->plant.now_us + 5 * US_PER_SEC + roll(&run->random, 5 * US_PER_SEC);
}

static void drive(struct foresight_run *run)
{
	uint64_t current = plant_current(&run->plant, 0);

	if (run->plant.now_us < run->rests_until_us)
		return;
	if (run->rests_until_us) {
		run->rests_until_us = 0;
		begin_growth(run);
	} else if (run->load->top_bytes && current >= run->load->top_bytes) {
		begin_anew(run);
	} else if (current >= run->leaf->phase.target_bytes) {
		run->rests_until_us = run->plant.now_us + run->load->pause_us / 2 + 1 +
				      roll(&run->random, run->load->pause_us + 1);
	}
}

/* ---- who foresees ---- */

/* bytes: what it follows; current_bytes: what is in use. */
static bool foresees(struct foresight *f, uint64_t bytes, uint64_t current_bytes, uint64_t now_us)
{
	static const struct policy_conf conf = {.edge_pct = {0, 70, 80, 85, 90, 95},
						.hysteresis_pct = 3,
						.dwell_us = 10 * US_PER_SEC};
	struct component_sample sample = {
		.valid = SAMPLE_USAGE | SAMPLE_STAT, .current_bytes = bytes, .anon_bytes = bytes};
	struct level_input in = {.limit_bytes = LIMIT, .host_roomy = true};

	signal_update(&f->signal, &sample, 0, false, now_us);
	in.use_permyriad = in.solid_permyriad = permyriad_of(current_bytes, LIMIT);
	in.room_bytes = sub_sat(LIMIT, current_bytes);
	in.time_to_limit_us = signal_time_to(&f->signal, f->signal.ws_bytes + in.room_bytes, LIMIT);
	in.risen_bytes = sub_sat(f->signal.ws_bytes, f->signal.rise_from_bytes);
	f->says_us = in.time_to_limit_us;
	level_step(&f->level, &in, &conf, now_us);
	return f->level.seen_why.reason == REASON_FORECAST;
}

/* An alarm is false when what it says does not come within twice the time that it says. */
static void take_alarm(struct foresight *f, bool alarm, uint64_t now_us)
{
	if (f->alarm_us && now_us > f->until_us) {
		f->false_alarms++;
		f->alarm_us = 0;
	}
	if (alarm && !f->alarm_us) {
		f->alarm_us = now_us;
		f->until_us = now_us + 2 * f->says_us + SLACK_US;
	}
}

static void observe(struct foresight_run *run)
{
	uint64_t current = plant_current(&run->plant, 0), now_us = run->plant.now_us;

	run->charged_bytes += sub_sat(current, run->last_bytes);
	run->last_bytes = current;
	for (int by = 0; by < BY__COUNT; by++) {
		struct foresight *f = &run->by[by];
		bool alarm = false;

		if (now_us >= f->next_us) {
			f->next_us = now_us + systems[by].every_us;
			alarm = foresees(f, by == BY_CHARGES ? run->charged_bytes : current,
					 current, now_us);
		}
		take_alarm(f, alarm, now_us);
	}
}

static void take_crossing(struct foresight_run *run)
{
	run->crossings++;
	for (int by = 0; by < BY__COUNT; by++) {
		struct foresight *f = &run->by[by];

		if (f->alarm_us) {
			f->foreseen++;
			f->lead_us += run->plant.now_us - f->alarm_us;
		} else {
			f->missed++;
		}
		f->alarm_us = 0;
	}
	begin_anew(run);
}

/* ---- a run ---- */

static void run_load(const struct foresight_load *load, struct foresight_run *run)
{
	*run = (struct foresight_run){.load = load, .random = {4711}};
	plant_init(&run->plant, 2000 * MIB, 90 * MIB, 0);
	run->plant.without_policy = true;
	plant_add_component(&run->plant, "a", 5000, 5, PROTECT_NONE);
	plant_start(&run->plant, 1800 * MIB);
	run->leaf = plant_add_leaf(&run->plant, 0, BASE);
	run->last_bytes = BASE;
	run->by[BY_POLLING].next_us = run->plant.now_us + 370 * US_PER_MS;
	begin_anew(run);
	for (uint64_t us = 0; us < RUN_US; us += PLANT_STEP_US) {
		plant_run(&run->plant, PLANT_STEP_US);
		drive(run);
		observe(run);
		if (plant_current(&run->plant, 0) >= LIMIT)
			take_crossing(run);
	}
	plant_done(&run->plant);
}

static uint64_t lead_ms(const struct foresight *f)
{
	uint32_t count = f->foreseen + f->missed;

	return count ? f->lead_us / count / US_PER_MS : 0;
}

static void print(const struct foresight_run *run)
{
	if (!getenv("PLANT_VERBOSE"))
		return;
	for (int by = 0; by < BY__COUNT; by++)
		fprintf(stderr, "%-26s %-22s %3u of %3u foreseen, %5llu ms before, %3u in vain\n",
			run->load->name, systems[by].name, run->by[by].foreseen, run->crossings,
			(unsigned long long)lead_ms(&run->by[by]), run->by[by].false_alarms);
}

static const struct foresight_load smooth[] = {
	{"ramp of 20 MB/s", 20 * MIB, 0, 0, 0},
	{"ramp of 60 MB/s", 60 * MIB, 0, 0, 0},
	{"ramp of 200 MB/s", 200 * MIB, 0, 0, 0},
};

static const struct foresight_load short_bursts[] = {
	{"10 MB at a time", 100 * MIB, 10 * MIB, US_PER_SEC, 0},
	{"40 MB at a time", 200 * MIB, 40 * MIB, 2 * US_PER_SEC, 0},
};

static const struct foresight_load bursts[] = {
	{"120 MB at a time", 400 * MIB, 120 * MIB, 4 * US_PER_SEC, 0},
};

static const struct foresight_load in_vain[] = {
	{"to 75 %, and back", 60 * MIB, 0, 0, 450 * MIB},
	{"to 90 %, and back", 60 * MIB, 0, 0, 540 * MIB},
	{"in bursts to 90 %, and back", 200 * MIB, 40 * MIB, 2 * US_PER_SEC, 540 * MIB},
};

/* Adds up the alarms in vain of all loads. */
static void run_all(const struct foresight_load *loads, size_t count,
		    uint32_t in_vain_of[BY__COUNT])
{
	struct foresight_run *run = malloc(sizeof(*run));

	assert_non_null(run);
	for (size_t i = 0; i < count; i++) {
		run_load(&loads[i], run);
		print(run);
		for (int by = 0; by < BY__COUNT; by++)
			in_vain_of[by] += run->by[by].false_alarms;
	}
	free(run);
}

/* By the counter it is foreseen a quarter earlier than by polling at least, and never missed. */
static void test_smooth_growth_is_foreseen_earlier(void **state)
{
	struct foresight_run *run = malloc(sizeof(*run));

	(void)state;
	assert_non_null(run);
	for (size_t i = 0; i < ROWS(smooth); i++) {
		const struct foresight *counter = &run->by[BY_COUNTER];

		run_load(&smooth[i], run);
		print(run);
		assert_true(run->crossings > 20);
		assert_int_equal(counter->missed, 0);
		assert_int_equal(counter->false_alarms, 0);
		assert_true(lead_ms(counter) * 4 >= lead_ms(&run->by[BY_POLLING]) * 5);
		assert_true(lead_ms(counter) >= 800);
	}
	free(run);
}

/* What comes in bursts is foreseen by bands of use, not by a trend. The counter sees growth that
 * polling is too slow for, also such as ends below the limit: twice as many alarms are in vain by
 * it at most, and of bursts of a moment none. */
static void test_bursts_and_what_goes_back_raise_few_alarms(void **state)
{
	uint32_t alarms[BY__COUNT] = {0};

	(void)state;
	run_all(short_bursts, ROWS(short_bursts), alarms);
	assert_int_equal(alarms[BY_COUNTER], 0);
	run_all(bursts, ROWS(bursts), alarms);
	run_all(in_vain, ROWS(in_vain), alarms);
	assert_true(alarms[BY_COUNTER] <= 2 * alarms[BY_POLLING]);
	/* What was charged and given back is no growth. */
	assert_true(alarms[BY_CHARGES] >= alarms[BY_COUNTER]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smooth_growth_is_foreseen_earlier),
		cmocka_unit_test(test_bursts_and_what_goes_back_raise_few_alarms),
	};

	return cmocka_run_group_tests_name("foresight", tests, NULL, NULL);
}
