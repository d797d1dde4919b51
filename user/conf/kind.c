// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parses the value of an option, prints it so that it reads back to the same, and puts into words
 * what is allowed. There is one row for each kind of value (bytes, shares, times, words); an
 * option names its kind and its range in option.c, and nothing here knows single options.
 */
#include "user/conf/option.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/text.h"
#include "user/base/units.h"

#define DAY_US     (24 * 3600 * US_PER_SEC)
#define EDGE_COUNT (LEVEL__COUNT - 1) /* normal has none */

_Static_assert(sizeof(enum protect) == sizeof(uint32_t), "KIND_WORD writes a uint32_t");
_Static_assert(sizeof(enum kill_rule) == sizeof(uint32_t), "KIND_WORD writes a uint32_t");
_Static_assert(sizeof(enum lru_gen_rule) == sizeof(uint32_t), "KIND_WORD writes a uint32_t");
_Static_assert(sizeof(enum sense_pages) == sizeof(uint32_t), "KIND_WORD writes a uint32_t");
_Static_assert(sizeof(enum strategy) == sizeof(uint32_t), "KIND_WORD writes a uint32_t");
_Static_assert(sizeof(enum footprints) == sizeof(uint32_t), "KIND_WORD writes a uint32_t");
_Static_assert(sizeof(enum outgrown) == sizeof(uint32_t), "KIND_WORD writes a uint32_t");

struct value_kind {
	int (*parse)(const struct option *option, const char *text, void *field);
	bool (*print)(const struct option *option, const void *field, char *buf, size_t size);
	void (*allowed)(const struct option *option, char *buf, size_t size);
};

struct kind_unit {
	uint64_t multiplier;
	const char *name;
};

/* The largest unit that divides value, so that nothing is lost: "1536M", "1500ms". */
static void print_exact(uint64_t value, const struct kind_unit *units, size_t count, char *buf,
			size_t size)
{
	size_t i = 0;

	while (i + 1 < count && value % units[i].multiplier)
		i++;
	snprintf(buf, size, "%" PRIu64 "%s", value / units[i].multiplier,
		 value ? units[i].name : "");
}

static void print_bytes(uint64_t bytes, char *buf, size_t size)
{
	static const struct kind_unit units[] = {
		{1024 * GIB, "T"}, {GIB, "G"}, {MIB, "M"}, {KIB, "K"}, {1, "B"},
	};

	print_exact(bytes, units, ARRAY_SIZE(units), buf, size);
}

static void print_us(uint64_t us, char *buf, size_t size)
{
	static const struct kind_unit units[] = {
		{DAY_US, "d"},     {3600 * US_PER_SEC, "h"}, {60 * US_PER_SEC, "min"},
		{US_PER_SEC, "s"}, {US_PER_MS, "ms"},        {1, "us"},
	};

	if (us < 2 * DAY_US) /* a day is said as 24h */
		print_exact(us, units + 1, ARRAY_SIZE(units) - 1, buf, size);
	else
		print_exact(us, units, ARRAY_SIZE(units), buf, size);
}

static int in_range(const struct option *option, uint64_t value)
{
	return value < option->min || value > option->max ? -ERANGE : 0;
}

static int parse_bytes(const struct option *option, const char *text, uint64_t *ret_bytes)
{
	uint64_t bytes;
	int rc = units_parse_bytes(text, &bytes);

	if (!rc)
		rc = in_range(option, bytes);
	if (!rc)
		*ret_bytes = bytes;
	return rc;
}

static int parse_permyriad(const struct option *option, const char *text, uint32_t *ret_permyriad)
{
	uint32_t permyriad;
	int rc = units_parse_permyriad(text, &permyriad);

	if (!rc)
		rc = in_range(option, permyriad);
	if (!rc)
		*ret_permyriad = permyriad;
	return rc;
}

/* Where the first word means none of it, "no" is understood for it. */
static bool means_no(const char *word)
{
	return !strcmp(word, "no") || !strcmp(word, "off") || !strcmp(word, "none");
}

static int usable_parse(const struct option *option, const char *text, void *field)
{
	size_t len = strlen(text);
	struct config *config = field;
	uint64_t bytes = 0;
	uint32_t permyriad = 0;
	int rc = 0;

	if (len && text[len - 1] == '%') {
		rc = units_parse_permyriad(text, &permyriad);
		if (!rc && !permyriad)
			rc = -ERANGE;
	} else if (strcmp(text, "auto")) {
		rc = parse_bytes(option, text, &bytes);
	}
	if (rc)
		return rc;
	config->usable_conf_bytes = bytes;
	config->usable_conf_permyriad = permyriad;
	return 0;
}

