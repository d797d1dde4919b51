// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/cleanup.h"
#include "user/base/units.h"
#include "user/conf/conf.h"

#define ONE "[component a]\nshare = 10%\n"

static int parse(const char *text, struct config *ret_config, struct uw_err *err)
{
	return conf_parse_text("t", text, strlen(text), ret_config, err);
}

static void test_unusual_but_sound_text_is_read(void **state)
{
	static const char *const texts[] = {
		"[component a]\nshare = 10%\npriority = 7",
		"[component a]\r\nshare = 10%\r\npriority = 7\r\n",
		"\xef\xbb\xbf[component a]\nshare = 10%\npriority = 7\n",
		"[component a]\n\tshare=10%\n\tpriority=7\n",
		"[ component\ta ]  ; the one\nshare  =  10% ; f\xc3\xbcr alle\npriority = 7\n",
		"# caf\xc3\xa9 \x01\n; x\n\n\n[component a]\nshare = 10%\n#\npriority = 007\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct uw_err err = {0};
		struct config config;

		parse(texts[i], &config, &err);
		assert_string_equal(err.text, "");
		assert_int_equal(config.component_count, 1);
		assert_string_equal(config.component[0].name, "a");
		assert_int_equal(config.component[0].share_permyriad, 1000);
		assert_int_equal(config.component[0].priority, 7);
	}
}

static const char everything[] =
	"[pool]\nusable = 20G\nreserve = 2.5%\n"
	"root = trading.slice/uw-pool.scope\ngroup = trading\nlease-max = 7\n"
	"[policy]\nedges = 60%, 70%, 80%, 88%, 97%\nhysteresis = 4%\n"
	"adaptive-edges = yes\n"
	"dwell = 1.5s\nfreeze-max = 2min\nfreeze-dwell = 0\n"
	"freeze-budget = 3\nfreeze-window = 1d\nkill-after = 20s\n"
	"kill-delay = 1h\nreclaim-chunk = 1.5M\n"
	"reclaim-deadline = 750ms\nclean-interval = 1min\nclean-target = 0.5%\nstall-burst = 1234us\n"
	"stall-window = 500ms\n"
	"[sense]\nbpf = off\npages = full\nlru-gen = on\nrest-period = 2s\n"
	"pressed-period = 50ms\n"
	"[admission]\nstrategy = adaptive\nfootprints = asked\n"
	"outgrown = fail\noutgrown-after = 1h\n"
	"preemption = yes\nbypass = 1h\nmax-running = 200\n"
	"max-queued = 131072\nqueue-size = 2G\nuser-share = 12.5%\nkill-grace = 0\noutput-limit = 1M\n"
	"output-total = 20G\n"
	"history-count = 0\nhistory-age = 2d\n"
	"[record]\nenabled = no\nsize = 64M\nfile = /srv/uw/box.recording\n"
	"[component a]\nshare = 33.33%\npriority = 10\nprotect = no\n"
	"freeze = yes\nkill = last-resort\ntype = models\nclean = yes\nlend = true\nborrow = on\n"
	"submit = alice  @trading,bob\n"
	"lease = @trading, carol\n"
	"refuse = 64M\n"
	"[component b-2]\nbudget = 4G\nprotect = working-set\n"
	"submit = *\n";

