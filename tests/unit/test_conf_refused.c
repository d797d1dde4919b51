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
#include "user/conf/conf.h"

#define ONE "[component a]\nshare = 10%\n"

static int parse(const char *text, struct config *ret_config, struct uw_err *err)
{
	return conf_parse_text("t", text, strlen(text), ret_config, err);
}

/* Text that must be refused, and the message it must be refused with, to the letter. */
static const struct {
	const char *text, *message;
} refused[] = {
	{"", "configuration: no component, allowed: at least one [component NAME]"},
	{"[component a]\n",
	 "t:1: share: component 'a' has no share and no budget, allowed: one of the two"},
	{ONE "prioritty = 5\n",
	 "t:3: unknown key 'prioritty' in [component], did you mean 'priority'?"},
	{ONE "priority = 0\n",
	 "t:3: priority: '0' is out of range, allowed: a number from 1 to 10"},
	{ONE "priority = 11\n",
	 "t:3: priority: '11' is out of range, allowed: a number from 1 to 10"},
	{ONE "priority = high\n",
	 "t:3: priority: 'high' is not understood, allowed: a number from 1 to 10"},
	{ONE "priority =\n", "t:3: priority: '' is not understood, allowed: a number from 1 to 10"},
	{ONE "priority = 5 # why\n",
	 "t:3: priority: '5 # why' is not understood, allowed: a number from 1 to 10; a comment "
	 "behind a value begins with ' ;'"},
	{ONE "protect = always\n",
	 "t:3: protect: 'always' is not understood, allowed: none, budget or working-set"},
	{ONE "kill = yes\n", "t:3: kill: 'yes' is not understood, allowed: no or last-resort"},
	{ONE "freeze = maybe\n", "t:3: freeze: 'maybe' is not understood, allowed: yes or no"},
	{ONE "refuse = 1023K\n",
	 "t:3: refuse: '1023K' is out of range, allowed: no or a size from 1M to 64T"},
	{ONE "refuse = yes\n",
	 "t:3: refuse: 'yes' is not understood, allowed: no or a size from 1M to 64T"},
	{ONE "dwell = 5s\n", "t:3: dwell: not a key of [component], allowed: in [policy]"},
	{ONE "colour = red\n",
	 "t:3: unknown key 'colour' in [component], allowed: see 'uwctl config show'"},
	{ONE "= 5\n", "t:3: unknown key '' in [component], allowed: see 'uwctl config show'"},
	{ONE "share = 10%\n", "t:3: share: set in line 2 already, allowed: once a file"},
	{ONE "budget = 1G\n", "t:3: budget: 'share' is set in line 2, allowed: one of the two"},
	{ONE ONE, "t:3: this section began in line 1 already, allowed: once a file"},
	{"[pool]\n[policy]\n[pool]\n",
	 "t:3: this section began in line 1 already, allowed: once a file"},
	{"[component a]\nshare = 35\n",
	 "t:2: share: '35' has no unit, allowed: a percentage from 0.01% to 100%"},
	{"[component a]\nshare = 0%\n",
	 "t:2: share: '0%' is out of range, allowed: a percentage from 0.01% to 100%"},
	{"[component a]\nshare = 101%\n",
	 "t:2: share: '101%' is out of range, allowed: a percentage from 0.01% to 100%"},
	{"[component a]\nshare = -5%\n",
	 "t:2: share: '-5%' is not understood, allowed: a percentage from 0.01% to 100%"},
	{"[component a]\nbudget = 4096\n",
	 "t:2: budget: '4096' has no unit, allowed: a size from 1M to 64T"},
	{"[component a]\nbudget = 4K\n",
	 "t:2: budget: '4K' is out of range, allowed: a size from 1M to 64T"},
	{"[component a]\nshare = 60%\n[component b]\nshare = 30%\n[component c]\nshare = 10.5%\n",
	 "t:6: share: with component 'c' the shares sum to 100.5%, allowed: up to 100%"},
	{"[pool]\nusable = 1G\nreserve = 0%\n[component a]\nshare = 60%\n[component b]\nbudget = 512M\n",
	 "t:6: budget: with component 'b' the budgets sum to 1.1G, allowed: up to 1.0G (usable "
	 "1.0G)"},
	{"[pool]\nusable = 100M\nreserve = 10%\n[component a]\nbudget = 95M\n",
	 "t:4: budget: with component 'a' the budgets sum to 95M, allowed: up to 90M (usable 100M "
	 "less the reserve)"},
	{"[pool]\nusable = 20\n" ONE,
	 "t:2: usable: '20' has no unit, allowed: auto, a percentage of MemTotal or a size from 1M "
	 "to 64T"},
	{"[pool]\nusable = 0%\n" ONE,
	 "t:2: usable: '0%' is out of range, allowed: auto, a percentage of MemTotal or a size from "
	 "1M to 64T"},
	{"[pool]\nusable = 99999999999999999999T\n" ONE,
	 "t:2: usable: '99999999999999999999T' is out of range, allowed: auto, a percentage of "
	 "MemTotal or a size from 1M to 64T"},
	{"[pool]\nroot = /sys/fs/cgroup/uw\n" ONE,
	 "t:2: root: '/sys/fs/cgroup/uw' is not understood, allowed: auto or a path below the cgroup2 mount, like uw.slice/pool, up to 160 characters"},
	{"[pool]\nroot = a/../../etc\n" ONE,
	 "t:2: root: 'a/../../etc' is not understood, allowed: auto or a path below the cgroup2 mount, like uw.slice/pool, up to 160 characters"},
	{"[pool]\nroot = ..\n" ONE,
	 "t:2: root: '..' is not understood, allowed: auto or a path below the cgroup2 mount, like uw.slice/pool, up to 160 characters"},
	{"[pool]\nroot = \n" ONE,
	 "t:2: root: '' is not understood, allowed: auto or a path below the cgroup2 mount, like uw.slice/pool, up to 160 characters"},
	{"[pool]\nroot = uw/\n" ONE,
	 "t:2: root: 'uw/' is not understood, allowed: auto or a path below the cgroup2 mount, like uw.slice/pool, up to 160 characters"},
	{"[pool]\nroot = a//b\n" ONE,
	 "t:2: root: 'a//b' is not understood, allowed: auto or a path below the cgroup2 mount, like uw.slice/pool, up to 160 characters"},
	{"[pool]\nroot = -x\n" ONE,
	 "t:2: root: '-x' is not understood, allowed: auto or a path below the cgroup2 mount, like uw.slice/pool, up to 160 characters"},
	{"[pool]\ngroup = Wheel!\n" ONE,
	 "t:2: group: 'Wheel!' is not understood, allowed: a group name of at most 31 of a-z 0-9 _ "
	 "-"},
	{"[policy]\nedges = 70% 80% 85% 90%\n" ONE,
	 "t:2: edges: '70% 80% 85% 90%' is not understood, allowed: 5 rising whole percentages from "
	 "1% to 100%"},
	{"[policy]\nedges = 70% 80% 80% 90% 95%\n" ONE,
	 "t:2: edges: '70% 80% 80% 90% 95%' is not understood, allowed: 5 rising whole percentages "
	 "from 1% to 100%"},
	{"[policy]\nedges = 70 80 85 90 95\n" ONE,
	 "t:2: edges: '70 80 85 90 95' has no unit, allowed: 5 rising whole percentages from 1% to "
	 "100%"},
	{"[policy]\nedges = 70% 80% 85% 90% 95% 97%\n" ONE,
	 "t:2: edges: '70% 80% 85% 90% 95% 97%' is not understood, allowed: 5 rising whole "
	 "percentages from 1% to 100%"},
	{"[policy]\nedges = 70% 80% 85% 90% 101%\n" ONE,
	 "t:2: edges: '70% 80% 85% 90% 101%' is out of range, allowed: 5 rising whole percentages "
	 "from 1% to 100%"},
	{"[policy]\nedges = 2% 80% 85% 90% 95%\n" ONE,
	 "t:2: hysteresis: '3%' reaches below the first edge at 2%, allowed: less than it"},
	{"[policy]\nhysteresis = 2.5%\n" ONE,
	 "t:2: hysteresis: '2.5%' is not understood, allowed: a whole percentage from 1% to 20%"},
	{"[policy]\ndwell = 10\n" ONE,
	 "t:2: dwell: '10' has no unit, allowed: a time from 100ms to 1h"},
	{"[policy]\ndwell = 2h\n" ONE,
	 "t:2: dwell: '2h' is out of range, allowed: a time from 100ms to 1h"},
	{"[policy]\nfreeze-dwell = 90s\n" ONE,
	 "t:2: freeze-dwell: '90s' is over '1min' of freeze-max, allowed: up to it"},
	{"[policy]\nfreeze-max = 1s\n" ONE,
	 "t:2: freeze-dwell: '2s' is over '1s' of freeze-max, allowed: up to it"},
	{"[policy]\nstall-window = 1ms\n" ONE,
	 "t:2: stall-burst: '5ms' is over '1ms' of stall-window, allowed: up to it"},
	{"[sense]\npressed-period = 2s\n" ONE,
	 "t:2: pressed-period: '2s' is over '1s' of rest-period, allowed: up to it"},
	{"[admission]\nstrategy = no\n" ONE,
	 "t:2: strategy: 'no' is not understood, allowed: balanced, throughput, latency or adaptive"},
	{"[admission]\nhistory-age = 10s\n" ONE,
	 "t:2: history-age: '10s' is out of range, allowed: a time from 1min to 3650d"},
	{"[record]\nfile = recording\n" ONE,
	 "t:2: file: 'recording' is not understood, allowed: an absolute path of letters, digits and "
	 "_-.@: up to 127"},
	{"[record]\nfile = /var/../etc/shadow\n" ONE,
	 "t:2: file: '/var/../etc/shadow' is not understood, allowed: an absolute path of letters, "
	 "digits and _-.@: up to 127"},
	{"[record]\nsize = 1M\n" ONE,
	 "t:2: size: '1M' is out of range, allowed: a size from 4M to 1G"},
	{"[pool]\nlease-max = 4097\n" ONE,
	 "t:2: lease-max: '4097' is out of range, allowed: a number from 1 to 4096"},
	{"[pool]\nlease-max = 0\n" ONE,
	 "t:2: lease-max: '0' is out of range, allowed: a number from 1 to 4096"},
	{"[admission]\nmax-running = 0\n" ONE,
	 "t:2: max-running: '0' is out of range, allowed: a number from 1 to 200"},
	{"[admission]\nsubmit = root\n" ONE,
	 "t:2: submit: not a key of [admission], allowed: in [component]"},
	{ONE "submit =\n",
	 "t:3: submit: '' is not understood, allowed: root, or users, @groups or * for all "
	 "users, up to 127 characters"},
	{ONE "lease = @\n",
	 "t:3: lease: '@' is not understood, allowed: root, or users, @groups or * for all "
	 "users, up to 127 characters"},
	{ONE "submit = @\n",
	 "t:3: submit: '@' is not understood, allowed: root, or users, @groups or * for all "
	 "users, up to 127 characters"},
	{ONE "submit = alice, 1000\n",
	 "t:3: submit: 'alice, 1000' is not understood, allowed: root, or users, @groups or * for all "
	 "users, up to 127 characters"},
	{ONE "submit = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
	 "t:3: submit: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' is out of range, "
	 "allowed: root, or users, @groups or * for all users, up to 127 "
	 "characters"},
	{"[sense]\npages = all\n" ONE,
	 "t:2: pages: 'all' is not understood, allowed: off, batched or full"},
	{"[sense]\nlru-gen = off\n" ONE,
	 "t:2: lru-gen: 'off' is not understood, allowed: keep or on"},
	{"usable = auto\n" ONE,
	 "t:1: 'usable' stands before the first section, allowed: [pool], [policy], [sense], "
	 "[admission], [component NAME] above it"},
	{"[poool]\n",
	 "t:1: unknown section 'poool' (did you mean 'pool'?), allowed: [pool], [policy], [sense], "
	 "[admission], [component NAME]"},
	{"[]\n",
	 "t:1: unknown section '', allowed: [pool], [policy], [sense], [admission], [component NAME]"},
	{"[pool\n",
	 "t:1: '[pool' is no section, allowed: [pool], [policy], [sense], [admission], [component NAME] on a line "
	 "of its own"},
	{"[pool] usable = auto\n",
	 "t:1: '[pool] usable = auto' is no section, allowed: [pool], [policy], [sense], [admission], [component "
	 "NAME] on a line of its own"},
	{"[pool a]\n",
	 "t:1: [pool] has too many words, allowed: [pool], [policy], [sense], [admission], [component NAME]"},
	{"[component a b]\n",
	 "t:1: [component] has too many words, allowed: [pool], [policy], [sense], [admission], [component NAME]"},
	{"[component]\n",
	 "t:1: component '': bad name, allowed: 1 to 31 of a-z 0-9 _ -, the first a letter or digit"},
	{"[component holder]\n",
	 "t:1: component 'holder': the name is taken by uw-guard's own group, allowed: any other"},
	{"[component ../../etc]\n",
	 "t:1: component '../../etc': bad name, allowed: 1 to 31 of a-z 0-9 _ -, the first a letter "
	 "or digit"},
	{"[component abcdefghijklmnopqrstuvwxyz012345]\n",
	 "t:1: component 'abcdefghijklmnopqrstuvwxyz012345': bad name, allowed: 1 to 31 of a-z 0-9 "
	 "_ -, the first a letter or digit"},
	{ONE "share\n", "t:3: 'share' is neither a section nor a setting, allowed: KEY = VALUE"},
	{ONE "priority: 5\n",
	 "t:3: 'priority: 5' is neither a section nor a setting, allowed: KEY = VALUE"},
	{ONE "priority ; = 5\n",
	 "t:3: 'priority' is neither a section nor a setting, allowed: KEY = VALUE"},
	{ONE "prio\x01rity = 5\n",
	 "t:3: byte 0x01 at column 5, allowed: plain ASCII text outside of comments"},
	{ONE "priority = \xc2\xa0"
	     "5\n",
	 "t:3: byte 0xc2 at column 12, allowed: plain ASCII text outside of comments"},
	{"\x7f"
	 "ELF\x02\x01\x01",
	 "t:1: byte 0x7f at column 1, allowed: plain ASCII text outside of comments"},
	{ONE "a\rb = 1\n",
	 "t:3: byte 0x0d at column 2, allowed: plain ASCII text outside of comments"},
};

