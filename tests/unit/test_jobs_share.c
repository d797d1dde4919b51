// SPDX-License-Identifier: GPL-2.0-or-later
/* What one user may take of the queue, in places and in bytes. */
#include "tests/unit/jobs_fixture.h"
#include "user/base/cleanup.h"

#define USER  4711U
#define OTHER 4712U
#define ENV   4096U

static char env_bytes[ENV];

static int setup(void **state)
{
	struct jobs_fixture *f;
	int rc = jobs_setup(state);

	f = *state;
	f->config.admission.user_share_permyriad = 5000;
	f->config.admission.max_queued = 100;
	memset(env_bytes, 'v', sizeof(env_bytes) - 1);
	env_bytes[1] = '=';
	return rc;
}

/* So many held ones; 0 or what it was refused with. */
static int try_submit(struct jobs_fixture *f, uint32_t uid, uint32_t count, struct uw_err *err)
{
	struct jobs_range range = {0, count - 1};
	char buf[256];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));
	uint32_t before = f->submitted;
	int rc;

	item.spec.held = true;
	item.spec.uid = uid;
	item.range = &range;
	item.range_count = 1;
	rc = jobs_submit(f->jobs, &item, 1, on_submitted, f, err);
	if (!rc)
		JOBS_UNTIL(f, f->submitted > before);
	return rc;
}

static void test_share_one_user_cannot_fill_the_queue(void **state)
{
	struct jobs_fixture *f = *state;
	struct uw_err err = {0};

	assert_int_equal(try_submit(f, USER, 51, &err), -EDQUOT);
	assert_int_equal(try_submit(f, USER, 50, &err), 0);
	assert_int_equal(try_submit(f, USER, 1, &err), -EDQUOT);
	assert_string_equal(
		err.text, "submit: uid 4711 holds 50 of 100 jobs (max-queued) and may have 0 more "
			  "by its user-share, not 1; uid 4711 holds most of it, 50");
	assert_int_equal(try_submit(f, OTHER, 25, &err), 0);
	assert_int_equal(try_submit(f, OTHER, 1, &err), -EDQUOT);
	assert_int_equal(try_submit(f, 0, 25, &err), 0);
	assert_int_equal(try_submit(f, 0, 1, &err), -EDQUOT);
	assert_string_equal(
		err.text, "submit: the queue holds 100 of 100 jobs (max-queued), there is no room "
			  "for 1 more; uid 4711 holds most of it, 50");
}

static void changed(void *data, int rc)
{
	(void)data;
	assert_int_equal(rc, 0);
}

static void test_share_what_ends_makes_room(void **state)
{
	struct jobs_fixture *f = *state;
	struct uw_err err = {0};
	uint64_t first;

	assert_int_equal(try_submit(f, USER, 50, &err), 0);
	first = f->first_id;
	for (uint64_t id = first; id < first + 3; id++)
		assert_int_equal(jobs_cancel(f->jobs, id, 0, 0, changed, NULL), 0);
	JOBS_UNTIL(f, f->ended == 3);
	assert_int_equal(try_submit(f, USER, 4, &err), -EDQUOT);
	assert_int_equal(try_submit(f, USER, 2, &err), 0);
	assert_int_equal(jobs_requeue(f->jobs, first, USER, NULL, NULL), 0);
	assert_int_equal(jobs_requeue(f->jobs, first + 1, USER, NULL, NULL), -EDQUOT);
}

/* All of the queue's accounts, as text. */
static const char *accounts_text(const struct jobs_fixture *f, char *buf, size_t size)
{
	size_t at = 0;

	for (uint32_t i = 0; i < f->jobs->accounts.count; i++) {
		const struct account *account = &f->jobs->accounts.account[i];

		for (int what = 0; what < ACCOUNT__COUNT; what++)
			at += (size_t)snprintf(buf + at, size - at, "%u:%d=%llu ", account->uid,
					       what, (unsigned long long)account->held[what]);
	}
	return buf;
}