static void test_every_option_reaches_its_field(void **state)
{
	struct uw_err err = {0};
	struct config c;

	(void)state;
	parse(everything, &c, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(c.usable_conf_bytes, 20 * GIB);
	assert_int_equal(c.reserve_permyriad, 250);
	assert_string_equal(c.root, "trading.slice/uw-pool.scope");
	assert_string_equal(c.socket_group, "trading");
	assert_int_equal(c.policy.edge_pct[LEVEL_NORMAL], 0);
	assert_int_equal(c.policy.edge_pct[LEVEL_LOW], 60);
	assert_int_equal(c.policy.edge_pct[LEVEL_EMERGENCY], 97);
	assert_true(c.policy.edges_adapt);
	assert_int_equal(c.policy.hysteresis_pct, 4);
	assert_int_equal(c.policy.dwell_us, 1500000);
	assert_int_equal(c.policy.freeze_max_us, 120000000);
	assert_int_equal(c.policy.freeze_dwell_us, 0);
	assert_int_equal(c.policy.freeze_budget, 3);
	assert_int_equal(c.policy.freeze_window_us, 86400000000);
	assert_int_equal(c.policy.kill_after_us, 20000000);
	assert_int_equal(c.policy.kill_delay_us, 3600000000);
	assert_int_equal(c.policy.reclaim_chunk_bytes, 1536 * KIB);
	assert_int_equal(c.policy.reclaim_deadline_us, 750000);
	assert_int_equal(c.policy.clean_interval_us, 60000000);
	assert_int_equal(c.policy.clean_target_permyriad, 50);
	assert_int_equal(c.policy.stall_burst_us, 1234);
	assert_int_equal(c.policy.stall_window_us, 500000);
	assert_false(c.bpf);
	assert_int_equal(c.pages, SENSE_PAGES_FULL);
	assert_int_equal(c.lru_gen, LRU_GEN_ON);
	assert_int_equal(c.rest_period_us, 2000000);
	assert_int_equal(c.pressed_period_us, 50000);
	assert_false(c.record.enabled);
	assert_int_equal(c.record.size_bytes, 64 * MIB);
	assert_string_equal(c.record.file, "/srv/uw/box.recording");
	assert_int_equal(c.admission.strategy, STRATEGY_ADAPTIVE);
	assert_int_equal(c.admission.footprints, FOOTPRINTS_ASKED);
	assert_int_equal(c.admission.outgrown, OUTGROWN_FAIL);
	assert_int_equal(c.admission.outgrown_us, 3600000000);
	assert_true(c.admission.preemption);
	assert_int_equal(c.admission.bypass_us, 3600000000);
	assert_int_equal(c.admission.max_running, 200);
	assert_int_equal(c.admission.max_queued, 131072);
	assert_int_equal(c.admission.queue_bytes, 2 * GIB);
	assert_int_equal(c.admission.user_share_permyriad, 1250);
	assert_int_equal(c.admission.kill_grace_us, 0);
	assert_int_equal(c.admission.output_bytes, MIB);
	assert_int_equal(c.admission.output_total_bytes, 20 * GIB);
	assert_int_equal(c.admission.history_count, 0);
	assert_int_equal(c.admission.history_age_us, 2 * 86400000000);
	assert_int_equal(c.component_count, 2);
	assert_string_equal(c.component[0].name, "a");
	assert_int_equal(c.component[0].share_permyriad, 3333);
	assert_int_equal(c.component[0].priority, 10);
	assert_int_equal(c.component[0].protect, PROTECT_NONE);
	assert_true(c.component[0].freeze);
	assert_int_equal(c.component[0].kill, KILL_LAST_RESORT);
	assert_int_equal(c.component[0].type, TYPE_MODELS);
	assert_int_equal(c.component[0].clean, CLEAN_YES);
	assert_true(c.component[0].lend);
	assert_true(c.component[0].borrow);
	assert_string_equal(c.component[0].submit, "alice, @trading, bob");
	assert_string_equal(c.component[0].lease, "@trading, carol");
	assert_int_equal(c.component[0].refuse_bytes, 64 * MIB);
	assert_string_equal(c.component[1].name, "b-2");
	assert_int_equal(c.component[1].share_permyriad, 0);
	assert_int_equal(c.component[1].budget_bytes, 4 * GIB);
	assert_int_equal(c.component[1].priority, 5);
	assert_int_equal(c.component[1].type, TYPE_OTHER);
	assert_int_equal(c.component[1].clean, CLEAN_AUTO);
	assert_int_equal(c.component[1].protect, PROTECT_WORKING_SET);
	assert_false(c.component[1].freeze);
	assert_string_equal(c.component[1].submit, "*");
	assert_string_equal(c.component[1].lease, "root");
	assert_int_equal(c.component[1].refuse_bytes, 0);
}

static void test_submit_list_is_walked_word_by_word(void **state)
{
	static const char *const words[] = {"alice", "@trading", "bob"};
	char word[SUBMIT_WORD_LEN];
	const char *at = "alice, @trading  bob";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		at = submit_next(at, word);
		assert_non_null(at);
		assert_string_equal(word, words[i]);
	}
	assert_null(submit_next(at, word));
	assert_null(submit_next("", word));
	assert_null(submit_next("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", word));
}

static void print_to(const struct config *config, char *buf, size_t size)
{
	AUTO_FCLOSE FILE *out = fmemopen(buf, size, "w");

	assert_non_null(out);
	assert_int_equal(conf_print(config, out), 0);
}

static void fail_change(const struct conf_change *change, void *arg)
{
	char text[600];

	(void)arg;
	fail_msg("%s", conf_change_text(change, text, sizeof(text)));
}

static void test_what_is_printed_reads_back_the_same(void **state)
{
	static const char *const texts[] = {everything, ONE, "[pool]\nusable = 80.5%\n" ONE};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct config first = {0}, second = {0};
		char once[4096], twice[4096];
		struct uw_err err = {0};

		assert_int_equal(parse(texts[i], &first, &err), 0);
		print_to(&first, once, sizeof(once));
		parse(once, &second, &err);
		assert_string_equal(err.text, "");
		assert_memory_equal(&first, &second, sizeof(first));
		print_to(&second, twice, sizeof(twice));
		assert_string_equal(once, twice);
	}
}

