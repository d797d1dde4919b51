// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A request is only ever lowered: who asks for less than others have used knows something, or is
 * held to it on the node, which uwd learns of.
 */
#include "user/slurm/requests.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/text.h"
#include "user/ipc/json.h"
#include "user/model/job.h"

_Static_assert(SLURM_KEY_LEN == JOB_KEY_LEN, "a key of one is a key of the other");

void slurm_requests_done(struct slurm_requests *requests)
{
	free(requests->at);
	*requests = (struct slurm_requests){0};
}

static int compare(const void *a, const void *b)
{
	const struct slurm_request *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : x->uid < y->uid ? -1 : x->uid > y->uid;
}

static bool read_one(const json_t *from, struct slurm_request *ret_request)
{
	uint64_t uid = json_get_u64(from, "user"), mib = json_get_u64_or(from, "memory_mib", 0);

	*ret_request = (struct slurm_request){
		.uid = (uint32_t)uid, .mem_mib = mib, .runs = json_get_u64_or(from, "runs", 0)};
	return uid < UINT32_MAX && mib &&
	       text_copy(ret_request->key, sizeof(ret_request->key), json_get_text(from, "key")) &&
	       text_is_word(ret_request->key, sizeof(ret_request->key));
}

int slurm_requests_read(const json_t *answer, struct slurm_requests *ret_requests,
			struct uw_err *err)
{
	const json_t *list = json_object_get(answer, "requests"), *entry;
	struct slurm_requests requests = {0};
	size_t i;

	if (!json_is_array(list))
		return err_set(err, -EINVAL,
			       "it has no 'requests', as of uwctl recommend --slurm --json");
	requests.at = calloc(json_array_size(list) + 1, sizeof(*requests.at));
	if (!requests.at)
		return err_set(err, -ENOMEM, "out of memory");
	json_array_foreach (list, i, entry)
		requests.count += read_one(entry, &requests.at[requests.count]);
	qsort(requests.at, requests.count, sizeof(*requests.at), compare);
	*ret_requests = requests;
	return 0;
}

const struct slurm_request *slurm_request_for(const struct slurm_requests *requests, uint32_t uid,
					      const char *key, uint64_t asked_mib)
{
	struct slurm_request want = {.uid = uid};
	const struct slurm_request *found;

	if (!requests->count || !text_copy(want.key, sizeof(want.key), key))
		return NULL;
	found = bsearch(&want, requests->at, requests->count, sizeof(want), compare);
	return found && found->mem_mib < asked_mib ? found : NULL;
}

const char *slurm_request_comment(const struct slurm_request *request, uint64_t asked_mib,
				  char buf[static SLURM_COMMENT_LEN])
{
	char asked[48] = "nothing";

	if (asked_mib != SLURM_ASKS_NOTHING)
		snprintf(asked, sizeof(asked), "--mem=%" PRIu64 "M", asked_mib);
	snprintf(buf, SLURM_COMMENT_LEN,
		 "uw-key=%s; --mem=%" PRIu64 "M by %" PRIu64 " runs, where %s was asked for",
		 request->key, request->mem_mib, request->runs, asked);
	return buf;
}
