// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A server of leases and pools that needs no cgroups, for tests of what programs link: the ledger
 *and the socket are uwd's, what is free is what the command line says. It ends with its input, and
 *does what the lines of that say, each of which is answered by one:
 *
 *	lease_server SOCKET FILE NAME=MIB[,borrows][,inside][,denied]...
 *
 *	level NAME LEVEL PERMYRIAD	the component's level, and how much of its limit is used
 *	leases				how many there are
 *	ended				MiB of the input of the last task whose child has ended
 *	free				all of them are taken away
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/python/keeper.h"
#include "user/base/clock.h"
#include "user/base/units.h"
#include "user/lease/file.h"
#include "user/lease/server.h"
#include "user/model/plan.h"

#define LEAF 77 /* of who is inside */

struct served {
	const char *path;
	struct config config;
	struct lease_headroom headroom;
	struct lease_ledger *ledger;
	struct lease_file *file;
	struct lease_server *server;
	struct lease_place place; /* of whoever comes */
};

/* ---- what the server asks ---- */

static void place_peer(void *data, const struct lease_peer *peer, struct lease_place *ret_place)
{
	const struct served *s = data;

	(void)peer;
	*ret_place = s->place;
}

static int find_component(void *data, const char *name, uint8_t *ret_priority)
{
	const struct served *s = data;

	*ret_priority = 5;
	return config_find(&s->config, name);
}

static const char *name_component(void *data, uint32_t component)
{
	const struct served *s = data;

	return component < s->config.component_count ? s->config.component[component].name : NULL;
}

static int find_keeper(void *data, uint32_t component, bool start, int *ret_fd)
{
	const struct served *s = data;

	return keeper_find(s->path, component, start, ret_fd);
}

static void grow_file(void *data)
{
	struct served *s = data;

	if (!lease_file_grow(s->file))
		lease_set_room(s->ledger, lease_file_room(s->file));
}

static void report_component(const struct served *s, uint32_t i, FILE *to)
{
	struct lease_component_view view;
	uint64_t budget = s->headroom.component[i].budget_bytes;

	lease_component_view(s->ledger, i, clock_now_us(), &view);
	fprintf(to,
		"%s\"%s\":{\"level\":\"%s\",\"priority\":5,\"budget_bytes\":%llu,"
		"\"in_force_bytes\":%llu,\"most_bytes\":%llu,\"used_bytes\":0,\"use_permyriad\":0,"
		"\"leases\":%u,\"leased_bytes\":%llu,\"pool_bytes\":%llu,\"promised_bytes\":%llu,\"lease_waits\":%u,"
		"\"lease_grants\":%llu,\"lease_denials\":%llu,\"pressure_events\":0,\"cleanup\":{}}",
		i ? "," : "", s->config.component[i].name,
		level_name(s->headroom.component[i].level), (unsigned long long)budget,
		(unsigned long long)budget,
		(unsigned long long)(s->headroom.component[i].borrows ? s->headroom.usable_bytes
								      : budget),
		view.leases, (unsigned long long)view.leased_bytes,
		(unsigned long long)view.pool_bytes, (unsigned long long)view.promised_bytes,
		view.waiting, (unsigned long long)view.granted,
		(unsigned long long)(view.denied + view.timed_out));
}

static char *report(void *data)
{
	const struct served *s = data;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	fprintf(to,
		"{\"v\":1,\"system\":{\"level\":\"normal\",\"total_bytes\":%llu,"
		"\"available_bytes\":%llu,\"usable_bytes\":%llu,\"leased_bytes\":0},\"components\":{",
		(unsigned long long)(2 * s->headroom.usable_bytes),
		(unsigned long long)s->headroom.usable_bytes,
		(unsigned long long)s->headroom.usable_bytes);
	for (uint32_t i = 0; i < s->config.component_count; i++)
		report_component(s, i, to);
	fputs("}}", to);
	fclose(to);
	return text;
}

/* ---- leaves of tasks: nothing is moved, and the answer comes a turn later ---- */

static struct lease_move moving;

static struct lease_learned learned(void *data, uint32_t component, uint32_t uid, const char *key,
				    uint64_t input_bytes)
{
	(void)data, (void)component, (void)uid;
	return (struct lease_learned){.bytes = strcmp(key, "known") ? 0
								    : 10 * MIB + 2 * input_bytes};
}

static int move(void *data, const struct lease_move *wanted)
{
	(void)data;
	moving = *wanted;
	return 0;
}

static void tell_moved(struct lease_server *server)
{
	struct lease_move moved = moving;

	moving = (struct lease_move){0};
	if (moved.id)
		lease_server_moved(server, moved.client, moved.id, 0, LEAF + 1);
}

static uint64_t ended_input_bytes;

static void end_leaf(void *data, const struct lease_leaf_end *end)
{
	(void)data;
	ended_input_bytes = end->input_bytes;
}

static int look(void *data, const char *component, const char *leaf,
		struct lease_leaf_look *ret_look)
{
	(void)data, (void)component, (void)leaf;
	*ret_look = (struct lease_leaf_look){.used_bytes = MIB, .peak_bytes = MIB};
	return 0;
}

