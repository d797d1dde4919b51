// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/ipc/json.h"
#include "user/ipc/service.h"
#include "user/ipc/wire.h"

/* ---- framing ---- */

static void test_wire_message_split_at_every_byte_arrives_whole(void **state)
{
	static const char bytes[] = "{\"method\":\"a.b.C\"}";

	(void)state;
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		struct wire_reader reader = {0};
		AUTO_JSON json_t *message = NULL;

		assert_int_equal(wire_reader_feed(&reader, bytes, cut), 0);
		if (cut < sizeof(bytes)) {
			assert_int_equal(wire_reader_next(&reader, &message, NULL), 0);
			assert_int_equal(
				wire_reader_feed(&reader, bytes + cut, sizeof(bytes) - cut), 0);
		}
		assert_int_equal(wire_reader_next(&reader, &message, NULL), 1);
		assert_string_equal(json_get_text(message, "method"), "a.b.C");
		assert_false(wire_reader_has_message(&reader));
		wire_reader_done(&reader);
	}
}

static void test_wire_many_messages_come_out_in_order(void **state)
{
	struct wire_reader reader = {0};

	(void)state;
	for (int round = 0; round < 100; round++) {
		assert_int_equal(wire_reader_feed(&reader, "{\"a\":1}\0{\"a\":2}\0{\"a", 19), 0);
		for (int i = 1; i <= 2; i++) {
			AUTO_JSON json_t *message = NULL;

			assert_int_equal(wire_reader_next(&reader, &message, NULL), 1);
			assert_int_equal(json_get_i64(message, "a"), i);
		}
		assert_int_equal(wire_reader_feed(&reader, "\":3}", 5), 0);
		{
			AUTO_JSON json_t *message = NULL;

			assert_int_equal(wire_reader_next(&reader, &message, NULL), 1);
			assert_int_equal(json_get_i64(message, "a"), 3);
			assert_int_equal(wire_reader_next(&reader, &message, NULL), 0);
		}
	}
	wire_reader_done(&reader);
}

static void test_wire_hostile_bytes_are_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"null",
		"[]",
		"3",
		"\"x\"",
		"{",
		"{}}",
		"{\"a\":1,\"a\":2}",
		"{\"a\":\"\\ud800\"}",
		"{\"a\":\"\xff\"}",
		"{\"a\":1e999}",
		"{\"a\":99999999999999999999}",
		"{\"a\":\"\\u0000\"}",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct wire_reader reader = {0};
		struct uw_err err = {0};
		json_t *message = NULL;

		assert_int_equal(wire_reader_feed(&reader, rows[i], strlen(rows[i]) + 1), 0);
		assert_int_equal(wire_reader_next(&reader, &message, &err), -EBADMSG);
		assert_null(message);
		assert_true(*err.text);
		wire_reader_done(&reader);
	}
}

static void test_wire_endless_message_stops_at_the_limit(void **state)
{
	struct wire_reader reader = {.limit = 8192};
	char chunk[4096];

	(void)state;
	memset(chunk, ' ', sizeof(chunk));
	assert_int_equal(wire_reader_feed(&reader, chunk, sizeof(chunk)), 0);
	assert_int_equal(wire_reader_feed(&reader, chunk, sizeof(chunk)), 0);
	assert_int_equal(wire_reader_feed(&reader, chunk, 1), -EMSGSIZE);
	wire_reader_done(&reader);
}

static void test_wire_depth_ignores_brackets_in_strings(void **state)
{
	static const struct {
		const char *text;
		size_t depth;
	} rows[] = {
		{"", 0},
		{"{}", 1},
		{"{\"a\":[{}]}", 3},
		{"{\"[[[[\":\"{{{{\"}", 1},
		{"{\"\\\"[\":1}", 1},
		{"]]]]{", 1},
		{"{}{}{}", 1},
		{"\"\\", 0},
	};
	size_t nodes;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(wire_depth(rows[i].text, strlen(rows[i].text), &nodes),
				 rows[i].depth);
}

static void test_wire_encode_then_decode_keeps_everything(void **state)
{
	AUTO_JSON json_t *message = json_pack("{s:I, s:n, s:s}", "big", INT64_MAX, "none", "text",
					      "tab\t quote\" \u00e9");
	AUTO_JSON json_t *back = NULL;
	AUTO_FREE char *bytes = NULL;
	struct wire_reader reader = {0};
	size_t count;

	(void)state;
	assert_int_equal(wire_encode(message, &bytes, &count), 0);
	assert_int_equal(bytes[count - 1], '\0');
	assert_int_equal(strlen(bytes), count - 1);
	assert_int_equal(wire_reader_feed(&reader, bytes, count), 0);
	assert_int_equal(wire_reader_next(&reader, &back, NULL), 1);
	assert_true(json_equal(message, back));
	wire_reader_done(&reader);
}

/* ---- the service: rights, errors, introspection ---- */