static bool usable_print(const struct option *option, const void *field, char *buf, size_t size)
{
	const struct config *config = field;
	char text[UNITS_TEXT_LEN];

	(void)option;
	if (config->usable_conf_bytes)
		print_bytes(config->usable_conf_bytes, buf, size);
	else if (config->usable_conf_permyriad)
		text_copy(buf, size, units_print_permyriad(config->usable_conf_permyriad, text));
	else
		text_copy(buf, size, "auto");
	return true;
}

static void bytes_allowed(const struct option *option, char *buf, size_t size)
{
	char min[UNITS_TEXT_LEN], max[UNITS_TEXT_LEN];

	print_bytes(option->min, min, sizeof(min));
	print_bytes(option->max, max, sizeof(max));
	snprintf(buf, size, "a size from %s to %s", min, max);
}

static void usable_allowed(const struct option *option, char *buf, size_t size)
{
	char range[CONF_ALLOWED_LEN];

	bytes_allowed(option, range, sizeof(range));
	snprintf(buf, size, "auto, a percentage of MemTotal or %s", range);
}

static int share_parse(const struct option *option, const char *text, void *field)
{
	struct component *component = field;
	int rc = parse_permyriad(option, text, &component->share_permyriad);

	if (!rc)
		component->budget_bytes = 0;
	return rc;
}

static int budget_parse(const struct option *option, const char *text, void *field)
{
	struct component *component = field;
	int rc = parse_bytes(option, text, &component->budget_bytes);

	if (!rc)
		component->share_permyriad = 0;
	return rc;
}

static bool share_print(const struct option *option, const void *field, char *buf, size_t size)
{
	const struct component *component = field;
	char text[UNITS_TEXT_LEN];

	(void)option;
	if (!component->share_permyriad)
		return false;
	return text_copy(buf, size, units_print_permyriad(component->share_permyriad, text));
}

/* Once shares are resolved both are set, and the share is what was configured. */
static bool budget_print(const struct option *option, const void *field, char *buf, size_t size)
{
	const struct component *component = field;

	(void)option;
	if (component->share_permyriad || !component->budget_bytes)
		return false;
	print_bytes(component->budget_bytes, buf, size);
	return true;
}

static int bytes_parse(const struct option *option, const char *text, void *field)
{
	return parse_bytes(option, text, field);
}

static bool bytes_print(const struct option *option, const void *field, char *buf, size_t size)
{
	(void)option;
	print_bytes(*(const uint64_t *)field, buf, size);
	return true;
}

static int some_parse(const struct option *option, const char *text, void *field)
{
	if (!means_no(text))
		return parse_bytes(option, text, field);
	*(uint64_t *)field = 0;
	return 0;
}

static bool some_print(const struct option *option, const void *field, char *buf, size_t size)
{
	if (*(const uint64_t *)field)
		return bytes_print(option, field, buf, size);
	return text_copy(buf, size, "no");
}

static void some_allowed(const struct option *option, char *buf, size_t size)
{
	char range[CONF_ALLOWED_LEN];

	bytes_allowed(option, range, sizeof(range));
	snprintf(buf, size, "no or %s", range);
}

static int us_parse(const struct option *option, const char *text, void *field)
{
	uint64_t us;
	int rc = units_parse_us(text, &us);

	if (!rc)
		rc = in_range(option, us);
	if (!rc)
		*(uint64_t *)field = us;
	return rc;
}

static bool us_print(const struct option *option, const void *field, char *buf, size_t size)
{
	(void)option;
	print_us(*(const uint64_t *)field, buf, size);
	return true;
}

static void us_allowed(const struct option *option, char *buf, size_t size)
{
	char min[UNITS_TEXT_LEN], max[UNITS_TEXT_LEN];

	print_us(option->min, min, sizeof(min));
	print_us(option->max, max, sizeof(max));
	snprintf(buf, size, "a time from %s to %s", min, max);
}

static int permyriad_parse(const struct option *option, const char *text, void *field)
{
	return parse_permyriad(option, text, field);
}

static bool permyriad_print(const struct option *option, const void *field, char *buf, size_t size)
{
	char text[UNITS_TEXT_LEN];

	(void)option;
	return text_copy(buf, size, units_print_permyriad(*(const uint32_t *)field, text));
}

static void permyriad_allowed(const struct option *option, char *buf, size_t size)
{
	char min[UNITS_TEXT_LEN], max[UNITS_TEXT_LEN];

	units_print_permyriad(option->min, min);
	units_print_permyriad(option->max, max);
	snprintf(buf, size, "a percentage from %s to %s", min, max);
}

