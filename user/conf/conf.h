/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration text (INI) to struct config and back, through one table of options (option.c): a
 * row gives an option's section, key, parser, place, range, default and help, and everything said
 * about the option comes from it. What fails is one line, "FILE:LINE: KEY: what is wrong, what is
 * allowed", and -EINVAL; nothing is changed then. Pure, but for file.c, which reads and writes
 * files.
 */
#ifndef UW_CONF_CONF_H
#define UW_CONF_CONF_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "user/base/err.h"
#include "user/model/config.h"

#define CONF_VALUE_LEN   256 /* the longest value as text, with its terminator */
#define CONF_PATH_LEN    96  /* "component.NAME.KEY" */
#define CONF_ALLOWED_LEN 160

/* The built-in profile: what holds when no file says anything (cgroups/profiles/24g.conf). */
void conf_defaults(struct config *ret_config);

/*
 * Reads file alone, or with file NULL what is installed below root (NULL is "/"): the main file is
 * the first of /etc/uw/uw.conf, /usr/lib/uw/uw.conf and the built-in profile; after it come the
 * drop-ins of /usr/lib/uw/uw.conf.d and /etc/uw/uw.conf.d, *.conf in the order of their names,
 * where one in /etc replaces one of the same name. Later values win key by key, and a drop-in may
 * add to a component. Writes *ret_config only on success. -EINVAL, or the errno of a file that
 * cannot be read.
 */
int conf_load(const char *root, const char *file, struct config *ret_config, struct uw_err *err);

typedef void (*conf_file_fn)(const char *path, void *arg);

/* Names what conf_load reads in the order in which it does; of the built-in profile a name that is
 * no path. 0, or what conf_load fails with for a folder that cannot be read. */
int conf_each_file(const char *root, const char *file, conf_file_fn each, void *arg,
		   struct uw_err *err);

/* Reads one text; name stands in messages. As conf_load, without any file. */
int conf_parse_text(const char *name, const char *text, size_t len, struct config *ret_config,
		    struct uw_err *err);

/* Writes a file that reads back to the same config. 0, or -EIO. */
int conf_print(const struct config *config, FILE *out);

/* One option that differs, or a component that came or went ("component.NAME"). */
struct conf_change {
	const char *path;     /* "component.ml_models.priority", "policy.dwell" */
	const char *old_text; /* "5", "unset"; NULL for a new component */
	const char *new_text; /* "7", "unset"; NULL for a component that is gone */
};

typedef void (*conf_change_fn)(const struct conf_change *change, void *arg);

/* Calls each for every difference in the order of the option table; returns their number. */
unsigned int conf_diff(const struct config *old_config, const struct config *new_config,
		       conf_change_fn each, void *arg);

/* "component.ml_models.priority: 5 -> 7", "component.x: added, share = 10%"; returns buf. */
const char *conf_change_text(const struct conf_change *change, char *buf, size_t size);

/* One option with its value in config, in the order of the table. */
struct conf_value {
	const char *section;   /* "pool" "policy" "sense" "admission" "component" */
	const char *component; /* NULL outside of a component */
	const char *key;
	const char *text;
};

typedef void (*conf_value_fn)(const struct conf_value *value, void *arg);

/* Calls each for every option that is set; of share and budget only the one in force. */
void conf_value_each(const struct config *config, conf_value_fn each, void *arg);

/* What can be said about an option without a configuration. */
struct conf_help {
	const char *section;
	const char *key;
	const char *fallback; /* the default as text; "" when there is none */
	const char *allowed;  /* "a time from 1ms to 1h" */
	const char *help;
};

typedef void (*conf_help_fn)(const struct conf_help *help, void *arg);

void conf_option_each(conf_help_fn each, void *arg);

/* Whether budgets and shares fit in a pool of usable_bytes (the kernel kills when memory.min is
 * overcommitted, and min may rise to the budget). 0 or -EINVAL. */
int conf_check_budget(const struct config *config, uint64_t usable_bytes, struct uw_err *err);

#endif
