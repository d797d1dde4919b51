// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * JSON as jansson has it knows one kind of integer, 64 bits with a sign, and text in UTF-8. What
 * uwd and uwctl count is unsigned and may be "max", and the name of a cgroup may be any bytes. What
 * becomes of values that do not fit is decided here, once for both ends.
 */
#include "user/ipc/json.h"

#include <stdlib.h>
#include <string.h>

json_t *json_u64(uint64_t value)
{
	return value > INT64_MAX ? json_null() : json_integer((json_int_t)value);
}

json_t *json_number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

void json_put(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

json_t *json_text(const char *text)
{
	char clean[256];
	size_t i;

	for (i = 0; i < sizeof(clean) - 1 && text[i]; i++) {
		clean[i] = '?';
		if (text[i] >= ' ' && text[i] <= '~')
			clean[i] = text[i];
	}
	clean[i] = '\0';
	return json_string(clean);
}

uint64_t json_get_u64_or(const json_t *object, const char *key, uint64_t otherwise)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return otherwise;
	return (uint64_t)json_integer_value(value);
}

uint64_t json_get_u64(const json_t *object, const char *key)
{
	return json_get_u64_or(object, key, UINT64_MAX);
}

int64_t json_get_i64(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

bool json_get_bool(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

const char *json_get_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* ---- as text ---- */

static int append(const char *bytes, size_t count, void *data)
{
	struct json_writer *to = data;
	size_t size = to->size ? to->size : 4096;
	char *more;

	while (size - to->count < count)
		size *= 2;
	more = size == to->size ? to->bytes : realloc(to->bytes, size);
	if (!more)
		return -1;
	to->bytes = more;
	to->size = size;
	memcpy(more + to->count, bytes, count);
	to->count += count;
	return 0;
}

void json_write(struct json_writer *to, const char *part)
{
	to->failed |= append(part, strlen(part), to) != 0;
}

void json_write_value(struct json_writer *to, json_t *value)
{
	to->failed |= !value ||
		      json_dump_callback(value, append, to, JSON_COMPACT | JSON_ENCODE_ANY) != 0;
	json_decref(value);
}

static void separate(struct json_writer *to)
{
	if (to->count && to->bytes[to->count - 1] != '[')
		json_write(to, ",");
}

void json_write_element(struct json_writer *to, json_t *value)
{
	separate(to);
	json_write_value(to, value);
}

void json_write_list(struct json_writer *to, const struct json_writer *elements)
{
	to->failed |= elements->failed;
	if (!elements->count)
		return;
	separate(to);
	to->failed |= append(elements->bytes, elements->count, to) != 0;
}
