// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The last things of each component that somebody did not get or lost, for those who ask why. A
 * program that asks again and again fills one entry, and not the ring.
 */
#include "user/policy/lease/inside.h"

static const char *const names[LEASE_NEWS__COUNT] = {
	[LEASE_NEWS_DENIED] = "denied",
	[LEASE_NEWS_TIMED_OUT] = "timed-out",
	[LEASE_NEWS_REVOKED] = "revoked",
	[LEASE_NEWS_TAKEN] = "taken",
};

const char *lease_news_name(enum lease_news_kind kind)
{
	return (unsigned int)kind < LEASE_NEWS__COUNT ? names[kind] : "?";
}

static bool is_again(const struct lease_news *a, const struct lease_news *b)
{
	return a->kind == b->kind && a->pid == b->pid && a->uid == b->uid && a->id == b->id &&
	       a->denial.reason == b->denial.reason;
}

static void add(struct lease_ledger *ledger, uint32_t component, struct lease_news *news)
{
	struct lease_account *account = &ledger->account[component];
	struct lease_news *last = &account->news[(account->news_count - 1) % LEASE_NEWS];

	if (account->news_count && is_again(last, news)) {
		news->first_us = last->first_us;
		news->times += last->times;
		*last = *news;
		return;
	}
	account->news[account->news_count++ % LEASE_NEWS] = *news;
}

void lease_news_denied(struct lease_ledger *ledger, const struct lease_request *request,
		       enum lease_news_kind kind, const struct lease_denial *denial,
		       uint64_t now_us)
{
	const struct lease_identity *who = &ledger->client[request->client].identity;
	struct lease_news news = {
		.kind = kind,
		.first_us = now_us,
		.last_us = now_us,
		.times = 1,
		.uid = who->uid,
		.pid = who->pid,
		.denial = *denial,
	};

	add(ledger, request->component, &news);
}

void lease_news_lost(struct lease_ledger *ledger, uint32_t slot, enum lease_news_kind kind,
		     enum lease_why why, uint64_t bytes, uint64_t now_us)
{
	const struct lease_slot *s = &ledger->slot[slot];
	struct lease_news news = {
		.kind = kind,
		.first_us = now_us,
		.last_us = now_us,
		.times = 1,
		.uid = s->uid,
		.pid = s->pid,
		.id = lease_id(s->generation, slot),
		.why = why,
		.denial.held_bytes = bytes,
	};

	add(ledger, ledger->node[slot].component, &news);
}

void lease_news_renumber(struct lease_account *account, const uint8_t to[static UW_COMPONENTS_MAX])
{
	for (uint32_t i = 0; i < LEASE_NEWS; i++)
		for (uint32_t k = 0; k < account->news[i].denial.holder_count; k++) {
			uint32_t *component = &account->news[i].denial.holder[k].component;

			*component = *component < UW_COMPONENTS_MAX && to[*component] != UINT8_MAX
					     ? to[*component]
					     : COMPONENT_NONE;
		}
}

bool lease_news_read(const struct lease_ledger *ledger, uint32_t component, uint32_t i,
		     struct lease_news *ret_news)
{
	const struct lease_account *account = &ledger->account[component];

	if (i >= LEASE_NEWS || i >= account->news_count)
		return false;
	*ret_news = account->news[(account->news_count - 1 - i) % LEASE_NEWS];
	return true;
}
