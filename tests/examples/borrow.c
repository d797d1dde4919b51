// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A cache that uses what others lend, and gives it back when it is asked: a revocable lease, and a
 * callback that makes the cache smaller before it answers. It goes by the level too: nothing new
 * while its component is short. borrow COMPONENT MIB [SOCKET], until it was asked.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uw.h>

#define MIB (1ULL << 20)

struct cache {
	struct uw *uw;
	_Atomic int asked;
	_Atomic uint32_t level;
};

/* In the library's thread. */
static void on_shrink(void *data, const struct uw_shrink *shrink)
{
	struct cache *cache = data;
	int rc;

	/* Here the cache drops entries down to the target; then it says that it has. */
	if (shrink->target)
		rc = uw_resize(cache->uw, shrink->id, shrink->target, NULL, NULL);
	else
		rc = uw_free(cache->uw, shrink->id);
	printf("asked to keep %" PRIu64 "M (%s): %d\n", (uint64_t)(shrink->target / MIB),
	       shrink->why, rc);
	cache->asked = 1;
}

static void on_level(void *data, const struct uw_pressure *pressure)
{
	((struct cache *)data)->level = pressure->level;
}

static void on_emergency(void *data, const struct uw_pressure *pressure)
{
	(void)data;
	printf("emergency in %s\n", pressure->component);
}

static int run(struct cache *cache, const char *component, uint64_t bytes)
{
	struct uw_request request = {.size = sizeof(request),
				     .flags = UW_REVOCABLE,
				     .component = component,
				     .description = "cache",
				     .bytes = bytes};
	struct uw_grant grant = {.size = sizeof(grant)};
	int rc = uw_start_thread(cache->uw);

	if (!rc)
		rc = uw_on_shrink(cache->uw, component, on_shrink, cache, NULL);
	if (!rc)
		rc = uw_on_pressure(cache->uw, component, on_level, cache, NULL);
	if (!rc)
		rc = uw_on_emergency(cache->uw, component, on_emergency, cache, NULL);
	if (!rc && cache->level < UW_LEVEL_HIGH)
		rc = uw_alloc(cache->uw, &request, &grant, NULL);
	if (rc)
		return rc;
	printf("borrows %" PRIu64 "M\n", (uint64_t)(grant.borrowed / MIB));
	fflush(stdout);
	while (!cache->asked)
		usleep(1000);
	return 0;
}

int main(int argc, char **argv)
{
	struct cache cache = {0};
	int rc;

	if (argc < 3 || uw_open(argc > 3 ? argv[3] : NULL, &cache.uw)) {
		fprintf(stderr, "usage: borrow COMPONENT MIB [SOCKET], with an uwd\n");
		return 1;
	}
	rc = run(&cache, argv[1], strtoull(argv[2], NULL, 10) * MIB);
	uw_close(cache.uw);
	return rc != 0;
}
