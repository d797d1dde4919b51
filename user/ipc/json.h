/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The few things about jansson objects that both ends of the socket say often: ownership in a
 * local, absent numbers, and typed reads that have a default.
 */
#ifndef UW_IPC_JSON_H
#define UW_IPC_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void cleanup_json(json_t **json)
{
	json_decref(*json);
}

#define AUTO_JSON __attribute__((cleanup(cleanup_json)))

/* A JSON integer, or null when value does not fit into one: "max" and "never" are UINT64_MAX. */
json_t *json_u64(uint64_t value);

/* A JSON integer in any case: what does not fit into one is the largest that does. */
json_t *json_number(uint64_t value);

/* Sets key, and takes value; keys stand in an object in the order in which they are set. */
void json_put(json_t *object, const char *key, json_t *value);

/* A JSON string of text from outside (a cgroup's name): what cannot be printed or is not UTF-8 is
 * '?', up to 255 bytes. */
json_t *json_text(const char *text);

/* The reverse of json_u64: null, a missing key and what is no natural number are UINT64_MAX or
 * otherwise. */
uint64_t json_get_u64(const json_t *object, const char *key);
uint64_t json_get_u64_or(const json_t *object, const char *key, uint64_t otherwise);
int64_t json_get_i64(const json_t *object, const char *key);
bool json_get_bool(const json_t *object, const char *key);

/* JSON that is written out as it is made, so that what is long is neither made nor written in one
 * go. All zero is empty. Want of memory is noted, and the text is of no use then. */
struct json_writer {
	char *bytes;
	size_t count, size;
	bool failed;
};

void json_write(struct json_writer *to, const char *part);
/* Takes value; the second puts a comma before it where the text does not end in '['. */
void json_write_value(struct json_writer *to, json_t *value);
void json_write_element(struct json_writer *to, json_t *value);

/* Elements that were written to another one, behind those that are there. */
void json_write_list(struct json_writer *to, const struct json_writer *elements);

/* Never NULL: "" when there is no string of that key. Lives as long as object. */
const char *json_get_text(const json_t *object, const char *key);

#endif