static void test_share_the_next_uwd_knows_it(void **state)
{
	struct jobs_fixture *f = *state;
	struct uw_err err = {0};
	char before[512] = "", after[512] = "";

	assert_int_equal(try_submit(f, USER, 40, &err), 0);
	assert_int_equal(try_submit(f, OTHER, 7, &err), 0);
	accounts_text(f, before, sizeof(before));
	restart(f);
	assert_string_equal(accounts_text(f, after, sizeof(after)), before);
	assert_int_equal(try_submit(f, USER, 10, &err), -EDQUOT); /* half of 93 */
	assert_int_equal(try_submit(f, USER, 6, &err), 0);
}

/* ---- bytes ---- */

static int submit_env(struct jobs_fixture *f, uint32_t count, bool shared, struct uw_err *err)
{
	AUTO_FREE struct jobs_item *item = calloc(count, sizeof(*item));
	char buf[256];
	uint32_t before = f->submitted;
	int rc;

	for (uint32_t i = 0; i < count; i++) {
		item[i] = sh_item("exit 0", buf, sizeof(buf));
		item[i].spec.held = true;
		item[i].spec.uid = USER;
		item[i].spec.env = (struct job_block){env_bytes, sizeof(env_bytes)};
		item[i].same_env = shared && i ? &item[0] : NULL;
	}
	rc = jobs_submit(f->jobs, item, count, on_submitted, f, err);
	if (!rc)
		JOBS_UNTIL(f, f->submitted > before);
	return rc;
}

static uint64_t held_bytes(const struct jobs_fixture *f)
{
	return accounts_held(&f->jobs->accounts, USER, ACCOUNT_BYTES);
}

static void test_share_bytes_on_disk_are_bounded(void **state)
{
	struct jobs_fixture *f = *state;
	struct uw_err err = {0};

	f->config.admission.queue_bytes = 20 * ENV;
	assert_int_equal(submit_env(f, 11, false, &err), -EDQUOT);
	assert_non_null(strstr(err.text, "queue-size"));
	assert_int_equal(submit_env(f, 9, false, &err), 0);
	assert_int_equal(submit_env(f, 1, false, &err), -EDQUOT);
	assert_in_range(held_bytes(f), 9 * ENV, 10 * ENV);
	assert_int_equal(accounts_held(&f->jobs->accounts, USER, ACCOUNT_MEMORY), 0);
}

static void test_share_an_environment_of_many_counts_once(void **state)
{
	struct jobs_fixture *f = *state;
	struct uw_err err = {0};
	uint64_t first;

	assert_int_equal(submit_env(f, 8, true, &err), 0);
	assert_in_range(held_bytes(f), ENV, 2 * ENV);
	first = f->first_id;
	for (uint64_t id = first; id < first + 7; id++)
		assert_int_equal(jobs_cancel(f->jobs, id, 0, 0, changed, NULL), 0);
	JOBS_UNTIL(f, f->ended == 7);
	assert_in_range(held_bytes(f), ENV, 2 * ENV); /* the last one has it still */
	assert_int_equal(jobs_cancel(f->jobs, first + 7, 0, 0, changed, NULL), 0);
	JOBS_UNTIL(f, f->ended == 8);
	assert_int_equal(held_bytes(f), 0);
}

/* Of memory, until all of it is on disk and in the queue. */
static void test_share_what_is_on_its_way_is_bounded(void **state)
{
	struct jobs_fixture *f = *state;
	struct uw_err err = {0};
	char buf[256];
	static char large[JOB_BLOCK_MAX];
	struct jobs_item item = sh_item("exit 0", buf, sizeof(buf));
	uint32_t taken = 0, before = f->submitted;

	f->config.admission.max_queued = 1000;
	memset(large, 'v', sizeof(large) - 1);
	large[1] = '=';
	item.spec.held = true;
	item.spec.uid = USER;
	item.spec.env = (struct job_block){large, sizeof(large)};
	while (!jobs_submit(f->jobs, &item, 1, on_submitted, f, &err)) {
		taken++;
		assert_true(taken < 100); /* no turn of the loop comes in between */
	}
	assert_in_range(taken, 45, 48); /* half of 24M */
	assert_non_null(strstr(err.text, "on its way to the disk"));
	JOBS_UNTIL(f, f->submitted == before + taken);
	assert_int_equal(accounts_held(&f->jobs->accounts, USER, ACCOUNT_MEMORY), 0);
}

/* ---- slots ---- */

