// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Answers Queue: those that run, then those in the order in which they will start, then the rest by
 * id, of which the page that is asked for is told. Which jobs that are is found first, then they
 * are written out, both in parts in the turns of the clients. One such call is worked at at a time,
 * so that a crowd of them takes no memory: root's first, and else the users take turns. As a page
 * near the top of all jobs is what is asked for most, it is made without a look at the rest.
 */
#include "user/daemon/methods/queue_page.h"

#include <stddef.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/daemon/methods/encode_job.h"
#include "user/daemon/methods/id_heap.h"
#include "user/daemon/methods/select.h"
#include "user/ipc/json.h"
#include "user/jobs/jobs.h"

#define LOOKED_PART 50U /* at jobs, with 256 ranges to hold each against, before the clock */
#define SORTED_PART 100U

enum page_phase {
	PAGE_ACTIVE,
	PAGE_QUEUED,
	PAGE_REST,   /* is looked for ... */
	PAGE_SORTED, /* ... and taken in order */
	PAGE_WRITTEN,
	PAGE_PHASE__COUNT
};

struct queue_page {
	struct ipc_work work;
	struct queue_page *next; /* that waits, of all */
	struct daemon *daemon;
	uint64_t token;
	uint32_t uid;
	json_t *parameters; /* select points into them */
	struct job_select select;
	uint64_t from, count, total;
	enum page_phase phase;
	struct admit_place place;
	const struct job *at;       /* the last that was looked at */
	uint8_t seen[JOBS_MAX / 8]; /* in the order of the queue, by place in the table */
	struct id_heap rest;        /* held, waiting for others, or too large for their component */
	uint64_t id[IPC_JOBS_A_PAGE]; /* of the page */
	uint32_t id_count, written;
	struct json_writer text;
	bool failed;
};

static void page_free(struct queue_page *page)
{
	json_decref(page->parameters);
	id_heap_done(&page->rest);
	free(page->text.bytes);
	free(page);
}

/* ---- which ---- */

static bool is_on_page(const struct queue_page *page, uint64_t at)
{
	return at >= page->from && at - page->from < page->count;
}

static void offer(struct queue_page *page, const struct job *job)
{
	const struct jobs *jobs = page->daemon->jobs;

	if (!job || !select_has(&page->select, jobs, job))
		return;
	if (is_on_page(page, page->total))
		page->id[page->id_count++] = job->id;
	page->total++;
}

static bool is_plain(const struct job_select *select)
{
	return !select->range_count && !select->component && !select->key && !select->tag &&
	       !select->states && !select->one_user;
}

/* All of it is there, and what comes behind it is counted already. */
static bool is_known(const struct queue_page *page)
{
	return is_plain(&page->select) && page->total >= page->from + page->count;
}

static enum page_phase look_at_active(struct queue_page *page)
{
	uint32_t slot = 0;
	const struct job *job;

	while ((job = jobs_next_active(page->daemon->jobs, &slot)))
		offer(page, job);
	return PAGE_QUEUED;
}

static void see(struct queue_page *page, const struct job *job)
{
	uint32_t place = jobs_place(page->daemon->jobs, job);

	page->seen[place / 8] |= (uint8_t)(1U << place % 8);
}

/* As the queue may move between two parts, a job may come twice. */
static bool is_seen(const struct queue_page *page, const struct job *job)
{
	uint32_t place = jobs_place(page->daemon->jobs, job);

	return page->seen[place / 8] & (1U << place % 8);
}

static enum page_phase look_at_queued(struct queue_page *page)
{
	const struct jobs *jobs = page->daemon->jobs;
	uint64_t queued[LOOKED_PART];
	uint32_t count = admit_queue_next(jobs_admit(jobs), &page->place, queued, LOOKED_PART);

	for (uint32_t i = 0; i < count; i++) {
		const struct job *job = jobs_find(jobs, queued[i]);

		if (!job || is_seen(page, job))
			continue;
		see(page, job);
		offer(page, job);
	}
	if (is_known(page)) {
		page->total = jobs_count(jobs);
		return PAGE_WRITTEN;
	}
	return count == LOOKED_PART ? PAGE_QUEUED : PAGE_REST;
}

static enum page_phase look_for_rest(struct queue_page *page)
{
	const struct jobs *jobs = page->daemon->jobs;

	for (uint32_t i = 0; i < LOOKED_PART; i++) {
		page->at = jobs_next(jobs, page->at);
		if (!page->at)
			return PAGE_SORTED;
		if (job_state_is_active((enum job_state)page->at->state) ||
		    is_seen(page, page->at) || !select_has(&page->select, jobs, page->at))
			continue;
		page->failed |= id_heap_add(&page->rest, page->at->id) != 0;
	}
	return PAGE_REST;
}

static enum page_phase sort_rest(struct queue_page *page)
{
	for (uint32_t i = 0; i < SORTED_PART && page->rest.count; i++) {
		uint64_t id = id_heap_take(&page->rest);

		if (is_on_page(page, page->total))
			page->id[page->id_count++] = id;
		if (++page->total < page->from + page->count)
			continue;
		page->total += page->rest.count;
		return PAGE_WRITTEN;
	}
	return page->rest.count ? PAGE_SORTED : PAGE_WRITTEN;
}

