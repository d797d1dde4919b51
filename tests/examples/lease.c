// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a program may ask for: all of it or nothing, as much as leaves others something, the first
 * of a list that fits, and many at once; each as long as it is needed. lease COMPONENT [SOCKET]
 */
#include <inttypes.h>
#include <stdio.h>
#include <uw.h>

#define MIB (1ULL << 20)

static void say(const char *what, int rc, const struct uw_grant *grant,
		const struct uw_denial *denial)
{
	if (rc < 0)
		printf("%s: error %d\n", what, rc);
	else if (rc > 0)
		printf("%s: not now (%s), %" PRIu64 "M are free\n", what, denial->reason,
		       (uint64_t)(denial->available / MIB));
	else
		printf("%s: %" PRIu64 "M\n", what, (uint64_t)(grant->bytes / MIB));
}

static int ask(struct uw *uw, const char *component)
{
	struct uw_request request = {.size = sizeof(request),
				     .component = component,
				     .description = "model weights",
				     .bytes = 100 * MIB};
	struct uw_request list[] = {request, request};
	struct uw_grant grant = {.size = sizeof(grant)}, many[8] = {{.size = sizeof(many[0])}};
	uint64_t ids[8];
	struct uw_denial denial = {.size = sizeof(denial)};
	struct uw_request batch[8];
	int outcome[8], rc;
	uint32_t which;

	/* Freed where the scope ends. */
	rc = uw_alloc(uw, &request, &grant, &denial);
	say("alloc", rc, &grant, &denial);
	UW_AUTO_LEASE struct uw_lease lease = {uw, rc ? 0 : grant.id};

	if (!rc)
		say("resize", uw_resize(uw, lease.id, 150 * MIB, &grant, &denial), &grant, &denial);

	request.bytes = 10000 * MIB; /* no more than two thirds of what is free */
	request.min_bytes = MIB;
	rc = uw_alloc_adaptive(uw, &request, &grant, &denial);
	say("adaptive", rc, &grant, &denial);
	UW_AUTO_LEASE struct uw_lease adaptive = {uw, rc ? 0 : grant.id};

	list[0].bytes = 10000 * MIB;
	list[1].bytes = 20 * MIB;
	rc = uw_alloc_first(uw, list, 2, &which, &grant, &denial);
	say("first of a list", rc, &grant, &denial);
	UW_AUTO_LEASE struct uw_lease first = {uw, rc ? 0 : grant.id};

	request.bytes = 10000 * MIB;
	say("too much", uw_alloc(uw, &request, &grant, &denial), &grant, &denial);

	for (int i = 0; i < 8; i++)
		batch[i] = (struct uw_request){
			.size = sizeof(batch[i]), .component = component, .bytes = MIB};
	rc = uw_alloc_many(uw, batch, 8, many, outcome);
	for (int i = 0; !rc && i < 8; i++) {
		ids[i] = many[i].id;
		rc = outcome[i];
	}
	if (!rc)
		rc = uw_free_many(uw, ids, 8, outcome);
	for (int i = 0; !rc && i < 8; i++)
		rc = outcome[i];
	printf("many: %d\n", rc);
	return rc;
}

int main(int argc, char **argv)
{
	struct uw *uw;
	int rc;

	if (argc < 2 || uw_open(argc > 2 ? argv[2] : NULL, &uw)) {
		fprintf(stderr, "usage: lease COMPONENT [SOCKET], with an uwd\n");
		return 1;
	}
	rc = ask(uw, argv[1]);
	uw_close(uw);
	return rc != 0;
}
