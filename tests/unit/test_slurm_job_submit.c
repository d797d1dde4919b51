// SPDX-License-Identifier: GPL-2.0-or-later
/* What job_submit/uw makes of what is recommended, and of a job that asks for more. */
#include <errno.h>
#include <string.h>

#include "tests/unit/hang_guard.h"
#include "user/base/cleanup.h"
#include "user/ipc/json.h"
#include "user/slurm/key_env.h"
#include "user/slurm/requests.h"

static const char recommended[] =
	"{\"requests\": ["
	"{\"key\": \"fold\", \"user\": 7, \"runs\": 5, \"memory_mib\": 42},"
	"{\"key\": \"fold\", \"user\": 6, \"runs\": 3, \"memory_mib\": 9},"
	"{\"key\": \"bad key\", \"user\": 7, \"runs\": 5, \"memory_mib\": 42},"
	"{\"key\": \"more\", \"user\": 7, \"runs\": 5, \"memory_mib\": null},"
	"{\"key\": \"none\", \"user\": 7, \"runs\": 5, \"memory_mib\": 0},"
	"{\"key\": \"nobody\", \"user\": -1, \"runs\": 5, \"memory_mib\": 1}, 3]}";

static void test_a_request_is_lowered_to_what_is_recommended_for_its_user(void **state)
{
	AUTO_JSON json_t *answer = json_loads(recommended, 0, NULL);
	struct slurm_requests requests = {0};
	const struct slurm_request *request;
	char text[SLURM_COMMENT_LEN];
	struct uw_err err = {0};

	(void)state;
	assert_int_equal(slurm_requests_read(answer, &requests, &err), 0);
	assert_int_equal(requests.count, 2);
	request = slurm_request_for(&requests, 7, "fold", 200);
	assert_int_equal(request->mem_mib, 42);
	assert_string_equal(slurm_request_comment(request, 200, text),
			    "uw-key=fold; --mem=42M by 5 runs, where --mem=200M was asked for");
	request = slurm_request_for(&requests, 6, "fold", SLURM_ASKS_NOTHING);
	assert_string_equal(slurm_request_comment(request, SLURM_ASKS_NOTHING, text),
			    "uw-key=fold; --mem=9M by 3 runs, where nothing was asked for");
	assert_null(slurm_request_for(&requests, 7, "fold", 42));
	assert_null(slurm_request_for(&requests, 7, "fold", 10));
	assert_null(slurm_request_for(&requests, 8, "fold", 200));
	assert_null(slurm_request_for(&requests, 7, "more", 200));
	slurm_requests_done(&requests);
	assert_null(slurm_request_for(&requests, 7, "fold", 200));
}

static void test_what_uwctl_did_not_print_is_refused(void **state)
{
	static const char *const texts[] = {"{}", "[]", "{\"requests\": {}}", "{\"keys\": []}"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		AUTO_JSON json_t *answer = json_loads(texts[i], 0, NULL);
		struct slurm_requests requests = {0};
		struct uw_err err = {0};

		assert_int_equal(slurm_requests_read(answer, &requests, &err), -EINVAL);
		assert_non_null(strstr(err.text, "recommend --slurm"));
	}
}

static void test_a_key_is_found_among_what_is_for_the_prolog(void **state)
{
	char *const env[] = {"A=b", "UW_KEYS=c", "SPANK_UW_KEY=fold", "UW_KEY=other", NULL};

	(void)state;
	assert_string_equal(slurm_key_in(env, 4), "fold");
	assert_string_equal(slurm_key_in(env + 3, 1), "other");
	assert_null(slurm_key_in(env, 2));
	assert_null(slurm_key_in(env + 4, 7));
	assert_null(slurm_key_in(NULL, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_request_is_lowered_to_what_is_recommended_for_its_user),
		cmocka_unit_test(test_what_uwctl_did_not_print_is_refused),
		cmocka_unit_test(test_a_key_is_found_among_what_is_for_the_prolog),
	};

	return cmocka_run_group_tests_name("slurm_job_submit", tests, NULL, NULL);
}