/* ---- and what of them ---- */

/* One: it is read from the database. */
static enum page_phase write_one(struct queue_page *page)
{
	const struct jobs *jobs = page->daemon->jobs;
	const struct job *job;

	if (!page->written)
		json_write(&page->text, "{\"jobs\":[");
	if (page->written == page->id_count)
		return PAGE_PHASE__COUNT;
	job = jobs_find(jobs, page->id[page->written++]);
	if (job)
		json_write_element(&page->text, encode_queue_entry(jobs, job));
	return PAGE_WRITTEN;
}

static void end(struct queue_page *page, struct ipc_answer *answer)
{
	uint64_t end = page->from + page->count;

	json_write(&page->text, "],\"total\":");
	json_write_value(&page->text, json_number(page->total));
	json_write(&page->text, ",\"next\":");
	json_write_value(&page->text, end < page->total ? json_u64(end) : json_null());
	json_write(&page->text, "}");
	page->text.failed |= page->failed;
	ipc_answer_write(answer, &page->text);
}

/* ---- one after the other ---- */

static const struct page_phase_row {
	enum page_phase (*part)(struct queue_page *page);
} phases[PAGE_PHASE__COUNT] = {
	[PAGE_ACTIVE] = {look_at_active}, [PAGE_QUEUED] = {look_at_queued},
	[PAGE_REST] = {look_for_rest},    [PAGE_SORTED] = {sort_rest},
	[PAGE_WRITTEN] = {write_one},
};

/* As far behind the user of the last one as it is; root comes before all. */
static uint64_t turn_of(const struct queue_page *page)
{
	return page->uid ? 1 + (uint64_t)(page->uid - page->daemon->page_uid - 1) : 0;
}

/* Moves the next one to the front, and begins with it. */
static void begin_next(struct daemon *daemon)
{
	struct queue_page **next = &daemon->pages, *page;

	if (!daemon->pages)
		return;
	for (struct queue_page **at = &daemon->pages; *at; at = &(*at)->next)
		if (turn_of(*at) < turn_of(*next))
			next = at;
	page = *next;
	*next = page->next;
	page->next = daemon->pages;
	daemon->pages = page;
	if (page->uid)
		daemon->page_uid = page->uid;
	ipc_server_put_work(daemon->server, &page->work);
}

static struct queue_page *page_of(struct ipc_work *work)
{
	return (struct queue_page *)((char *)work - offsetof(struct queue_page, work));
}

/* The first of all is the one that is worked at. */
static bool step(struct ipc_work *work)
{
	struct queue_page *page = page_of(work);
	struct daemon *daemon = page->daemon;
	uint64_t until_us = clock_now_us() + IPC_PART_US;
	struct ipc_answer answer = {0};

	if (ipc_server_is_awaited(daemon->server, page->token)) {
		do
			page->phase = phases[page->phase].part(page);
		while (page->phase != PAGE_PHASE__COUNT && clock_now_us() < until_us);
		if (page->phase != PAGE_PHASE__COUNT)
			return true;
		end(page, &answer);
		ipc_server_answer(daemon->server, page->token, &answer, clock_now_us());
	}
	daemon->pages = page->next;
	page_free(page);
	begin_next(daemon);
	return false;
}

static void drop_all(struct ipc_work *work)
{
	struct daemon *daemon = page_of(work)->daemon;

	while (daemon->pages) {
		struct queue_page *page = daemon->pages;

		daemon->pages = page->next;
		page_free(page);
	}
}

/* ---- the call ---- */

/* Behind all that wait; whose callers have gone meanwhile wait no more. */
static void line_up(struct daemon *daemon, struct queue_page *page)
{
	struct queue_page **last = &daemon->pages, *at;
	bool alone = !daemon->pages;

	while ((at = *last)) {
		if (at == daemon->pages || ipc_server_is_awaited(daemon->server, at->token)) {
			last = &at->next;
			continue;
		}
		*last = at->next;
		page_free(at);
	}
	*last = page;
	if (alone)
		begin_next(daemon);
}

void method_queue_page(struct daemon *daemon, const struct ipc_call *call,
		       struct ipc_answer *answer)
{
	uint64_t count = json_get_u64_or(call->parameters, "count", IPC_JOBS_A_PAGE);
	struct queue_page *page = calloc(1, sizeof(*page));

	if (!page) {
		ipc_answer_fail(answer, IPC_ERROR_FAILED, "out of memory");
		return;
	}
	if (!select_read(call, answer, "select", &page->select)) {
		page_free(page);
		return;
	}
	page->work = (struct ipc_work){.step = step, .drop = drop_all};
	page->daemon = daemon;
	page->token = call->token;
	page->uid = call->peer->uid;
	page->parameters = json_incref((json_t *)call->parameters);
	page->count = count < IPC_JOBS_A_PAGE ? count : IPC_JOBS_A_PAGE;
	page->from = json_get_u64_or(call->parameters, "from", 0);
	if (page->from > JOBS_MAX)
		page->from = JOBS_MAX;
	answer->later = true;
	line_up(daemon, page);
}