static uint32_t running_of(const struct jobs_fixture *f, uint32_t uid)
{
	uint32_t slot = 0, count = 0;
	const struct job *job;

	while ((job = jobs_next_active(f->jobs, &slot)))
		count += job->uid == uid;
	return count;
}

/* Only root may run jobs of others. */
static void let_users_run(struct jobs_fixture *f)
{
	if (getuid())
		skip();
	for (uint32_t i = 0; i < f->config.component_count; i++)
		strcpy(f->config.component[i].submit, "*");
	assert_int_equal(chmod(f->gate, 0666), 0);
}

static uint64_t submit_at_gate(struct jobs_fixture *f, uint32_t uid, uint32_t count)
{
	struct jobs_range all = {0, count - 1};
	char buf[256];
	struct jobs_item item = sh_item(AT_GATE, buf, sizeof(buf));

	item.spec.uid = uid;
	item.spec.memory_bytes = 1 << 20;
	item.range = &all;
	item.range_count = 1;
	submit(f, &item, 1);
	return f->first_id;
}

static void test_share_one_user_cannot_take_all_slots(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t first, last;
	const struct job *job;
	struct job_why why;
	char text[160];

	let_users_run(f);
	f->config.admission.max_queued = 1000;
	f->config.admission.max_running = 8;
	first = submit_at_gate(f, USER, 20);
	JOBS_UNTIL(f, running_of(f, USER) == 4);
	jobs_fixture_go_on(f);
	assert_int_equal(running_of(f, USER), 4);
	while (state_of(f, first) != JOB_QUEUED)
		first++;
	job = jobs_find(f->jobs, first);
	why = (struct job_why){(enum job_reason)job->reason, job->observed, job->threshold};
	assert_string_equal(job_why_text(&why, text, sizeof(text)),
			    "4 jobs of its user run, 4 may (max-running, user-share)");
	submit_at_gate(f, OTHER, 20);         /* half of what is left */
	last = submit_at_gate(f, 0, 20) + 19; /* and root the rest */
	JOBS_UNTIL(f, running_of(f, 0) == 2);
	assert_int_equal(running_of(f, OTHER), 2);
	for (first = last - 59; first <= last; first++)
		assert_int_equal(jobs_cancel(f->jobs, first, 0, 0, changed, NULL), 0);
	JOBS_UNTIL(f, f->ended == 60);
}

/* In their order, and those that were cancelled or held meanwhile are passed over. */
static void test_share_who_waits_for_a_slot_gets_it(void **state)
{
	struct jobs_fixture *f = *state;
	uint64_t first;

	let_users_run(f);
	f->config.admission.max_queued = 1000;
	f->config.admission.max_running = 2;
	first = submit_at_gate(f, USER, 6);
	JOBS_UNTIL(f, running_of(f, USER) == 1);
	jobs_fixture_go_on(f);
	assert_int_equal(jobs_cancel(f->jobs, first + 1, 0, 0, changed, NULL), 0);
	assert_int_equal(jobs_hold(f->jobs, first + 2, 0, changed, NULL), 0);
	open_gate(f, 1);
	JOBS_UNTIL(f, state_of(f, first + 3) == JOB_RUNNING);
	jobs_fixture_go_on(f);
	assert_int_equal(state_of(f, first + 2), JOB_HELD);
	assert_int_equal(running_of(f, USER), 1);
	assert_int_equal(jobs_release(f->jobs, first + 2, 0, changed, NULL), 0);
	f->config.admission.user_share_permyriad = 10000; /* told anew */
	JOBS_UNTIL(f, running_of(f, USER) == 2);
	open_gate(f, 4);
	JOBS_UNTIL(f, f->ended == 6);
	assert_int_equal(f->jobs->accounts.count, 0);
	assert_null(f->jobs->slot_wait);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, jobs_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_share_one_user_cannot_fill_the_queue),
		TEST(test_share_what_ends_makes_room),
		TEST(test_share_the_next_uwd_knows_it),
		TEST(test_share_bytes_on_disk_are_bounded),
		TEST(test_share_an_environment_of_many_counts_once),
		TEST(test_share_what_is_on_its_way_is_bounded),
		TEST(test_share_one_user_cannot_take_all_slots),
		TEST(test_share_who_waits_for_a_slot_gets_it),
	};

	return cmocka_run_group_tests_name("shares", tests, NULL, NULL);
}
