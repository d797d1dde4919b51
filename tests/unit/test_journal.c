// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Entries as a journal gets them: on a socket of the test's own, in the form of the protocol. And
 * the catalog, which has to explain each message and no other.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/base/journal.h"
#include "user/daemon/action_journal.h"

struct fake_journal {
	char folder[32];
	struct sockaddr_un address;
	int fd;
	char bytes[2 * JOURNAL_ENTRY_MAX]; /* of the last entry, terminated */
};

static int setup(void **state)
{
	static struct fake_journal journal;

	snprintf(journal.folder, sizeof(journal.folder), "/tmp/uw-test-XXXXXX");
	assert_non_null(mkdtemp(journal.folder));
	journal.address.sun_family = AF_UNIX;
	snprintf(journal.address.sun_path, sizeof(journal.address.sun_path), "%s/socket",
		 journal.folder);
	journal.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(
		bind(journal.fd, (struct sockaddr *)&journal.address, sizeof(journal.address)), 0);
	assert_int_equal(journal_open(journal.address.sun_path), 0);
	log_set_level(LOG_LEVEL_INFO);
	*state = &journal;
	return 0;
}

static int teardown(void **state)
{
	struct fake_journal *journal = *state;

	journal_close();
	close(journal->fd);
	unlink(journal->address.sun_path);
	rmdir(journal->folder);
	return 0;
}

/* False when there is none. */
static bool next_entry(struct fake_journal *journal)
{
	ssize_t size = recv(journal->fd, journal->bytes, sizeof(journal->bytes) - 1, 0);

	journal->bytes[size < 0 ? 0 : size] = '\0';
	return size >= 0;
}

/* The value of a field; fails when it is not there once, or a line is no field. */
static const char *field(const struct fake_journal *journal, const char *name)
{
	static char value[JOURNAL_ENTRY_MAX];
	const char *found = NULL;
	size_t length = strlen(name);

	for (const char *line = journal->bytes, *end; *line; line = end + 1) {
		size_t letters = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

		end = strchr(line, '\n');
		assert_non_null(end);
		if (!letters || line[letters] != '=')
			fail_msg("no field: %.*s", (int)(end - line), line);
		if (letters != length || strncmp(line, name, length) != 0)
			continue;
		assert_null(found);
		found = line;
		snprintf(value, sizeof(value), "%.*s", (int)(end - line - (long)length - 1),
			 line + length + 1);
	}
	if (!found)
		fail_msg("no %s in %s", name, journal->bytes);
	return value;
}

static struct action_entry kill_of(const char *leaf)
{
	struct action_entry entry = {
		.sequence = 17,
		.component = "ml_models",
		.level = LEVEL_EMERGENCY,
		.action = {.kind = ACTION_KILL,
			   .tier = TIER_FREEZE,
			   .why = {REASON_LAST_RESORT, 30000000, 20000000}},
		.ended = true,
		.outcome = {.kind = ACTION_KILL,
			    .result = OUTCOME_DONE,
			    .done = 4096,
			    .began_us = 1000,
			    .ended_us = 2300},
	};

	snprintf(entry.leaf, sizeof(entry.leaf), "%s", leaf);
	return entry;
}

static void test_journal_has_one_entry_of_a_finished_action(void **state)
{
	static const char *const fields[][2] = {
		{"PRIORITY", "4"},
		{"UW_COMPONENT", "ml_models"},
		{"UW_LEAF", "leak"},
		{"UW_ACTION", "kill"},
		{"UW_TIER", "freeze"},
		{"UW_LEVEL", "emergency"},
		{"UW_REASON", "last-resort"},
		{"UW_OBSERVED", "30000000"},
		{"UW_THRESHOLD", "20000000"},
		{"UW_UNIT", "us"},
		{"UW_BYTES", "4096"},
		{"UW_RESULT", "done"},
		{"UW_TOOK_USEC", "1300"},
		{"UW_SEQUENCE", "17"},
	};
	struct fake_journal *journal = *state;
	struct action_entry entry = kill_of("leak");

	action_journal_decided(&entry);
	assert_false(next_entry(journal)); /* not before it has ended */
	action_journal_ended(&entry);
	assert_true(next_entry(journal));
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		assert_string_equal(field(journal, fields[i][0]), fields[i][1]);
	assert_string_equal(field(journal, "MESSAGE_ID"), journal_message_id(MESSAGE_KILL));
	assert_non_null(strstr(field(journal, "MESSAGE"), "kill ml_models/leak: "));
	assert_non_null(strstr(field(journal, "MESSAGE"), "; done in 1.3ms"));
	assert_false(next_entry(journal));
}

