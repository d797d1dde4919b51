// SPDX-License-Identifier: GPL-2.0-or-later
/* Packets of leases: what goes in comes out, and what nobody wrote is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "user/lib/packet.h"

static uint8_t bytes[PACKET_MAX + 1];
static struct packet_out out;
static struct packet_in in;

static const union packet_request grant = {.grant = {
						   .item.cookie = 7,
						   .bytes = 1 << 20,
						   .min_bytes = 5,
						   .timeout_us = 6,
						   .ttl_us = 7,
						   .flags = PACKET_ADAPTIVE | PACKET_OR_NEXT,
						   .priority = 9,
						   .component = "ml_models",
						   .text = "BERT\0nightly,gpu",
					   }};

static const union packet_request task = {.task = {
						  .bytes = 1 << 20,
						  .run_us = 5,
						  .priority = 9,
						  .component = "ml_models",
						  .text = "train",
						  .key = "bert",
					  }};

static const union packet_request big_task = {
	.task = {.component = "ml_models", .key = "bert", .input_bytes = 3ULL << 30}};

static void test_requests_come_out_as_they_went_in(void **state)
{
	union packet_request got;

	(void)state;
	packet_start(&out, bytes, PACKET_REQUESTS);
	for (int op = 0; op < PACKET_OP__COUNT; op++) {
		union packet_request request = {.item.cookie = (uint32_t)op + 1};

		if (op == PACKET_GRANT)
			request = grant;
		if (op == PACKET_RENEW)
			request.lease =
				(struct packet_lease){.item.cookie = 4, .id = 8, .value = 9};
		if (op == PACKET_WATCH)
			strcpy(request.watch.component, "cache");
		if (op == PACKET_TASK_SUBMIT)
			request = task;
		if (op == PACKET_TASK_BEGIN)
			request.begin = (struct packet_begin){.id = 8, .key = "bert"};
		assert_int_equal(packet_add_request(&out, (enum packet_op)op, &request), 0);
	}
	assert_int_equal(packet_open(&in, bytes, out.used), 0);
	for (int op = 0; op < PACKET_OP__COUNT; op++) {
		assert_int_equal(packet_next_request(&in, &got), 1);
		assert_int_equal(got.item.op, op);
		if (op == PACKET_GRANT) {
			assert_int_equal(got.item.cookie, 7);
			assert_memory_equal(&got.grant.bytes, &grant.grant.bytes,
					    sizeof(got.grant) - sizeof(got.item));
		}
		if (op == PACKET_RENEW)
			assert_true(got.lease.id == 8 && got.lease.value == 9);
		if (op == PACKET_WATCH)
			assert_string_equal(got.watch.component, "cache");
		if (op == PACKET_TASK_SUBMIT)
			assert_memory_equal(&got.task.bytes, &task.task.bytes,
					    sizeof(got.task) - sizeof(got.item));
		if (op == PACKET_TASK_BEGIN)
			assert_true(got.begin.id == 8 && !strcmp(got.begin.key, "bert"));
	}
	assert_int_equal(packet_next_request(&in, &got), 0);
}

static void test_answers_come_out_as_they_went_in(void **state)
{
	union packet_answer granted = {.reply = {.item = {PACKET_GRANT, 0, 3},
						 .id = 5,
						 .bytes = 6,
						 .borrowed_bytes = 1,
						 .flags = PACKET_INSIDE}};
	union packet_answer denied = {
		.denial = {.reply = {.item = {PACKET_GRANT, 0, 4}, .outcome = PACKET_DENIED},
			   .reason = "budget",
			   .holder_count = 1,
			   .holder[0] = {7, 8, 9, "cache"},
			   .retry_after_us = 10}};
	union packet_answer report = {.reply = {.item = {PACKET_REPORT, 0, 5}}}, got;
	const char *text;
	size_t length;

	(void)state;
	packet_start(&out, bytes, PACKET_ANSWER);
	assert_int_equal(packet_add_answer(&out, &granted, NULL), 0);
	assert_int_equal(packet_add_answer(&out, &denied, NULL), 0);
	assert_int_equal(packet_add_answer(&out, &report, "{\"v\":1}"), 0);
	assert_int_equal(packet_open(&in, bytes, out.used), 0);
	assert_int_equal(packet_next_answer(&in, &got, &text, &length), 1);
	assert_true(got.reply.id == 5 && got.reply.bytes == 6 && got.reply.borrowed_bytes == 1);
	assert_int_equal(got.reply.flags, PACKET_INSIDE);
	assert_null(text);
	assert_int_equal(packet_next_answer(&in, &got, &text, &length), 1);
	assert_string_equal(got.denial.reason, "budget");
	assert_string_equal(got.denial.holder[0].component, "cache");
	assert_int_equal(got.denial.retry_after_us, 10);
	assert_int_equal(packet_next_answer(&in, &got, &text, &length), 1);
	assert_int_equal(length, 7);
	assert_memory_equal(text, "{\"v\":1}", 7);
	assert_int_equal(packet_next_answer(&in, &got, &text, &length), 0);
}

static void test_look_at_a_task_comes_out_as_it_went_in(void **state)
{
	union packet_answer look = {.look = {.reply = {.item = {PACKET_TASK_LOOK, 0, 3},
						       .flags = PACKET_RUNS | PACKET_FROZEN,
						       .bytes = 6},
					     .reason = "budget",
					     .ahead = 2,
					     .start_in_us = UINT64_MAX,
					     .used_bytes = 4,
					     .peak_bytes = 5,
					     .throttled = 1}};
	union packet_answer gone = {
		.reply = {.item = {PACKET_TASK_LOOK, 0, 4}, .outcome = PACKET_STALE}};
	union packet_answer got;
	const char *text;
	size_t length;

	(void)state;
	packet_start(&out, bytes, PACKET_ANSWER);
	assert_int_equal(packet_add_answer(&out, &look, NULL), 0);
	assert_int_equal(packet_add_answer(&out, &gone, NULL), 0);
	assert_int_equal(packet_open(&in, bytes, out.used), 0);
	assert_int_equal(packet_next_answer(&in, &got, &text, &length), 1);
	assert_memory_equal(&got.look.reply.outcome, &look.look.reply.outcome,
			    sizeof(look.look) - sizeof(look.reply.item));
	assert_int_equal(packet_next_answer(&in, &got, &text, &length), 1);
	assert_int_equal(got.reply.outcome, PACKET_STALE);
	assert_int_equal(packet_next_answer(&in, &got, &text, &length), 0);
	memset(look.look.reason, 'x', sizeof(look.look.reason));
	packet_start(&out, bytes, PACKET_ANSWER);
	assert_int_equal(packet_add_answer(&out, &look, NULL), 0);
	assert_int_equal(packet_open(&in, bytes, out.used), 0);
	assert_int_equal(packet_next_answer(&in, &got, &text, &length), -EBADMSG);
}

static void test_events_come_out_as_they_went_in(void **state)
{
	union packet_event level = {.level = {.component = "cache",
					      .level = 4,
					      .use_permyriad = 9100,
					      .at_us = 55,
					      .emergency_us = 54}};
	union packet_event shrink = {.shrink = {.id = 5,
						.target_bytes = 6,
						.deadline_us = 7,
						.why = "payback",
						.component = "cache"}};
	const size_t head = sizeof(struct packet_item);
	union packet_event got;

	(void)state;
	packet_start(&out, bytes, PACKET_EVENTS);
	assert_int_equal(packet_add_event(&out, PACKET_LEVEL, &level), 0);
	assert_int_equal(packet_add_event(&out, PACKET_SHRINK, &shrink), 0);
	assert_int_equal(packet_open(&in, bytes, out.used), 0);
	assert_int_equal(packet_next_event(&in, &got), 1);
	assert_int_equal(got.item.op, PACKET_LEVEL);
	assert_memory_equal((char *)&got + head, (char *)&level + head, sizeof(level) - head);
	assert_int_equal(packet_next_event(&in, &got), 1);
	assert_int_equal(got.item.op, PACKET_SHRINK);
	assert_memory_equal((char *)&got + head, (char *)&shrink + head, sizeof(shrink) - head);
	assert_int_equal(packet_next_event(&in, &got), 0);
	memset(shrink.shrink.why, 'x', sizeof(shrink.shrink.why));
	packet_start(&out, bytes, PACKET_EVENTS);
	assert_int_equal(packet_add_event(&out, PACKET_SHRINK, &shrink), 0);
	assert_int_equal(packet_open(&in, bytes, out.used), 0);
	assert_int_equal(packet_next_event(&in, &got), -EBADMSG);
}

static void test_packet_takes_512_of_the_longest_and_no_more(void **state)
{
	union packet_answer denied = {.reply.outcome = PACKET_DENIED};

	(void)state;
	packet_start(&out, bytes, PACKET_REQUESTS);
	for (int i = 0; i < 512; i++)
		assert_int_equal(packet_add_request(&out, PACKET_GRANT, &grant), 0);
	assert_int_equal(packet_add_request(&out, PACKET_LIST_END, &grant), -EMSGSIZE);
	packet_start(&out, bytes, PACKET_ANSWER);
	for (int i = 0; i < 512; i++)
		assert_int_equal(packet_add_answer(&out, &denied, NULL), 0);
	assert_int_equal(packet_open(&in, bytes, out.used), 0);
}

/* ---- what nobody wrote ---- */