static void handle_echo(void *data, const struct ipc_call *call, struct ipc_answer *answer)
{
	(*(int *)data)++;
	answer->parameters = json_pack("{s:s}", "method", ipc_method_row(call->method)->name);
	answer->follow = true;
}

static const struct ipc_peer root = {.uid = 0, .member = true};
static const struct ipc_peer member = {.uid = 1000, .member = true};
static const struct ipc_peer stranger = {.uid = 1001};

/* Answers text as peer and returns the reply; handled counts calls of the handler. */
static json_t *answer(const struct ipc_peer *peer, const char *text, int *ret_status,
		      int *ret_follow, int *handled)
{
	struct ipc_server_conf conf = {
		.version = "1.2.3",
		.handle = handle_echo,
		.data = handled,
	};
	AUTO_JSON json_t *message = json_loads(text, 0, NULL);
	AUTO_FREE char *bytes = NULL;
	size_t count = 0;

	assert_non_null(message);
	*ret_follow = SERVICE_NO_FOLLOW;
	*ret_status = service_answer(&conf, peer, 1, message, false, &bytes, &count, ret_follow);
	return bytes ? json_loads(bytes, 0, NULL) : NULL;
}

static void test_service_rights_follow_the_table(void **state)
{
	static const struct {
		const struct ipc_peer *peer;
		const char *call;
		const char *error; /* NULL: answered */
	} rows[] = {
		{&root, "{\"method\":\"io.uwctl.Control.Status\"}", NULL},
		{&root, "{\"method\":\"io.uwctl.Control.Freeze\"}", NULL},
		{&member, "{\"method\":\"io.uwctl.Control.Status\"}", NULL},
		{&member, "{\"method\":\"io.uwctl.Control.Config\"}", NULL},
		{&member, "{\"method\":\"io.uwctl.Control.Freeze\"}", IPC_ERROR_NOT_PERMITTED},
		{&member, "{\"method\":\"io.uwctl.Control.Reload\"}", IPC_ERROR_NOT_PERMITTED},
		{&stranger, "{\"method\":\"io.uwctl.Control.Status\"}", IPC_ERROR_NOT_PERMITTED},
		{&stranger, "{\"method\":\"org.varlink.service.GetInfo\"}", NULL},
		{&root, "{\"method\":\"io.uwctl.Control.Nothing\"}", IPC_ERROR_NO_METHOD},
		{&root, "{\"method\":\"io.uwctl.ControlStatus\"}", IPC_ERROR_NO_METHOD},
		{&root, "{\"method\":\"\"}", IPC_ERROR_NO_METHOD},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int status, follow, handled = 0;
		AUTO_JSON json_t *reply =
			answer(rows[i].peer, rows[i].call, &status, &follow, &handled);

		assert_non_null(reply);
		assert_true(json_is_object(json_object_get(reply, "parameters")));
		assert_string_equal(json_get_text(reply, "error"), rows[i].error ?: "");
		if (rows[i].error)
			assert_int_equal(handled, 0);
	}
}

static void test_service_what_is_no_call_is_out_of_step(void **state)
{
	static const char *const rows[] = {
		"{}",
		"{\"method\":3}",
		"{\"parameters\":{}}",
		"{\"method\":\"io.uwctl.Control.Status\",\"parameters\":[]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int status, follow, handled = 0;
		AUTO_JSON json_t *reply = answer(&root, rows[i], &status, &follow, &handled);

		assert_null(reply);
		assert_int_equal(status, -EBADMSG);
		assert_int_equal(handled, 0);
	}
}

static void test_service_follow_wants_more(void **state)
{
	int status, follow, handled = 0;
	AUTO_JSON json_t *once =
		answer(&root, "{\"method\":\"io.uwctl.Control.Log\"}", &status, &follow, &handled);

	(void)state;
	assert_int_equal(follow, SERVICE_NO_FOLLOW);
	assert_null(json_object_get(once, "continues"));
	AUTO_JSON json_t *more =
		answer(&root, "{\"method\":\"io.uwctl.Control.Log\",\"more\":true}", &status,
		       &follow, &handled);

	assert_int_equal(follow, IPC_LOG);
	assert_true(json_get_bool(more, "continues"));
	AUTO_JSON json_t *none =
		answer(&root, "{\"method\":\"io.uwctl.Control.Log\",\"more\":true,\"oneway\":true}",
		       &status, &follow, &handled);

	assert_null(none);
	assert_int_equal(status, 0);
	assert_int_equal(follow, SERVICE_NO_FOLLOW);
	assert_int_equal(handled, 3);
}