static void test_resolved_budgets_still_print_as_shares(void **state)
{
	struct config first, second;
	char text[4096];

	(void)state;
	conf_defaults(&first);
	second = first;
	assert_int_equal(config_resolve(&first, 20 * GIB), 0);
	assert_int_equal(first.component[0].budget_bytes, 7 * GIB);
	print_to(&first, text, sizeof(text));
	assert_int_equal(parse(text, &first, NULL), 0);
	assert_int_equal(conf_diff(&first, &second, fail_change, NULL), 0);
}

static void add_line(const struct conf_change *change, void *arg)
{
	char text[600], *lines = arg;

	strcat(lines, conf_change_text(change, text, sizeof(text)));
	strcat(lines, "\n");
}

static void test_diff_names_each_change_with_both_values(void **state)
{
	struct config old_config, new_config;
	char lines[2048] = "";

	(void)state;
	parse("[component ml_models]\nshare = 25%\npriority = 5\n[component gone]\nbudget = 2G\n"
	      "[component db]\nshare = 10%\n",
	      &old_config, NULL);
	parse("[pool]\nusable = 80%\n[policy]\ndwell = 1500ms\n[component db]\nbudget = 1G\n"
	      "[component ml_models]\nshare = 25%\npriority = 7\n[component new]\nshare = 10%\n",
	      &new_config, NULL);
	assert_int_equal(conf_diff(&old_config, &new_config, add_line, lines), 7);
	assert_string_equal(lines, "pool.usable: auto -> 80%\n"
				   "policy.dwell: 10s -> 1500ms\n"
				   "component.db.share: 10% -> unset\n"
				   "component.db.budget: unset -> 1G\n"
				   "component.ml_models.priority: 5 -> 7\n"
				   "component.new: added, share = 10%\n"
				   "component.gone: removed, budget = 2G\n");
	assert_int_equal(conf_diff(&new_config, &new_config, fail_change, NULL), 0);
}

static void check_help(const struct conf_help *help, void *arg)
{
	unsigned int *count = arg;

	assert_true(strlen(help->key) > 0 && strlen(help->help) > 0 && strlen(help->allowed) > 0);
	assert_true(strlen(help->allowed) < CONF_ALLOWED_LEN - 1);
	assert_true(strlen(help->help) <= 72);
	(*count)++;
}

/* Reads a page without the escapes of scdoc and with every run of blanks as one. */
static void read_page(const char *path, char *page, size_t size)
{
	AUTO_FCLOSE FILE *file = fopen(path, "r");
	size_t len = 0;
	int c, last = 0;

	assert_non_null(file);
	while ((c = fgetc(file)) != EOF && len + 1 < size) {
		bool is_blank = c == '\n' || c == '\t' || c == ' ';

		if ((c == '\\' && last != '\\') || (is_blank && len && page[len - 1] == ' ')) {
			last = c;
			continue;
		}
		page[len++] = (char)(is_blank ? ' ' : c);
		last = 0;
	}
	page[len] = '\0';
}

static void check_page(const struct conf_help *help, void *arg)
{
	char text[512];

	snprintf(text, sizeof(text), "*%s* (%s%s) %s. Allowed: %s.", help->key,
		 help->fallback[0] ? "default: " : "no default", help->fallback, help->help,
		 help->allowed);
	if (!strstr(arg, text))
		fail_msg("not in uw.conf(5): %s", text);
}

static void test_manual_page_says_what_the_table_says(void **state)
{
	char page[32768];

	(void)state;
	read_page("scripts/man/uw.conf.5.scd", page, sizeof(page));
	conf_option_each(check_page, page);
}

static void test_every_option_explains_itself(void **state)
{
	unsigned int count = 0;

	(void)state;
	conf_option_each(check_help, &count);
	assert_int_equal(count, 57);
}

static void test_budgets_over_the_pool_are_refused(void **state)
{
	struct uw_err err = {0};
	struct config config;

	(void)state;
	parse("[component a]\nbudget = 3G\n[component b]\nshare = 50%\n", &config, NULL);
	assert_int_equal(conf_check_budget(&config, 6 * GIB, &err), 0);
	assert_int_equal(conf_check_budget(&config, 6 * GIB - 2, &err), -EINVAL);
	assert_string_equal(err.text,
			    "budget: with component 'b' the budgets sum to 6.0G, allowed: "
			    "up to 6.0G (usable 6.0G)");
	assert_int_equal(conf_check_budget(&config, 3 * GIB, &err), -EINVAL);
	assert_int_equal(conf_check_budget(&config, 0, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unusual_but_sound_text_is_read),
		cmocka_unit_test(test_every_option_reaches_its_field),
		cmocka_unit_test(test_submit_list_is_walked_word_by_word),
		cmocka_unit_test(test_what_is_printed_reads_back_the_same),
		cmocka_unit_test(test_resolved_budgets_still_print_as_shares),
		cmocka_unit_test(test_diff_names_each_change_with_both_values),
		cmocka_unit_test(test_every_option_explains_itself),
		cmocka_unit_test(test_manual_page_says_what_the_table_says),
		cmocka_unit_test(test_budgets_over_the_pool_are_refused),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