static void test_journal_is_as_loud_as_the_action(void **state)
{
	static const struct {
		enum action_kind kind;
		enum reason reason;
		enum outcome_result result;
		const char *priority; /* NULL: not logged */
		enum message message;
	} rows[] = {
		{ACTION_KILL, REASON_LAST_RESORT, OUTCOME_DONE, "4", MESSAGE_KILL},
		{ACTION_NOTICE, REASON_OUT_OF_TIERS, OUTCOME_DONE, "4", MESSAGE_TIERS_EXHAUSTED},
		{ACTION_NOTICE, REASON_DEPENDENCE, OUTCOME_DONE, "4", MESSAGE_NOTICE},
		{ACTION_FREEZE, REASON_USAGE, OUTCOME_DONE, "5", MESSAGE_FREEZE},
		{ACTION_THAW, REASON_ROOM, OUTCOME_DONE, "5", MESSAGE_THAW},
		{ACTION_RECLAIM, REASON_USAGE, OUTCOME_SHORT, "6", MESSAGE_RECLAIM},
		{ACTION_SET_MIN, REASON_BUDGET, OUTCOME_DONE, NULL, MESSAGE_LIMIT},
		{ACTION_SET_MIN, REASON_BUDGET, OUTCOME_FAILED, "4", MESSAGE_LIMIT},
	};
	struct fake_journal *journal = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct action_entry entry = kill_of("x");

		entry.action.kind = entry.outcome.kind = rows[i].kind;
		entry.action.why.reason = rows[i].reason;
		entry.outcome.result = rows[i].result;
		entry.outcome.error = rows[i].result == OUTCOME_FAILED ? EBUSY : 0;
		action_journal_ended(&entry);
		assert_int_equal(next_entry(journal), rows[i].priority != NULL);
		if (!rows[i].priority)
			continue;
		assert_string_equal(field(journal, "PRIORITY"), rows[i].priority);
		assert_string_equal(field(journal, "MESSAGE_ID"),
				    journal_message_id(rows[i].message));
		if (entry.outcome.error)
			assert_string_equal(field(journal, "ERRNO"), "16");
	}
}

/* A leaf may have any name that a folder may. */
static void test_journal_keeps_a_hostile_name_in_its_field(void **state)
{
	struct fake_journal *journal = *state;
	struct action_entry entry = kill_of("a\nUW_ACTION=freeze\nPRIORITY=0\033[2J\xff\xc3\xa4");

	action_journal_ended(&entry);
	assert_true(next_entry(journal));
	assert_string_equal(field(journal, "PRIORITY"), "4");
	assert_string_equal(field(journal, "UW_ACTION"), "kill");
	assert_string_equal(field(journal, "UW_LEAF"),
			    "a UW_ACTION=freeze PRIORITY=0 [2J?\xc3\xa4");
	assert_null(strchr(journal->bytes, '\033'));
}

static void test_journal_leaves_out_what_does_not_fit(void **state)
{
	struct fake_journal *journal = *state;
	struct journal_entry entry;
	char large[JOURNAL_ENTRY_MAX];

	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	journal_begin(&entry, LOG_LEVEL_ERR, MESSAGE_READY);
	for (int i = 0; i < 8; i++)
		journal_add(&entry, "UW_LEAF", "%s", large);
	assert_true(entry.size <= sizeof(entry.bytes));
	assert_int_equal(entry.bytes[entry.size - 1], '\n');
	journal_say(LOG_LEVEL_ERR, MESSAGE_READY, "%s", large);
	assert_true(next_entry(journal));
	assert_true(strlen(field(journal, "MESSAGE")) > 500);
}

/* What is said when the socket is as it is: on stderr. */
static void said_on_stderr(const char *text, char *buf, size_t size)
{
	int old = dup(STDERR_FILENO), fds[2];
	ssize_t count;

	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	errno = ENOENT;
	journal_say(LOG_LEVEL_ERR, MESSAGE_READY, "%s", text);
	assert_int_equal(errno, ENOENT);
	assert_true(dup2(old, STDERR_FILENO) >= 0);
	count = read(fds[0], buf, size - 1);
	buf[count < 0 ? 0 : count] = '\0';
	close(fds[0]);
	close(fds[1]);
	close(old);
}

static void test_a_journal_that_takes_nothing_does_not_hold_up(void **state)
{
	struct fake_journal *journal = *state;
	char line[256];
	int sent = 0;

	do { /* nobody reads: the queue of the socket is full in the end */
		said_on_stderr("hello", line, sizeof(line));
		assert_true(sent++ < 10000);
	} while (!*line);
	assert_non_null(strstr(line, "hello"));
	while (next_entry(journal))
		;
	said_on_stderr("again", line, sizeof(line));
	assert_string_equal(line, "");
	assert_true(next_entry(journal));
}

static void test_without_a_journal_there_are_lines(void **state)
{
	struct fake_journal *journal = *state;
	char line[256];

	unlink(journal->address.sun_path);
	said_on_stderr("one", line, sizeof(line));
	assert_non_null(strstr(line, "one"));
	journal_close();
	said_on_stderr("two", line, sizeof(line));
	assert_non_null(strstr(line, "two"));
}

static void test_catalog_explains_each_message_and_no_other(void **state)
{
	AUTO_FCLOSE FILE *file = fopen("scripts/uw.catalog", "re");
	unsigned int seen[MESSAGE__COUNT] = {0}, subjects = 0, ids = 0;
	char line[256];

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		subjects += !strncmp(line, "Subject: ", 9);
		if (strncmp(line, "-- ", 3) != 0)
			continue;
		ids++;
		line[strcspn(line, "\n")] = '\0';
		for (int i = 0; i < MESSAGE__COUNT; i++)
			seen[i] += !strcmp(line + 3, journal_message_id((enum message)i));
	}
	assert_int_equal(ids, MESSAGE__COUNT);
	assert_int_equal(subjects, MESSAGE__COUNT);
	for (int i = 0; i < MESSAGE__COUNT; i++)
		assert_int_equal(seen[i], 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_journal_has_one_entry_of_a_finished_action),
		TEST(test_journal_is_as_loud_as_the_action),
		TEST(test_journal_keeps_a_hostile_name_in_its_field),
		TEST(test_journal_leaves_out_what_does_not_fit),
		TEST(test_a_journal_that_takes_nothing_does_not_hold_up),
		TEST(test_without_a_journal_there_are_lines),
		cmocka_unit_test(test_catalog_explains_each_message_and_no_other),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
