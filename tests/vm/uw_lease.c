// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a program does to hold a lease, and what a case in the guest has it do:
 *
 *	uw_lease COMPONENT MIB [WORD[=NUMBER]]...	until its input has a line, or ends
 *	uw_lease report
 *
 * Words: wait=MS ttl=MS priority=N adaptive revocable gives (back what it is asked for) hears (of
 *it, and does nothing) thread touch (uses what it was granted) small (allocates and frees 4 KiB
 *again and again meanwhile) first=MIB (asked for before the other). It prints one line when it is
 * decided, with the wall clock, one when it is asked back and one when it has freed it.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/lib/uw.h"

#define MIB (1ULL << 20)

struct lease_wish {
	struct uw_request request;
	uint64_t first_mib;
	int adaptive, thread, touch, small, gives, hears;
};

static uint64_t wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int read_word(struct lease_wish *wish, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	uint64_t number = equals ? strtoull(equals + 1, NULL, 10) : 1;

	if (!strncmp(word, "wait", length))
		wish->request.timeout_us = number * 1000;
	else if (!strncmp(word, "ttl", length))
		wish->request.ttl_us = number * 1000;
	else if (!strncmp(word, "priority", length))
		wish->request.priority = (uint8_t)number;
	else if (!strncmp(word, "revocable", length))
		wish->request.flags |= UW_REVOCABLE;
	else if (!strncmp(word, "first", length))
		wish->first_mib = number;
	else if (!strncmp(word, "adaptive", length))
		wish->adaptive = 1;
	else if (!strncmp(word, "thread", length))
		wish->thread = 1;
	else if (!strncmp(word, "touch", length))
		wish->touch = 1;
	else if (!strncmp(word, "small", length))
		wish->small = 1;
	else if (!strncmp(word, "gives", length))
		wish->gives = wish->hears = 1;
	else if (!strncmp(word, "hears", length))
		wish->hears = 1;
	else
		return -EINVAL;
	return 0;
}

static int ask(struct uw *uw, const struct lease_wish *wish, struct uw_grant *grant,
	       struct uw_denial *denial)
{
	struct uw_request list[2] = {wish->request, wish->request};
	uint32_t which;

	if (wish->adaptive)
		return uw_alloc_adaptive(uw, &wish->request, grant, denial);
	if (!wish->first_mib)
		return uw_alloc(uw, &wish->request, grant, denial);
	list[0].bytes = wish->first_mib * MIB;
	return uw_alloc_first(uw, list, 2, &which, grant, denial);
}

static void say(int rc, const struct uw_grant *grant, const struct uw_denial *denial)
{
	if (!rc)
		printf("granted %llu id=%llu borrowed=%llu inside=%u at=%llu\n",
		       (unsigned long long)(grant->bytes / MIB), (unsigned long long)grant->id,
		       (unsigned long long)(grant->borrowed / MIB), grant->flags & UW_INSIDE,
		       (unsigned long long)wall_ms());
	else if (rc > 0)
		printf("%s %s asked=%llu held=%llu available=%llu holder=%d:%llu at=%llu\n",
		       rc == UW_DENIED ? "denied" : "timed-out", denial->reason,
		       (unsigned long long)(denial->asked / MIB),
		       (unsigned long long)(denial->held / MIB),
		       (unsigned long long)(denial->available / MIB), denial->holder[0].pid,
		       (unsigned long long)(denial->holder[0].bytes / MIB),
		       (unsigned long long)wall_ms());
	else
		printf("error %s\n", strerrorname_np(-rc));
	fflush(stdout);
}

static void use(uint64_t bytes)
{
	volatile char *at = malloc(bytes); /* else nobody sees the stores, and they are left out */

	for (uint64_t i = 0; at && i < bytes; i += 4096)
		at[i] = 1;
	/* It is held until the end. */
	printf("touched %d\n", at != NULL);
	fflush(stdout);
}

/* Until there is something to read. */
static void allocate_small(struct uw *uw, const struct lease_wish *wish)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	struct uw_request request = wish->request;
	struct uw_grant grant = {.size = sizeof(grant)};

	request.bytes = 4096;
	while (!poll(&input, 1, 20))
		if (!uw_alloc(uw, &request, &grant, NULL))
			uw_free(uw, grant.id);
}

struct asked {
	struct uw *uw;
	int gives;
};

static void on_shrink(void *data, const struct uw_shrink *shrink)
{
	const struct asked *asked = data;
	int rc = 0;

	if (asked->gives && shrink->target)
		rc = uw_resize(asked->uw, shrink->id, shrink->target, NULL, NULL);
	else if (asked->gives)
		rc = uw_free(asked->uw, shrink->id);
	printf("asked-back target=%llu why=%s component=%s answer=%d at=%llu\n",
	       (unsigned long long)(shrink->target / MIB), shrink->why, shrink->component, rc,
	       (unsigned long long)wall_ms());
	fflush(stdout);
}

static int hold(struct uw *uw, const struct lease_wish *wish)
{
	struct uw_grant grant = {.size = sizeof(grant)};
	struct uw_denial denial = {.size = sizeof(denial)};
	char buf[64];
	struct asked asked = {uw, wish->gives};
	int rc = wish->hears ? uw_on_shrink(uw, NULL, on_shrink, &asked, NULL) : 0;

	if (!rc && wish->thread)
		rc = uw_start_thread(uw);
	if (!rc)
		rc = ask(uw, wish, &grant, &denial);
	say(rc, &grant, &denial);
	if (rc) {
		uw_close(uw);
		return rc > 0 ? 1 : 2;
	}
	if (wish->touch)
		use(grant.bytes);
	if (wish->small)
		allocate_small(uw, wish);
	if (read(STDIN_FILENO, buf, sizeof(buf)) < 0)
		printf("input: %s\n", strerrorname_np(errno));
	rc = uw_free(uw, grant.id);
	printf("freed %d\n", rc);
	uw_close(uw); /* asked lies on this stack */
	return rc ? 1 : 0;
}

static int report(struct uw *uw)
{
	char *text = NULL;
	int rc = uw_report(uw, &text);

	puts(rc ? strerrorname_np(-rc) : text);
	free(text);
	return rc ? 2 : 0;
}

int main(int argc, char **argv)
{
	struct lease_wish wish = {
		.request = {.size = sizeof(wish.request), .description = "uw_lease"}};
	struct uw *uw = NULL;
	int rc = uw_open(NULL, &uw);

	if (rc) {
		printf("error %s\n", strerrorname_np(-rc));
		return 2;
	}
	if (argc == 2 && !strcmp(argv[1], "report")) {
		rc = report(uw);
	} else if (argc >= 3) {
		wish.request.component = argv[1];
		wish.request.bytes = strtoull(argv[2], NULL, 10) * MIB;
		for (int i = 3; i < argc && !rc; i++)
			rc = read_word(&wish, argv[i]);
		return rc ? 2 : hold(uw, &wish);
	}
	uw_close(uw);
	return rc;
}
