// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads the words of a line of plugstack.conf by a table. A word that is not known is an error, as
 * one that is misspelt would else let each step run outside without a sign.
 */
#include "user/slurm/defaults.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/model/job.h"

int slurm_check_component(const char *name, struct uw_err *err)
{
	if (name && text_is_name(name))
		return 0;
	return err_set(err, -EINVAL,
		       "component '%.64s': want the name of a component of uw.conf, up to 31 of "
		       "a-z, 0-9, _ and -",
		       name ? name : "");
}

int slurm_check_key(const char *key, struct uw_err *err)
{
	char own[JOB_KEY_LEN];

	if (key && text_copy(own, sizeof(own), key) && text_is_word(own, sizeof(own)))
		return 0;
	return err_set(err, -EINVAL, "key '%.64s': want 1 to %d letters, digits and _-.:@/+",
		       key ? key : "", JOB_KEY_LEN - 1);
}

int slurm_read_priority(const char *text, uint8_t *ret_priority, struct uw_err *err)
{
	uint64_t number;

	if (text && !units_parse_uint(text, PRIORITY_MIN, PRIORITY_MAX, &number)) {
		*ret_priority = (uint8_t)number;
		return 0;
	}
	return err_set(err, -EINVAL, "priority '%.64s': want %d to %d", text ? text : "",
		       PRIORITY_MIN, PRIORITY_MAX);
}

int slurm_check_priority(const struct slurm_defaults *defaults, uint8_t priority,
			 struct uw_err *err)
{
	if (priority <= defaults->max_priority)
		return 0;
	return err_set(err, -EINVAL, "priority '%d': %d is the largest that may be asked for here",
		       priority, defaults->max_priority);
}

uint8_t slurm_priority_of(const struct slurm_defaults *defaults, uint8_t said)
{
	uint8_t meant = said ? said : JOB_PRIORITY_DEFAULT;

	return meant > defaults->max_priority ? defaults->max_priority : said;
}

/* ---- one word each ---- */

static int read_component(const char *value, struct slurm_defaults *defaults, struct uw_err *err)
{
	int rc = slurm_check_component(value, err);

	if (!rc)
		text_copy(defaults->component, sizeof(defaults->component), value);
	return rc;
}

static int read_socket(const char *value, struct slurm_defaults *defaults, struct uw_err *err)
{
	if (*value == '/' && text_copy(defaults->socket, sizeof(defaults->socket), value))
		return 0;
	return err_set(err, -EINVAL, "socket=%.64s: want a path from /, shorter than %u bytes",
		       value, SLURM_SOCKET_LEN);
}

static int read_max_priority(const char *value, struct slurm_defaults *defaults, struct uw_err *err)
{
	if (slurm_read_priority(value, &defaults->max_priority, err))
		return err_prefix(err, "max-priority");
	return 0;
}

static int read_partition(const char *value, struct slurm_defaults *defaults, struct uw_err *err)
{
	const char *colon = strchr(value, ':');
	size_t length = colon ? (size_t)(colon - value) : 0;
	struct slurm_partition *partition;

	if (!length || length >= SLURM_PARTITION_LEN)
		return err_set(err, -EINVAL,
			       "partition=%.64s: want PARTITION:COMPONENT, of each up to 63 and 31 "
			       "letters",
			       value);
	if (defaults->partition_count == SLURM_PARTITIONS_MAX)
		return err_set(err, -EINVAL, "partition=%.64s: %u have a component already", value,
			       SLURM_PARTITIONS_MAX);
	if (slurm_check_component(colon + 1, err))
		return err_prefix(err, "partition=%.64s", value);
	partition = &defaults->partition[defaults->partition_count++];
	memcpy(partition->name, value, length);
	partition->name[length] = '\0';
	text_copy(partition->component, sizeof(partition->component), colon + 1);
	return 0;
}

/* ---- the line ---- */

static const struct {
	const char *key; /* with its = */
	int (*read)(const char *value, struct slurm_defaults *defaults, struct uw_err *err);
} words[] = {
	{"component=", read_component},
	{"partition=", read_partition},
	{"max-priority=", read_max_priority},
	{"socket=", read_socket},
};

static int read_word(const char *word, struct slurm_defaults *defaults, struct uw_err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t length = strlen(words[i].key);

		if (!strncmp(word, words[i].key, length))
			return words[i].read(word + length, defaults, err);
	}
	return err_set(err, -EINVAL,
		       "'%.64s': there are component=NAME, partition=PARTITION:NAME, "
		       "max-priority=N and socket=PATH",
		       word);
}

int slurm_defaults_read(int argc, char *const *argv, const char *socket,
			struct slurm_defaults *ret_defaults, struct uw_err *err)
{
	struct slurm_defaults defaults = {.max_priority = PRIORITY_MAX};

	text_copy(defaults.socket, sizeof(defaults.socket), socket);
	for (int i = 0; i < argc; i++)
		if (read_word(argv[i], &defaults, err))
			return err_prefix(err, "plugstack.conf: spank_uw.so");
	*ret_defaults = defaults;
	return 0;
}

const char *slurm_component_of(const struct slurm_defaults *defaults, const char *asked,
			       const char *partition)
{
	if (asked)
		return asked;
	for (uint32_t i = 0; partition && i < defaults->partition_count; i++)
		if (!strcmp(defaults->partition[i].name, partition))
			return defaults->partition[i].component;
	return defaults->component;
}
