// SPDX-License-Identifier: GPL-2.0-or-later
/* The flight recorder at a reload, while its disk stands still. */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/hang_guard.h"
#include "tests/unit/tmp_pool.h"
#include "user/base/log.h"
#include "user/daemon/flight_log.h"
#include "user/record/files.h"
#include "user/record/flight.h"

#define SLOTS 4U

static atomic_bool armed;
static int entered[2], gate[2];

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at)
{
	char byte = 0;

	if (atomic_exchange(&armed, false) &&
	    (write(entered[1], &byte, 1) != 1 || read(gate[0], &byte, 1) != 1))
		abort();
	return syscall(SYS_pwrite64, fd, bytes, count, at);
}

static struct daemon daemon_of_test;
static struct tmp_pool pool;

static uint32_t no_leaf(void *data, uint64_t cgid, char *buf, size_t size)
{
	(void)data, (void)cgid, (void)buf, (void)size;
	return COMPONENT_NONE;
}

static void no_state(void *data, struct flight_state *ret_state)
{
	(void)data;
	*ret_state = (struct flight_state){0};
}

/* As it was before the reload that switches it off. */
static int setup(void **state)
{
	static char disk[128], stage[128];
	const struct flight_conf conf = {
		.path = disk,
		.stage = stage,
		.bytes = record_file_at(SLOTS),
		.version = "test",
		.leaf_name = no_leaf,
		.checkpoint = no_state,
	};
	struct daemon *daemon = &daemon_of_test;
	struct uw_err err = {0};

	log_set_level(LOG_LEVEL_ERR);
	tmp_pool_init(&pool);
	snprintf(disk, sizeof(disk), "%s/disk", pool.path);
	snprintf(stage, sizeof(stage), "%s/stage", pool.path);
	daemon->recorded.enabled = true;
	*state = daemon;
	return pipe(entered) || pipe(gate) || sd_event_new(&daemon->event) < 0 ||
	       flight_open(&conf, &daemon->flight, &err);
}

static int teardown(void **state)
{
	struct daemon *daemon = *state;

	flight_log_close(daemon);
	sd_event_unref(daemon->event);
	tmp_pool_done(&pool);
	return 0;
}

static void test_reload_does_not_wait_for_the_disk(void **state)
{
	struct daemon *daemon = *state;
	struct frame frame = {.now_us = 1, .sequence = 1};
	char byte = 0;

	alarm(HANG_GUARD_S); /* what waits for the disk here does so for good */
	atomic_store(&armed, true);
	flight_frame(daemon->flight, &frame);
	assert_int_equal(read(entered[0], &byte, 1), 1);
	flight_log_configure(daemon);
	assert_null(daemon->flight);
	flight_log_configure(daemon); /* another reload meanwhile */
	flight_log_frame(daemon);
	assert_non_null(daemon->record_change);
	assert_int_equal(write(gate[1], &byte, 1), 1);
	while (daemon->record_change)
		assert_true(sd_event_run(daemon->event, UINT64_MAX) >= 0);
	assert_null(daemon->flight);
	alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reload_does_not_wait_for_the_disk, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
