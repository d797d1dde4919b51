// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Goes through the table to show a configuration: each option with its value, each difference
 * between two configurations with both values, and each option with its help.
 */
#include "user/conf/conf.h"

#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/conf/option.h"

struct diff {
	conf_change_fn each;
	void *arg;
	unsigned int count;
};

static void each_of_section(const struct config *config, enum section section, unsigned int index,
			    conf_value_fn each, void *arg)
{
	char text[CONF_VALUE_LEN];
	struct conf_value value = {
		.section = section_name(section),
		.component = section == SECTION_COMPONENT ? config->component[index].name : NULL,
		.text = text,
	};

	for (unsigned int i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];

		if (option->section != section ||
		    !option_print(option, option_field_const(option, config, index), text,
				  sizeof(text)))
			continue;
		value.key = option->key;
		each(&value, arg);
	}
}

void conf_value_each(const struct config *config, conf_value_fn each, void *arg)
{
	for (enum section section = SECTION_POOL; section < SECTION_COMPONENT; section++)
		each_of_section(config, section, 0, each, arg);
	for (unsigned int i = 0; i < config->component_count; i++)
		each_of_section(config, SECTION_COMPONENT, i, each, arg);
}

static void report(struct diff *diff, const char *path, const char *old_text, const char *new_text)
{
	const struct conf_change change = {path, old_text, new_text};

	diff->count++;
	diff->each(&change, diff->arg);
}

static void diff_option(struct diff *diff, const struct option *option, const char *component,
			const void *old_field, const void *new_field)
{
	char old_text[CONF_VALUE_LEN], new_text[CONF_VALUE_LEN];
	char path[CONF_PATH_LEN];

	if (!option_print(option, old_field, old_text, sizeof(old_text)))
		text_copy(old_text, sizeof(old_text), "unset");
	if (!option_print(option, new_field, new_text, sizeof(new_text)))
		text_copy(new_text, sizeof(new_text), "unset");
	if (!strcmp(old_text, new_text))
		return;
	snprintf(path, sizeof(path), "%s%s%s.%s", section_name(option->section),
		 component ? "." : "", component ? component : "", option->key);
	report(diff, path, old_text, new_text);
}

/* "share = 10%", or the budget. */
static const char *room_text(const struct component *component, char *buf, size_t size)
{
	const char *key = component->share_permyriad ? "share" : "budget";
	char text[CONF_VALUE_LEN] = "";

	option_print(option_find(SECTION_COMPONENT, key), component, text, sizeof(text));
	snprintf(buf, size, "%s = %s", key, text);
	return buf;
}

static void diff_component(struct diff *diff, const struct config *old_config,
			   const struct config *new_config, unsigned int index)
{
	const char *name = new_config->component[index].name;
	int old_index = config_find(old_config, name);
	char path[CONF_PATH_LEN], text[CONF_VALUE_LEN + 16];

	if (old_index < 0) {
		snprintf(path, sizeof(path), "component.%s", name);
		report(diff, path, NULL,
		       room_text(&new_config->component[index], text, sizeof(text)));
		return;
	}
	for (unsigned int i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];

		if (option->section == SECTION_COMPONENT)
			diff_option(diff, option, name,
				    option_field_const(option, old_config, (unsigned int)old_index),
				    option_field_const(option, new_config, index));
	}
}

static void diff_gone(struct diff *diff, const struct config *old_config,
		      const struct config *new_config)
{
	char path[CONF_PATH_LEN], text[CONF_VALUE_LEN + 16];

	for (unsigned int i = 0; i < old_config->component_count; i++) {
		const struct component *component = &old_config->component[i];

		if (config_find(new_config, component->name) >= 0)
			continue;
		snprintf(path, sizeof(path), "component.%s", component->name);
		report(diff, path, room_text(component, text, sizeof(text)), NULL);
	}
}

unsigned int conf_diff(const struct config *old_config, const struct config *new_config,
		       conf_change_fn each, void *arg)
{
	struct diff diff = {.each = each, .arg = arg};

	for (unsigned int i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];

		if (option->section != SECTION_COMPONENT)
			diff_option(&diff, option, NULL, option_field_const(option, old_config, 0),
				    option_field_const(option, new_config, 0));
	}
	for (unsigned int i = 0; i < new_config->component_count; i++)
		diff_component(&diff, old_config, new_config, i);
	diff_gone(&diff, old_config, new_config);
	return diff.count;
}

const char *conf_change_text(const struct conf_change *change, char *buf, size_t size)
{
	if (!change->old_text)
		snprintf(buf, size, "%s: added, %s", change->path, change->new_text);
	else if (!change->new_text)
		snprintf(buf, size, "%s: removed, %s", change->path, change->old_text);
	else
		snprintf(buf, size, "%s: %s -> %s", change->path, change->old_text,
			 change->new_text);
	return buf;
}

void conf_option_each(conf_help_fn each, void *arg)
{
	char allowed[CONF_ALLOWED_LEN];

	for (unsigned int i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];
		const struct conf_help help = {
			.section = section_name(option->section),
			.key = option->key,
			.fallback = option->fallback ? option->fallback : "",
			.allowed = option_allowed(option, allowed, sizeof(allowed)),
			.help = option->help,
		};

		each(&help, arg);
	}
}