static int percent_parse(const struct option *option, const char *text, void *field)
{
	uint32_t permyriad;
	int rc = units_parse_permyriad(text, &permyriad);

	if (!rc && permyriad % 100)
		rc = -EINVAL;
	if (!rc)
		rc = in_range(option, permyriad / 100);
	if (!rc)
		*(uint32_t *)field = permyriad / 100;
	return rc;
}

static bool percent_print(const struct option *option, const void *field, char *buf, size_t size)
{
	(void)option;
	snprintf(buf, size, "%" PRIu32 "%%", *(const uint32_t *)field);
	return true;
}

static void percent_allowed(const struct option *option, char *buf, size_t size)
{
	snprintf(buf, size, "a whole percentage from %" PRIu64 "%% to %" PRIu64 "%%", option->min,
		 option->max);
}

static int count_parse(const struct option *option, const char *text, void *field)
{
	uint64_t value;
	int rc = units_parse_uint(text, option->min, option->max, &value);

	if (!rc)
		*(uint32_t *)field = (uint32_t)value;
	return rc;
}

static bool count_print(const struct option *option, const void *field, char *buf, size_t size)
{
	(void)option;
	snprintf(buf, size, "%" PRIu32, *(const uint32_t *)field);
	return true;
}

static void count_allowed(const struct option *option, char *buf, size_t size)
{
	snprintf(buf, size, "a number from %" PRIu64 " to %" PRIu64, option->min, option->max);
}

static int bool_parse(const struct option *option, const char *text, void *field)
{
	int value;
	int rc = units_parse_bool(text, &value);

	(void)option;
	if (!rc)
		*(bool *)field = value;
	return rc;
}

static bool bool_print(const struct option *option, const void *field, char *buf, size_t size)
{
	(void)option;
	return text_copy(buf, size, *(const bool *)field ? "yes" : "no");
}

static void bool_allowed(const struct option *option, char *buf, size_t size)
{
	(void)option;
	text_copy(buf, size, "yes or no");
}

static int word_parse(const struct option *option, const char *text, void *field)
{
	uint32_t value = 0;

	if (strcmp(text, "no") || !means_no(option->word(0)))
		while (value <= option->max && strcmp(text, option->word(value)))
			value++;
	if (value > option->max)
		return -EINVAL;
	*(uint32_t *)field = value;
	return 0;
}

static bool word_print(const struct option *option, const void *field, char *buf, size_t size)
{
	return text_copy(buf, size, option->word(*(const uint32_t *)field));
}

static void word_allowed(const struct option *option, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (uint32_t i = 0; i <= option->max && len < size; i++) {
		const char *before = !i ? "" : i == option->max ? " or " : ", ";
		int n = snprintf(buf + len, size - len, "%s%s", before, option->word(i));

		len += n < 0 ? 0 : (size_t)n;
	}
}