static void test_hostile_text_is_refused_with_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct config config, before;
		struct uw_err err = {0};

		memset(&config, 0x5a, sizeof(config));
		before = config;
		assert_int_equal(parse(refused[i].text, &config, &err), -EINVAL);
		assert_int_equal(err.code, -EINVAL);
		assert_string_equal(err.text, refused[i].message);
		assert_memory_equal(&config, &before, sizeof(config));
		assert_int_equal(parse(refused[i].text, &config, NULL), -EINVAL);
	}
}

static void test_nul_bytes_are_refused_outside_of_comments(void **state)
{
	static const char in_value[] = ONE "priority = 5\0\n";
	static const char in_comment[] = "# \0\n" ONE "priority = 5 ;\0\n";
	struct uw_err err = {0};
	struct config config;

	(void)state;
	assert_int_equal(conf_parse_text("t", in_value, sizeof(in_value) - 1, &config, &err),
			 -EINVAL);
	assert_string_equal(
		err.text,
		"t:3: byte 0x00 at column 13, allowed: plain ASCII text outside of comments");
	assert_int_equal(conf_parse_text("t", in_comment, sizeof(in_comment) - 1, &config, &err),
			 0);
}

static void test_overlong_lines_are_refused_and_not_cut(void **state)
{
	struct uw_err err = {0};
	struct config config;
	char text[512];

	(void)state;
	snprintf(text, sizeof(text), "%spriority = %0300d\n", ONE, 5);
	assert_int_equal(parse(text, &config, &err), -EINVAL);
	assert_string_equal(err.text, "t:3: the line is 311 characters long, allowed: 197");
	snprintf(text, sizeof(text), "%spriority = %0186d\n", ONE, 5);
	assert_int_equal(parse(text, &config, &err), 0);
	assert_int_equal(config.component[0].priority, 5);
}

static void test_one_component_too_many_is_refused(void **state)
{
	char text[UW_COMPONENTS_MAX * 40 + 80] = "";
	struct uw_err err = {0};
	struct config config;
	size_t len = 0;

	(void)state;
	for (int i = 0; i < UW_COMPONENTS_MAX; i++)
		len += (size_t)sprintf(text + len, "[component c%d]\nshare=1%%\n", i);
	assert_int_equal(parse(text, &config, &err), 0);
	assert_int_equal(config.component_count, UW_COMPONENTS_MAX);
	strcpy(text + len, "[component more]\nshare = 1%\n");
	assert_int_equal(parse(text, &config, &err), -EINVAL);
	assert_string_equal(err.text, "t:65: component 'more': too many, allowed: 32");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile_text_is_refused_with_its_line),
		cmocka_unit_test(test_nul_bytes_are_refused_outside_of_comments),
		cmocka_unit_test(test_overlong_lines_are_refused_and_not_cut),
		cmocka_unit_test(test_one_component_too_many_is_refused),
	};

	return cmocka_run_group_tests_name("conf_refused", tests, NULL, NULL);
}
