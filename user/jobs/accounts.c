// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Accounts stand in an array sorted by uid, and leave it when they hold nothing. An environment is
 * charged to its user when it comes and taken off when its last job has gone, whichever that is.
 */
#include "user/jobs/accounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PERMYRIAD_ALL 10000U

void accounts_done(struct accounts *accounts)
{
	free(accounts->account);
	free(accounts->env);
	*accounts = (struct accounts){0};
}

/* Where it is, or belongs. */
static uint32_t place_of(const struct accounts *accounts, uint32_t uid)
{
	uint32_t first = 0, end = accounts->count;

	while (first < end) {
		uint32_t middle = first + (end - first) / 2;

		if (accounts->account[middle].uid < uid)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

static struct account *find(const struct accounts *accounts, uint32_t uid)
{
	uint32_t at = place_of(accounts, uid);

	return at < accounts->count && accounts->account[at].uid == uid ? &accounts->account[at]
									: NULL;
}

static struct account *insert(struct accounts *accounts, uint32_t uid)
{
	uint32_t at = place_of(accounts, uid), capacity = accounts->capacity;
	struct account *more = accounts->account;

	if (accounts->count == capacity) {
		capacity = capacity ? capacity * 2 : 8;
		more = reallocarray(more, capacity, sizeof(*more));
		if (!more)
			return NULL;
		accounts->account = more;
		accounts->capacity = capacity;
	}
	memmove(&more[at + 1], &more[at], (accounts->count - at) * sizeof(*more));
	more[at] = (struct account){.uid = uid};
	accounts->count++;
	return &more[at];
}

int accounts_add(struct accounts *accounts, uint32_t uid, enum accounts_what what, uint64_t count)
{
	struct account *account = find(accounts, uid);

	if (!count)
		return 0;
	if (!account)
		account = insert(accounts, uid);
	if (!account)
		return -ENOMEM;
	account->held[what] += count;
	accounts->total[what] += count;
	return 0;
}

static bool is_empty(const struct account *account)
{
	for (int i = 0; i < ACCOUNT__COUNT; i++)
		if (account->held[i])
			return false;
	return true;
}

void accounts_take(struct accounts *accounts, uint32_t uid, enum accounts_what what, uint64_t count)
{
	struct account *account = find(accounts, uid);
	uint32_t at;

	if (!account)
		return;
	if (count > account->held[what])
		count = account->held[what]; /* what could not be added for want of memory */
	account->held[what] -= count;
	accounts->total[what] -= count;
	if (!is_empty(account))
		return;
	at = (uint32_t)(account - accounts->account);
	accounts->count--;
	memmove(account, account + 1, (accounts->count - at) * sizeof(*account));
}

/* ---- environments ---- */

static uint32_t free_env(struct accounts *accounts)
{
	uint32_t at = accounts->env_free, capacity = accounts->env_capacity;
	struct account_env *more;

	if (at) {
		accounts->env_free = accounts->env[at].next_free;
		return at;
	}
	if (accounts->env_count + 1 >= capacity) {
		capacity = capacity ? capacity * 2 : 64;
		more = reallocarray(accounts->env, capacity, sizeof(*more));
		if (!more)
			return 0;
		accounts->env = more;
		accounts->env_capacity = capacity;
	}
	return ++accounts->env_count;
}

uint32_t accounts_env_new(struct accounts *accounts, uint32_t uid, uint64_t bytes)
{
	uint32_t at = bytes ? free_env(accounts) : 0;

	if (!at)
		return 0;
	accounts->env[at] = (struct account_env){.uid = uid, .holders = 1, .bytes = bytes};
	if (accounts_add(accounts, uid, ACCOUNT_BYTES, bytes))
		accounts->env[at].bytes = 0;
	return at;
}

void accounts_env_hold(struct accounts *accounts, uint32_t env)
{
	if (env)
		accounts->env[env].holders++;
}

void accounts_env_drop(struct accounts *accounts, uint32_t env)
{
	struct account_env *at = &accounts->env[env];

	if (!env || --at->holders)
		return;
	accounts_take(accounts, at->uid, ACCOUNT_BYTES, at->bytes);
	at->next_free = accounts->env_free;
	accounts->env_free = env;
}

/* ---- questions ---- */

uint64_t accounts_held(const struct accounts *accounts, uint32_t uid, enum accounts_what what)
{
	const struct account *account = find(accounts, uid);

	return account ? account->held[what] : 0;
}

static uint64_t less(uint64_t from, uint64_t much)
{
	return from > much ? from - much : 0;
}

uint64_t accounts_room(const struct accounts *accounts, uint32_t uid, enum accounts_what what,
		       uint64_t most, uint32_t share_permyriad)
{
	uint64_t own = accounts_held(accounts, uid, what);
	uint64_t left = less(most, accounts->total[what] - own); /* by the others */

	if (uid && share_permyriad && share_permyriad < PERMYRIAD_ALL)
		left = left / PERMYRIAD_ALL * share_permyriad +
		       left % PERMYRIAD_ALL * share_permyriad / PERMYRIAD_ALL;
	return less(left, own);
}

const struct account *accounts_largest(const struct accounts *accounts, enum accounts_what what)
{
	const struct account *largest = NULL;

	for (uint32_t i = 0; i < accounts->count; i++)
		if (accounts->account[i].held[what] &&
		    (!largest || accounts->account[i].held[what] > largest->held[what]))
			largest = &accounts->account[i];
	return largest;
}
