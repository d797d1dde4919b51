// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds the pool that is set up on this machine, for commands that work without uwd: its path as
 * setup has recorded it or by its mark, its directory, and whether it has a component of a name.
 */
#include "user/cli/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/base/text.h"
#include "user/cli/suggest.h"
#include "user/model/component.h"

int place_open(struct place *ret_place, struct uw_err *err)
{
	struct place place = {.dir = -1};
	int r = cg_host_probe(&place.host, err);

	if (r < 0)
		return r;
	if (place.host.memory != CG_MEMORY_V2)
		return err_set(err, -EOPNOTSUPP,
			       "the memory controller is not on cgroup v2 here; "
			       "'uwctl check' says what to do");
	r = cg_tree_find(&place.host, place.root, sizeof(place.root));
	if (r == -ENOENT)
		return err_set_as(err, "no-pool", r,
				  "there is no pool yet; run 'uwctl setup' as root first");
	if (r < 0)
		return err_set(err, r, "the pool cannot be found: %s; run 'uwctl setup' as root",
			       strerror(-r));
	r = cg_tree_open(&place.host, place.root, &place.dir, err);
	if (r < 0)
		return r;
	*ret_place = place;
	return 0;
}

void place_close(struct place *place)
{
	if (place->dir >= 0)
		close(place->dir);
	place->dir = -1;
}

struct names {
	char text[UW_COMPONENTS_MAX][CG_NAME_LEN];
	const char *name[UW_COMPONENTS_MAX];
	size_t count;
};

static int collect_name(void *data, const char *name)
{
	struct names *names = data;

	if (names->count == UW_COMPONENTS_MAX || !strcmp(name, CG_HOLDER))
		return 0;
	text_copy(names->text[names->count], CG_NAME_LEN, name);
	names->name[names->count] = names->text[names->count];
	names->count++;
	return 0;
}

static int no_component(const struct place *place, const char *component, struct uw_err *err)
{
	char list[UW_ERR_TEXT_LEN / 2] = "";
	struct names names = {.count = 0};
	const char *near;
	size_t at = 0;

	cg_leaf_each(place->dir, collect_name, &names);
	near = suggest_nearest(component, names.name, names.count);
	if (near)
		return err_set_as(err, "no-such-component", -ENOENT,
				  "there is no component '%s': did you mean '%s'?", component,
				  near);
	for (size_t i = 0; i < names.count && at < sizeof(list); i++)
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", i ? ", " : "",
				       names.name[i]);
	return err_set_as(err, "no-such-component", -ENOENT,
			  "there is no component '%s'; there are: %s", component, list);
}

int place_find(const struct place *place, const char *component, struct uw_err *err)
{
	if (text_is_name(component) && strcmp(component, CG_HOLDER) != 0 &&
	    faccessat(place->dir, component, F_OK, AT_EACCESS) == 0)
		return 0;
	return no_component(place, component, err);
}
