/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The option table of user/conf, for its own files only: every option is one row of option.c, and
 * how its value is read and written is one row of kind.c. Nothing here allocates or keeps state.
 */
#ifndef UW_CONF_OPTION_H
#define UW_CONF_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/conf/conf.h"
#include "user/model/config.h"

enum section {
	SECTION_POOL,
	SECTION_POLICY,
	SECTION_SENSE,
	SECTION_ADMISSION,
	SECTION_RECORD,
	SECTION_COMPONENT, /* "[component NAME]", once for each name */
	SECTION__COUNT
};

enum option_kind {
	KIND_USABLE,    /* auto, size or percentage; the field is struct config */
	KIND_SHARE,     /* percentage of usable; the field is struct component */
	KIND_BUDGET,    /* size; the field is struct component */
	KIND_BYTES,     /* uint64_t */
	KIND_SOME,      /* uint64_t, a size, or 0 for no */
	KIND_US,        /* uint64_t */
	KIND_PERMYRIAD, /* uint32_t */
	KIND_PERCENT,   /* uint32_t, whole points */
	KIND_COUNT,     /* uint32_t */
	KIND_BOOL,      /* bool */
	KIND_WORD,      /* an enum, by its names */
	KIND_ROOT,      /* char[max + 1]: auto or a path below the cgroup2 mount */
	KIND_GROUP,     /* char[max + 1]: the name of a user group */
	KIND_FILE,      /* char[max + 1]: an absolute path */
	KIND_EDGES,     /* uint32_t[LEVEL__COUNT] */
	KIND_SUBMIT,    /* char[max + 1]: users, @groups or "*" */
	KIND__COUNT
};

struct option {
	enum section section;
	const char *key;
	enum option_kind kind;
	size_t offset;                       /* in struct config or struct component */
	uint64_t min, max;                   /* in the unit of the field */
	const char *(*word)(uint32_t value); /* KIND_WORD: names from 0; max is the last */
	const char *excludes;                /* a key that may not stand beside this one */
	const char *fallback;                /* default as text; NULL when there is none */
	const char *help;
};

#define OPTION_MAX 64 /* rows there may be */

extern const struct option option_table[];
extern const unsigned int option_count;

const char *section_name(enum section section);

/* SECTION__COUNT when there is none of that name. */
enum section section_find(const char *name);

/* NULL when section has no such key. */
const struct option *option_find(enum section section, const char *key);

/*
 * What may have been meant: a key or section name at most two typing errors away, or NULL. For a
 * key that belongs to another section *ret_section is that one, otherwise it is section.
 */
const char *option_near(enum section section, const char *key, enum section *ret_section);
const char *section_near(const char *name);
const char *word_near(const char *word, const char *const *names, size_t count);

/* The field of option; index is that of the component, unused elsewhere. */
void *option_field(const struct option *option, struct config *config, unsigned int index);
const void *option_field_const(const struct option *option, const struct config *config,
			       unsigned int index);

/* 0, -EINVAL (not understood), -ENOKEY (no unit) or -ERANGE; the field is untouched then. */
int option_parse(const struct option *option, const char *text, void *field);

/* The value as text that option_parse() reads back to the same; false when it is not set. */
bool option_print(const struct option *option, const void *field, char *buf, size_t size);

/* "a time from 1ms to 1h"; returns buf. */
const char *option_allowed(const struct option *option, char *buf, size_t size);

#endif