static void test_service_describes_every_method(void **state)
{
	int status, follow, handled = 0;
	AUTO_JSON json_t *reply =
		answer(&stranger,
		       "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		       "\"parameters\":{\"interface\":\"io.uwctl.Control\"}}",
		       &status, &follow, &handled);
	const char *text = json_get_text(json_object_get(reply, "parameters"), "description");

	(void)state;
	assert_non_null(strstr(text, "interface io.uwctl.Control\n"));
	for (int i = 0; i < IPC_METHOD__COUNT; i++) {
		char line[64], full[96];

		snprintf(line, sizeof(line), "\nmethod %s(",
			 ipc_method_row((enum ipc_method)i)->name);
		assert_non_null(strstr(text, line));
		snprintf(full, sizeof(full), "%s.%s", IPC_INTERFACE,
			 ipc_method_row((enum ipc_method)i)->name);
		assert_int_equal(ipc_method_find(full), i);
	}
}

/* Types, methods and errors of an interface share one space of names. */
static void test_interface_defines_each_name_once(void **state)
{
	AUTO_FREE char *text = ipc_interface_text();
	char names[128][32];
	size_t count = 0;

	(void)state;
	assert_non_null(text);
	for (const char *line = text; line; line = strchr(line, '\n')) {
		char word[8];

		line += *line == '\n';
		if (*line == '\n' || sscanf(line, "%7s %31[A-Za-z]", word, names[count]) != 2 ||
		    (strcmp(word, "type") && strcmp(word, "method") && strcmp(word, "error")))
			continue;
		for (size_t i = 0; i < count; i++)
			assert_string_not_equal(names[i], names[count]);
		count++;
	}
	assert_true(count > IPC_METHOD__COUNT + 8);
}

static bool interface_has(const char *words)
{
	AUTO_FREE char *text = ipc_interface_text();

	return text && strstr(text, words);
}

/* Words behind a colon are types: Varlink's own, the first of an enum, or defined in the interface.
 */
static void test_interface_names_no_type_that_is_not_defined(void **state)
{
	static const char *const own[] = {"int", "string", "bool", "at_least", "calm"};
	AUTO_FREE char *text = ipc_interface_text();
	size_t count = 0;

	(void)state;
	assert_non_null(text);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		for (char *at = *line == '#' ? NULL : strchr(line, ':'); at; at = strchr(at, ':')) {
			char name[32], definition[48];
			bool known = false;

			at += 1 + strspn(at + 1, " ?[](");
			snprintf(name, sizeof(name), "%.*s",
				 (int)strspn(at, "abcdefghijklmnopqrstuvwxyz_"
						 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
				 at);
			for (size_t i = 0; i < ARRAY_SIZE(own); i++)
				known |= !strcmp(own[i], name);
			snprintf(definition, sizeof(definition), "\ntype %s (", name);
			count += !known;
			if (!known && !interface_has(definition))
				fail_msg("no type %s: %s", name, line);
		}
	}
	assert_true(count > 30);
}

static void test_json_u64_beyond_int64_is_null(void **state)
{
	AUTO_JSON json_t *object =
		json_pack("{s:o, s:o, s:i, s:s}", "max", json_u64(UINT64_MAX), "largest",
			  json_u64(INT64_MAX), "below", -1, "text", "7");

	(void)state;
	assert_true(json_is_null(json_object_get(object, "max")));
	assert_true(json_get_u64(object, "max") == UINT64_MAX);
	assert_true(json_get_u64(object, "largest") == INT64_MAX);
	assert_int_equal(json_get_u64_or(object, "below", 5), 5);
	assert_int_equal(json_get_u64_or(object, "text", 6), 6);
	assert_int_equal(json_get_u64_or(object, "none", 7), 7);
	assert_string_equal(json_get_text(object, "none"), "");
}

static void test_json_text_from_outside_is_made_printable(void **state)
{
	static const struct {
		const char *text, *clean;
	} rows[] = {
		{"hog-1", "hog-1"},
		{"", ""},
		{"a\xff\x80", "a??"},
		{"\033[31mred\n", "?[31mred?"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_JSON json_t *clean = json_text(rows[i].text);

		assert_string_equal(json_string_value(clean), rows[i].clean);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wire_message_split_at_every_byte_arrives_whole),
		cmocka_unit_test(test_wire_many_messages_come_out_in_order),
		cmocka_unit_test(test_wire_hostile_bytes_are_refused),
		cmocka_unit_test(test_wire_endless_message_stops_at_the_limit),
		cmocka_unit_test(test_wire_depth_ignores_brackets_in_strings),
		cmocka_unit_test(test_wire_encode_then_decode_keeps_everything),
		cmocka_unit_test(test_service_rights_follow_the_table),
		cmocka_unit_test(test_service_what_is_no_call_is_out_of_step),
		cmocka_unit_test(test_service_follow_wants_more),
		cmocka_unit_test(test_service_describes_every_method),
		cmocka_unit_test(test_interface_defines_each_name_once),
		cmocka_unit_test(test_interface_names_no_type_that_is_not_defined),
		cmocka_unit_test(test_json_text_from_outside_is_made_printable),
		cmocka_unit_test(test_json_u64_beyond_int64_is_null),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