/* One request, of which the byte at a place is another: what reading it says. */
static int read_bent(enum packet_op op, const union packet_request *request, size_t at, uint8_t to)
{
	union packet_request got;
	int rc;

	packet_start(&out, bytes, PACKET_REQUESTS);
	assert_int_equal(packet_add_request(&out, op, request), 0);
	bytes[at] = to;
	rc = packet_open(&in, bytes, out.used);
	if (!rc)
		rc = packet_next_request(&in, &got);
	return rc < 0 ? rc : packet_next_request(&in, &got);
}

static void test_what_is_bent_is_refused(void **state)
{
	static const union packet_request none;
	const size_t head = sizeof(struct packet_header);
	const struct {
		enum packet_op op;
		size_t at;
		uint8_t to;
	} rows[] = {
		{PACKET_FREE, 0, 'x'}, /* magic */
		{PACKET_FREE, 4, 99},  /* kind */
		{PACKET_FREE, 4, PACKET_ANSWER},
		{PACKET_FREE, 6, 0}, /* count */
		{PACKET_FREE, 6, 2},
		{PACKET_FREE, 7, 3},
		{PACKET_FREE, 8, 1},     /* size */
		{PACKET_FREE, 12, 1},    /* zero */
		{PACKET_FREE, head, 99}, /* op */
		{PACKET_FREE, head, PACKET_GRANT},
		{PACKET_FREE, head + 2, 0}, /* length */
		{PACKET_FREE, head + 2, 16},
		{PACKET_FREE, head + 2, 32},
		{PACKET_FREE, head + offsetof(struct packet_lease, value), 1},
		{PACKET_LIST, head + offsetof(struct packet_lease, value), 1},
		{PACKET_HELLO, head + offsetof(struct packet_hello, flags), 1},
		{PACKET_HELLO, head + offsetof(struct packet_hello, zero), 1},
		{PACKET_GRANT, head + offsetof(struct packet_grant, flags), 0x80},
		{PACKET_GRANT, head + offsetof(struct packet_grant, flags),
		 PACKET_DRAWN | PACKET_ADAPTIVE},
		{PACKET_GRANT, head + offsetof(struct packet_grant, flags),
		 PACKET_DRAWN | PACKET_OR_NEXT},
		{PACKET_GRANT, head + offsetof(struct packet_grant, flags),
		 PACKET_CREDIT | PACKET_REVOCABLE},
		{PACKET_WATCH, head + offsetof(struct packet_watch, on), 2},
		{PACKET_WATCH, head + offsetof(struct packet_watch, zero), 2},
		{PACKET_POOL_CREATE, head + offsetof(struct packet_grant, flags), 1},
		{PACKET_POOL_OFFER, head + offsetof(struct packet_lease, value), 1},
		{PACKET_POOL_ATTACH, head + offsetof(struct packet_attach, flags), 1},
		{PACKET_POOL_SHARE, head + offsetof(struct packet_share, zero), 1},
		{PACKET_TASK_SUBMIT, head + offsetof(struct packet_task, flags), PACKET_ADAPTIVE},
		{PACKET_TASK_WITHDRAW, head + offsetof(struct packet_lease, id), 1},
		{PACKET_TASK_END, head + offsetof(struct packet_lease, value), 1},
	};

	(void)state;
	assert_int_equal(read_bent(PACKET_FREE, &none, head + 8, 1), 0);
	assert_int_equal(read_bent(PACKET_GRANT, &none, head + offsetof(struct packet_grant, flags),
				   PACKET_CREDIT),
			 0);
	assert_int_equal(read_bent(PACKET_GRANT, &none, head + offsetof(struct packet_grant, flags),
				   PACKET_DRAWN | PACKET_REVOCABLE),
			 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(read_bent(rows[i].op, &none, rows[i].at, rows[i].to), -EBADMSG);
}

/* ---- items of two lengths ---- */

/* One request, written and read again; its length, and its input as it came out. */
static uint16_t length_of(enum packet_op op, const union packet_request *request,
			  uint64_t *ret_input_bytes)
{
	union packet_request got;

	packet_start(&out, bytes, PACKET_REQUESTS);
	assert_int_equal(packet_add_request(&out, op, request), 0);
	assert_int_equal(packet_open(&in, bytes, out.used), 0);
	assert_int_equal(packet_next_request(&in, &got), 1);
	assert_string_equal(op == PACKET_TASK_SUBMIT ? got.task.key : got.begin.key, "bert");
	*ret_input_bytes = op == PACKET_TASK_SUBMIT ? got.task.input_bytes : got.begin.input_bytes;
	return got.item.length;
}

/* What earlier clients send, and earlier servers take. */
static void test_task_is_longer_only_where_it_names_its_input(void **state)
{
	union packet_request begin = {.begin = {.id = 8, .key = "bert"}};
	uint64_t input_bytes;

	(void)state;
	assert_int_equal(length_of(PACKET_TASK_SUBMIT, &task, &input_bytes), 208);
	assert_int_equal(input_bytes, 0);
	assert_int_equal(length_of(PACKET_TASK_SUBMIT, &big_task, &input_bytes), 216);
	assert_true(input_bytes == big_task.task.input_bytes);
	assert_int_equal(length_of(PACKET_TASK_BEGIN, &begin, &input_bytes), 80);
	assert_int_equal(input_bytes, 0);
	begin.begin.input_bytes = 5;
	assert_int_equal(length_of(PACKET_TASK_BEGIN, &begin, &input_bytes), 88);
	assert_int_equal(input_bytes, 5);
}

/* A task with an input, as if it were that long. */
static int read_as_long(uint16_t length)
{
	struct packet_header header;
	union packet_request got;

	packet_start(&out, bytes, PACKET_REQUESTS);
	assert_int_equal(packet_add_request(&out, PACKET_TASK_SUBMIT, &big_task), 0);
	memset(bytes + out.used, 0, 64);
	memcpy(bytes + sizeof(header) + offsetof(struct packet_item, length), &length,
	       sizeof(length));
	memcpy(&header, bytes, sizeof(header));
	header.size = (uint32_t)sizeof(header) + length;
	memcpy(bytes, &header, sizeof(header));
	assert_int_equal(packet_open(&in, bytes, header.size), 0);
	return packet_next_request(&in, &got);
}

static void test_task_of_another_length_is_refused(void **state)
{
	const uint16_t lengths[] = {8, 88, 200, 224, 232, 264};

	(void)state;
	assert_int_equal(read_as_long(208), 1);
	assert_int_equal(read_as_long(216), 1);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		assert_int_equal(read_as_long(lengths[i]), -EBADMSG);
}

/* One that says that nobody knows is shorter. */
static void test_input_of_no_size_is_refused(void **state)
{
	union packet_request request = task;

	(void)state;
	request.task.input_bytes = 7;
	assert_int_equal(
		read_bent(PACKET_TASK_SUBMIT, &request,
			  sizeof(struct packet_header) + offsetof(struct packet_task, input_bytes),
			  0),
		-EBADMSG);
}

static void test_text_without_an_end_is_refused(void **state)
{
	union packet_request bad = grant;

	(void)state;
	memset(bad.grant.component, 'x', PACKET_NAME_LEN);
	assert_int_equal(read_bent(PACKET_GRANT, &bad, 0, 'u'), -EBADMSG);
	bad = grant;
	memset(bad.grant.text, 'x', PACKET_TEXT_LEN);
	assert_int_equal(read_bent(PACKET_GRANT, &bad, 0, 'u'), -EBADMSG);
	bad.grant.text[4] = '\0';
	assert_int_equal(read_bent(PACKET_GRANT, &bad, 0, 'u'), -EBADMSG);
	bad.grant.text[PACKET_TEXT_LEN - 1] = '\0';
	assert_int_equal(read_bent(PACKET_GRANT, &bad, 0, 'u'), 0);
	memset(bad.grant.text, 'x', PACKET_TEXT_LEN - 1); /* no tags, and no room for any */
	assert_int_equal(read_bent(PACKET_GRANT, &bad, 0, 'u'), 0);
	memset(bad.watch.component, 'x', PACKET_NAME_LEN);
	assert_int_equal(read_bent(PACKET_WATCH, &bad, 0, 'u'), -EBADMSG);
	bad = task;
	memset(bad.task.component, 'x', PACKET_NAME_LEN);
	assert_int_equal(read_bent(PACKET_TASK_SUBMIT, &bad, 0, 'u'), -EBADMSG);
	bad = task;
	memset(bad.task.text, 'x', PACKET_TEXT_LEN);
	assert_int_equal(read_bent(PACKET_TASK_SUBMIT, &bad, 0, 'u'), -EBADMSG);
	bad = task;
	memset(bad.task.key, 'x', PACKET_KEY_LEN);
	assert_int_equal(read_bent(PACKET_TASK_SUBMIT, &bad, 0, 'u'), -EBADMSG);
	memset(bad.begin.key, 'x', PACKET_KEY_LEN);
	assert_int_equal(read_bent(PACKET_TASK_BEGIN, &bad, 0, 'u'), -EBADMSG);
}

static void test_cut_packet_is_refused(void **state)
{
	(void)state;
	packet_start(&out, bytes, PACKET_REQUESTS);
	assert_int_equal(packet_add_request(&out, PACKET_GRANT, &grant), 0);
	for (size_t size = 0; size < out.used; size++)
		assert_int_equal(packet_open(&in, bytes, size), -EBADMSG);
	assert_int_equal(packet_open(&in, bytes, out.used + 1), -EBADMSG);
	assert_int_equal(packet_open(&in, bytes, PACKET_MAX + 1), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_come_out_as_they_went_in),
		cmocka_unit_test(test_answers_come_out_as_they_went_in),
		cmocka_unit_test(test_look_at_a_task_comes_out_as_it_went_in),
		cmocka_unit_test(test_events_come_out_as_they_went_in),
		cmocka_unit_test(test_packet_takes_512_of_the_longest_and_no_more),
		cmocka_unit_test(test_what_is_bent_is_refused),
		cmocka_unit_test(test_task_is_longer_only_where_it_names_its_input),
		cmocka_unit_test(test_task_of_another_length_is_refused),
		cmocka_unit_test(test_input_of_no_size_is_refused),
		cmocka_unit_test(test_text_without_an_end_is_refused),
		cmocka_unit_test(test_cut_packet_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