/* "uw", "uw.slice/pool": parts that neither begin with a dot or dash nor are empty. */
static bool is_root_path(const char *text)
{
	static const char first[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	static const char later[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.@:\\";

	for (;;) {
		if (!*text || !strchr(first, *text))
			return false;
		text += strspn(text, later);
		if (!*text)
			return true;
		if (*text++ != '/')
			return false;
	}
}

static int root_parse(const struct option *option, const char *text, void *field)
{
	if (strlen(text) > option->max)
		return -ERANGE;
	if (!is_root_path(text))
		return -EINVAL;
	text_copy(field, option->max + 1, text);
	return 0;
}

static bool text_print(const struct option *option, const void *field, char *buf, size_t size)
{
	(void)option;
	return text_copy(buf, size, field);
}

static void root_allowed(const struct option *option, char *buf, size_t size)
{
	snprintf(buf, size,
		 "auto or a path below the cgroup2 mount, like uw.slice/pool, up to %" PRIu64
		 " characters",
		 option->max);
}

/* A file's name, which no dots lead out of and no tool splits. */
static int file_parse(const struct option *option, const char *text, void *field)
{
	if (strlen(text) > option->max)
		return -ERANGE;
	if (text[0] != '/' || !is_root_path(text + 1))
		return -EINVAL;
	text_copy(field, option->max + 1, text);
	return 0;
}

static void file_allowed(const struct option *option, char *buf, size_t size)
{
	snprintf(buf, size, "an absolute path of letters, digits and _-.@: up to %" PRIu64,
		 option->max);
}

/* As useradd(8) has it: [a-z_][a-z0-9_-]*. */
static int group_parse(const struct option *option, const char *text, void *field)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz_";
	static const char later[] = "abcdefghijklmnopqrstuvwxyz_0123456789-";
	size_t len = strlen(text);

	if (len > option->max)
		return -ERANGE;
	if (!len || !strchr(first, text[0]) || strspn(text, later) != len)
		return -EINVAL;
	text_copy(field, option->max + 1, text);
	return 0;
}

static void group_allowed(const struct option *option, char *buf, size_t size)
{
	snprintf(buf, size, "a group name of at most %" PRIu64 " of a-z 0-9 _ -", option->max);
}

static int edges_parse(const struct option *option, const char *text, void *field)
{
	uint32_t edges[LEVEL__COUNT] = {0};
	uint32_t permyriad;
	char word[UNITS_TEXT_LEN];
	unsigned int level = LEVEL_NORMAL;
	int rc;

	for (text += strspn(text, " \t,"); *text; text += strspn(text, " \t,")) {
		size_t len = strcspn(text, " \t,");

		if (++level == LEVEL__COUNT || len >= sizeof(word))
			return -EINVAL;
		memcpy(word, text, len);
		word[len] = '\0';
		text += len;
		rc = units_parse_permyriad(word, &permyriad);
		if (rc)
			return rc;
		edges[level] = permyriad / 100;
		if (permyriad % 100 || edges[level] <= edges[level - 1])
			return -EINVAL;
	}
	if (level != EDGE_COUNT || edges[1] < option->min || edges[EDGE_COUNT] > option->max)
		return -EINVAL;
	memcpy(field, edges, sizeof(edges));
	return 0;
}

static bool edges_print(const struct option *option, const void *field, char *buf, size_t size)
{
	const uint32_t *edges = field;

	(void)option;
	snprintf(buf, size, "%u%% %u%% %u%% %u%% %u%%", edges[LEVEL_LOW], edges[LEVEL_MEDIUM],
		 edges[LEVEL_HIGH], edges[LEVEL_CRITICAL], edges[LEVEL_EMERGENCY]);
	return true;
}

static void edges_allowed(const struct option *option, char *buf, size_t size)
{
	snprintf(buf, size, "%d rising whole percentages from %" PRIu64 "%% to %" PRIu64 "%%",
		 EDGE_COUNT, option->min, option->max);
}

/* "alice", "@trading", "*": names as shadow-utils and most directories have them. */
static bool is_submitter(const char *word)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char later[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.-";

	if (!strcmp(word, "*"))
		return true;
	word += *word == '@';
	return *word && strchr(first, *word) && !word[strspn(word, later)];
}

static int submit_parse(const struct option *option, const char *text, void *field)
{
	char list[SUBMIT_LEN] = "", word[SUBMIT_WORD_LEN];
	size_t len = 0;

	while ((text += strspn(text, " \t,")), *text) {
		text = submit_next(text, word);
		if (!text)
			return -ERANGE;
		if (!is_submitter(word))
			return -EINVAL;
		if (len + strlen(word) + 2 > option->max)
			return -ERANGE;
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "",
					word);
	}
	if (!len)
		return -EINVAL;
	text_copy(field, option->max + 1, list);
	return 0;
}

static void submit_allowed(const struct option *option, char *buf, size_t size)
{
	snprintf(buf, size,
		 "root, or users, @groups or * for all users, up to %" PRIu64 " characters",
		 option->max);
}

static const struct value_kind kinds[KIND__COUNT] = {
	[KIND_USABLE] = {usable_parse, usable_print, usable_allowed},
	[KIND_SHARE] = {share_parse, share_print, permyriad_allowed},
	[KIND_BUDGET] = {budget_parse, budget_print, bytes_allowed},
	[KIND_BYTES] = {bytes_parse, bytes_print, bytes_allowed},
	[KIND_SOME] = {some_parse, some_print, some_allowed},
	[KIND_US] = {us_parse, us_print, us_allowed},
	[KIND_PERMYRIAD] = {permyriad_parse, permyriad_print, permyriad_allowed},
	[KIND_PERCENT] = {percent_parse, percent_print, percent_allowed},
	[KIND_COUNT] = {count_parse, count_print, count_allowed},
	[KIND_BOOL] = {bool_parse, bool_print, bool_allowed},
	[KIND_WORD] = {word_parse, word_print, word_allowed},
	[KIND_ROOT] = {root_parse, text_print, root_allowed},
	[KIND_GROUP] = {group_parse, text_print, group_allowed},
	[KIND_FILE] = {file_parse, text_print, file_allowed},
	[KIND_EDGES] = {edges_parse, edges_print, edges_allowed},
	[KIND_SUBMIT] = {submit_parse, text_print, submit_allowed},
};

int option_parse(const struct option *option, const char *text, void *field)
{
	return kinds[option->kind].parse(option, text, field);
}

bool option_print(const struct option *option, const void *field, char *buf, size_t size)
{
	return kinds[option->kind].print(option, field, buf, size);
}

const char *option_allowed(const struct option *option, char *buf, size_t size)
{
	kinds[option->kind].allowed(option, buf, size);
	return buf;
}
