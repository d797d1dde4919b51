// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/cli/config_warn.h"

#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "user/base/units.h"

static void warn_of_pool(const struct config *config, json_t *warnings)
{
	uint64_t has = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	char usable_text[UNITS_TEXT_LEN], has_text[UNITS_TEXT_LEN];

	if (config->usable_conf_bytes <= has)
		return;
	units_print_bytes(config->usable_conf_bytes, usable_text);
	units_print_bytes(has, has_text);
	json_array_append_new(
		warnings, json_sprintf("[pool] usable = %s, and this machine has %s: it runs out "
				       "before the pool is full",
				       usable_text, has_text));
}

static bool is_known(const char *word)
{
	if (!strcmp(word, "*") || !strcmp(word, "root"))
		return true;
	return *word == '@' ? getgrnam(word + 1) != NULL : getpwnam(word) != NULL;
}

static void warn_of_names(const struct component *component, const char *key, const char *at,
			  json_t *warnings)
{
	char word[SUBMIT_WORD_LEN];

	while ((at = submit_next(at, word)))
		if (!is_known(word))
			json_array_append_new(
				warnings,
				json_sprintf("[component %s] %s = %s: there is no such %s here, "
					     "so it lets nobody in",
					     component->name, key, word,
					     *word == '@' ? "group" : "user"));
}

void config_warn(const struct config *config, json_t *warnings)
{
	warn_of_pool(config, warnings);
	for (uint32_t i = 0; i < config->component_count; i++) {
		const struct component *component = &config->component[i];

		warn_of_names(component, "submit", component->submit, warnings);
		warn_of_names(component, "lease", component->lease, warnings);
	}
}
