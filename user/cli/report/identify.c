// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whose frames these are. Each slot of a recording tells its uwd and its configuration again; what
 * differs from before is noted with its time. A configuration that this version cannot read leaves
 * the components without names, and the report without conditions. With redact names, users and
 * paths are replaced before anything sees them.
 */
#include <stdio.h>
#include <string.h>

#include "user/base/text.h"
#include "user/cli/report/gather.h"
#include "user/conf/conf.h"

#define REDACTED "redacted"

void gather_init(struct gathering *g)
{
	struct incident *incident = g->incident;

	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++)
		g->index[i] = INCIDENT_NONE;
	series_init(&incident->available);
	series_init(&incident->swap);
	series_init(&incident->host_stall);
	series_init(&incident->jobs_used);
	series_init(&incident->jobs_queued);
	series_init(&incident->promised);
}

static void add_note(struct gathering *g, const char *text)
{
	struct incident *incident = g->incident;
	struct incident_note *note;

	if (incident->note_count == INCIDENT_NOTES ||
	    g->recording->wall_us < incident->window.from_us ||
	    g->recording->wall_us > incident->window.to_us)
		return;
	note = &incident->note[incident->note_count++];
	note->wall_us = g->recording->wall_us;
	text_copy(note->text, sizeof(note->text), text);
}

void gather_begin(struct gathering *g)
{
	struct incident *incident = g->incident;
	const struct record_begin *begin = &g->recording->begin;
	char text[INCIDENT_TEXT];

	if (*incident->boot_id && strcmp(incident->boot_id, begin->boot_id)) {
		add_note(g, "the machine was started anew");
	} else if (*incident->version && strcmp(incident->version, begin->version)) {
		snprintf(text, sizeof(text), "uwd %s goes on after %s", begin->version,
			 incident->version);
		add_note(g, text);
	}
	text_copy(incident->version, sizeof(incident->version), begin->version);
	text_copy(incident->boot_id, sizeof(incident->boot_id), begin->boot_id);
}

uint32_t incident_find(const struct incident *incident, const char *name)
{
	for (uint32_t i = 0; i < incident->component_count; i++)
		if (!strcmp(incident->component[i].name, name))
			return i;
	return INCIDENT_NONE;
}

static uint32_t meet_component(struct incident *incident, const char *name)
{
	uint32_t index = incident_find(incident, name);
	struct incident_component *component;

	if (index != INCIDENT_NONE || incident->component_count == INCIDENT_COMPONENTS)
		return index;
	index = incident->component_count++;
	component = &incident->component[index];
	text_copy(component->name, sizeof(component->name), name);
	if (incident->redact)
		snprintf(component->shown, sizeof(component->shown), "component-%u", index + 1);
	else
		text_copy(component->shown, sizeof(component->shown), name);
	series_init(&component->use);
	series_init(&component->in_force);
	series_init(&component->high);
	series_init(&component->stall);
	series_init(&component->level);
	return index;
}

static void redact(char *text, size_t size)
{
	if (*text)
		text_copy(text, size, REDACTED);
}

static void redact_config(const struct gathering *g, struct config *config)
{
	redact(config->root, sizeof(config->root));
	redact(config->socket_group, sizeof(config->socket_group));
	redact(config->record.file, sizeof(config->record.file));
	for (uint32_t i = 0; i < config->component_count; i++) {
		struct component *component = &config->component[i];

		if (g->index[i] != INCIDENT_NONE)
			text_copy(component->name, sizeof(component->name),
				  g->incident->component[g->index[i]].shown);
		else
			redact(component->name, sizeof(component->name));
		redact(component->submit, sizeof(component->submit));
		redact(component->lease, sizeof(component->lease));
	}
}

static void note_change(const struct conf_change *change, void *data)
{
	char text[INCIDENT_TEXT];

	add_note(data, conf_change_text(change, text, sizeof(text)));
}

/* By their indices; what cannot be named has a number. */
static void meet_components(struct gathering *g, const struct config *config)
{
	for (uint32_t i = 0; i < UW_COMPONENTS_MAX; i++) {
		struct incident_component *component;
		char name[UW_NAME_LEN];

		g->index[i] = INCIDENT_NONE;
		if (config && i >= config->component_count)
			continue;
		snprintf(name, sizeof(name), "component %u", i + 1);
		g->index[i] =
			meet_component(g->incident, config ? config->component[i].name : name);
		if (!config || g->index[i] == INCIDENT_NONE)
			continue;
		component = &g->incident->component[g->index[i]];
		component->is_protected = component_is_protected(&config->component[i]);
		component->priority = config->component[i].priority;
	}
}

static bool is_same_text(const struct gathering *g)
{
	return g->config_text && g->config_len == g->recording->config_len &&
	       !memcmp(g->config_text, g->recording->config, g->config_len);
}

void gather_config(struct gathering *g)
{
	struct incident *incident = g->incident;
	const struct recording *r = g->recording;
	struct config config;
	struct uw_err err = {0};

	if (is_same_text(g))
		return;
	g->config_text = r->config;
	g->config_len = r->config_len;
	if (conf_parse_text("recording", r->config, r->config_len, &config, &err) ||
	    config_resolve(&config, r->usable_bytes)) {
		incident->has_config = false;
		incident->config.component_count = 0;
		meet_components(g, NULL);
		add_note(g, "the configuration is one that this version cannot read");
		return;
	}
	meet_components(g, &config);
	if (incident->redact)
		redact_config(g, &config);
	if (incident->has_config)
		conf_diff(&incident->config, &config, note_change, g);
	incident->config = config;
	incident->has_config = true;
}