static bool find_leaf(void *data, int32_t pid, char component[static UW_NAME_LEN],
		      char leaf[static LEASE_LEAF_LEN])
{
	(void)data, (void)pid, (void)component, (void)leaf;
	return false;
}

/* ---- what its input says ---- */

static void set_level(struct served *s, const char *name, unsigned int level, unsigned int use)
{
	int component = config_find(&s->config, name);

	if (component < 0 || level >= LEVEL__COUNT)
		exit(2);
	s->headroom.component[component].level = (enum level)level;
	lease_look(s->ledger, &s->headroom);
	lease_server_level(s->server, (uint32_t)component, (enum level)level, use, clock_now_us());
	lease_server_settle(s->server);
}

static void free_all(struct served *s)
{
	struct lease_view view;

	for (uint32_t slot = 0; slot < LEASE_SLOTS; slot++)
		if (lease_read(s->ledger, slot, &view))
			lease_free(s->ledger, LEASE_NO_CLIENT, view.id);
	lease_server_settle(s->server);
}

static uint32_t count(const struct served *s)
{
	struct lease_totals totals;

	lease_totals(s->ledger, &totals);
	return totals.leases;
}

static void obey(struct served *s)
{
	char line[256], name[UW_NAME_LEN];
	ssize_t size = read(STDIN_FILENO, line, sizeof(line) - 1);
	unsigned int level, use;

	if (size <= 0)
		exit(0);
	line[size] = '\0';
	if (sscanf(line, "level %31s %u %u", name, &level, &use) == 3)
		set_level(s, name, level, use);
	else if (!strncmp(line, "free", 4))
		free_all(s);
	if (!strncmp(line, "ended", 5))
		printf("%u\n", (unsigned int)(ended_input_bytes / MIB));
	else
		printf("%u\n", count(s));
	fflush(stdout);
}

/* ---- its start ---- */

static void add_component(struct served *s, char *word)
{
	uint32_t i = s->config.component_count++;
	char *options = strchr(word, ','), *size = strchr(word, '=');
	uint64_t bytes;

	if (!size || i >= UW_COMPONENTS_MAX || (size_t)(size - word) >= UW_NAME_LEN)
		exit(2);
	memcpy(s->config.component[i].name, word, (size_t)(size - word));
	bytes = strtoull(size + 1, NULL, 10) * MIB;
	s->headroom.component[i].budget_bytes = s->headroom.component[i].limit_bytes = bytes;
	s->headroom.usable_bytes += bytes;
	if (options && strstr(options, "inside"))
		s->place.component = i, s->place.leaf = LEAF;
	if (options && strstr(options, "borrows"))
		s->headroom.component[i].borrows = true;
	if (!options || !strstr(options, "denied"))
		s->place.may |= 1U << i;
}

static int open_server(struct served *s, const char *path, const char *file, struct uw_err *err)
{
	struct lease_server_conf conf = {
		.path = path,
		.place = place_peer,
		.component = find_component,
		.name = name_component,
		.keeper = find_keeper,
		.grow = grow_file,
		.learned = learned,
		.move = move,
		.end = end_leaf,
		.look = look,
		.find_leaf = find_leaf,
		.report = report,
		.data = s,
	};
	uint32_t freed;
	int rc = lease_file_open(file, &s->file, err);

	s->path = path;
	if (rc)
		return rc;
	s->headroom.host_free_bytes = s->config.usable_bytes = s->headroom.usable_bytes;
	s->headroom.host_valid = true;
	s->config.lease_max = LEASE_SLOTS_CLIENT;
	conf.ledger = s->ledger = calloc(1, lease_ledger_size());
	if (!s->ledger)
		return err_set(err, -ENOMEM, "out of memory");
	lease_init(s->ledger, lease_file_slots(s->file));
	lease_configure(s->ledger, &s->config);
	lease_look(s->ledger, &s->headroom);
	lease_adopt(s->ledger, lease_file_room(s->file), clock_now_us(), &freed);
	rc = lease_server_new(&conf, &s->server, err);
	if (!rc)
		lease_server_adopt(s->server);
	return rc;
}

static void serve(struct served *s)
{
	struct pollfd ready[] = {{.fd = lease_server_fd(s->server), .events = POLLIN},
				 {.fd = STDIN_FILENO, .events = POLLIN}};

	for (;;) {
		poll(ready, 2, 20);
		if (ready[1].revents)
			obey(s);
		lease_server_dispatch(s->server);
		tell_moved(s->server);
		lease_server_settle(s->server);
		lease_server_keep_house(s->server);
	}
}

int main(int argc, char **argv)
{
	static struct served s = {.place.component = COMPONENT_NONE};
	struct uw_err err = {0};

	if (argc < 4) {
		fprintf(stderr, "usage: %s SOCKET FILE NAME=MIB[,OPTION]...\n", argv[0]);
		return 2;
	}
	for (int i = 3; i < argc; i++)
		add_component(&s, argv[i]);
	if (open_server(&s, argv[1], argv[2], &err)) {
		fprintf(stderr, "%s: %s\n", argv[0], err.text);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	serve(&s);
}
