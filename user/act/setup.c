// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Brings the pool of this machine in line with a configuration. Sizes that the file leaves open (a
 * share of the machine, or "auto") are resolved here from what the machine has, then the groups are
 * made by cgroups/. The pool's memory.max never goes below what is in use.
 */
#include "user/act/setup.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/sysinfo.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/conf/conf.h"

/* sysinfo(2) counts what /proc/meminfo calls MemTotal, and cannot fail. */
static uint64_t part_of_total(uint32_t permyriad)
{
	struct sysinfo info;

	sysinfo(&info);
	return (uint64_t)info.totalram * info.mem_unit / PERMYRIAD_ONE * permyriad;
}

#define POOL_SLACK 32 /* 1/32 of what is in use */

static int usable_here(const struct cg_host *host, const struct config *config, uint64_t *ret_bytes,
		       struct uw_err *err)
{
	char root[CG_PATH_LEN];
	AUTO_CLOSE int dir = -1;
	int rc;

	if (config->usable_conf_permyriad) {
		*ret_bytes = part_of_total(config->usable_conf_permyriad);
		return 0;
	}
	rc = cg_pool_root(host, config->root, root, sizeof(root), err);
	if (rc < 0)
		return rc;
	if (cg_tree_open(host, root, &dir, NULL) < 0)
		dir = -1; /* not there yet: nothing of it is in use */
	return cg_usable_auto(dir, ret_bytes, err);
}

int setup_read_config(const struct cg_host *host, const char *file, const char *root,
		      struct config *ret_config, struct uw_err *err)
{
	uint64_t usable_bytes;
	int rc = conf_load(NULL, file, ret_config, err);

	if (rc < 0)
		return rc;
	if (root)
		text_copy(ret_config->root, sizeof(ret_config->root), root);
	rc = usable_here(host, ret_config, &usable_bytes, err);
	if (rc < 0)
		return rc;
	if (config_resolve(ret_config, usable_bytes) < 0)
		return err_set(err, -EINVAL,
			       "configuration: the components' budgets do not fit in the %llu "
			       "MiB that are usable; 'uwctl config show' prints them",
			       (unsigned long long)(usable_bytes / MIB));
	return conf_check_budget(ret_config, ret_config->usable_bytes, err);
}

static void component_spec(const struct config *config, struct cg_component_spec *spec)
{
	for (uint32_t i = 0; i < config->component_count; i++) {
		const struct component *component = &config->component[i];

		spec[i] = (struct cg_component_spec){
			.name = component->name,
			.low_bytes =
				component->protect == PROTECT_NONE ? 0 : component->budget_bytes,
			.high_bytes = component->budget_bytes,
			.max_bytes = CG_MAX, /* the pool's own maximum bounds it */
		};
	}
}

/*
 * usable, or what is in use if that is more: the kernel kills for a memory.max below use, and a
 * daemon that does not start helps nobody. A later setup lowers it.
 */
static uint64_t pool_max(const struct cg_pool *pool, uint64_t usable_bytes)
{
	uint64_t current;
	char text[32];

	if (pool->dir < 0 || text_read_at(pool->dir, "memory.current", text, sizeof(text)) < 0)
		return usable_bytes;
	current = strtoull(text, NULL, 10);
	current += current / POOL_SLACK;
	return current > usable_bytes ? current : usable_bytes;
}

int setup_pool(const struct cg_host *host, const struct config *config,
	       const struct cg_change *change, struct cg_pool *ret_pool, struct uw_err *err)
{
	struct cg_component_spec component[UW_COMPONENTS_MAX];
	struct cg_tree_spec spec = {
		.count = config->component_count,
		.component = component,
	};
	struct cg_pool pool = {.dir = -1, .guard = -1};
	int rc;

	rc = cg_pool_create(host, config->root, NULL, change, &pool, err);
	if (rc < 0)
		return rc;
	component_spec(config, component);
	spec.root = pool.root;
	spec.max_bytes = pool_max(&pool, config->usable_bytes);
	rc = cg_tree_setup(host, &spec, change, err);
	if (rc < 0) {
		cg_pool_close(&pool);
		return rc;
	}
	*ret_pool = pool;
	return 0;
}
