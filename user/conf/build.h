/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A configuration in the making, for the files of user/conf only: texts are laid over each other
 * key by key, each key remembers where it was set, and the whole is checked at the end. About
 * 30 KiB, on the caller's stack; no resources. The names of the texts are borrowed until the end.
 */
#ifndef UW_CONF_BUILD_H
#define UW_CONF_BUILD_H

#include <stddef.h>

#include "user/base/err.h"
#include "user/conf/option.h"
#include "user/model/config.h"

/* What keys belong to: the sections that exist once, then each component. */
#define TARGET_NONE       UINT32_MAX
#define TARGET_COMPONENT0 SECTION_COMPONENT
#define TARGET_MAX        (TARGET_COMPONENT0 + UW_COMPONENTS_MAX)

struct origin {
	const char *name;  /* of the text; NULL: never set, the default holds */
	unsigned int line; /* from 1 */
	unsigned int text; /* number of the text, from 1 */
};

struct build {
	struct config config;
	unsigned int text_count;
	struct origin section[TARGET_MAX];
	struct origin key[TARGET_MAX][OPTION_MAX];
};

/* Defaults of the table, no component. */
void build_begin(struct build *build);

/* Lays text over what is there. 0 or -EINVAL; build is of no use then. */
int build_text(struct build *build, const char *name, const char *text, size_t len,
	       struct uw_err *err);

/* Checks what only the whole can show, and hands it over. 0 or -EINVAL. */
int build_end(const struct build *build, struct config *ret_config, struct uw_err *err);

/* The profile that holds when no file says anything. */
extern const char profile_name[];
extern const char profile_text[];
extern const size_t profile_len;

#endif
