// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The names of the sections of a configuration. Which options stand in each is said by the rows of
 * option.c.
 */
#include <string.h>

#include "user/conf/option.h"

static const char *const names[SECTION__COUNT] = {
	[SECTION_POOL] = "pool",     [SECTION_POLICY] = "policy",
	[SECTION_SENSE] = "sense",   [SECTION_ADMISSION] = "admission",
	[SECTION_RECORD] = "record", [SECTION_COMPONENT] = "component",
};

const char *section_name(enum section section)
{
	return names[section];
}

enum section section_find(const char *name)
{
	enum section section = SECTION_POOL;

	while (section < SECTION__COUNT && strcmp(names[section], name))
		section++;
	return section;
}
