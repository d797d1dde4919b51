// SPDX-License-Identifier: GPL-2.0-or-later
/* The attach table against kernels made up of BTF, and against the programs that are built in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/btf.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/kern/hooks.h"
#include "uw.skel.h"

static int add_prototype(struct btf *btf, int args)
{
	int number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	int prototype = btf__add_func_proto(btf, number);

	for (int i = 0; i < args; i++)
		assert_int_equal(btf__add_func_param(btf, "", number), 0);
	return prototype;
}

static void add_function(struct btf *btf, const char *name, int args)
{
	int prototype = add_prototype(btf, args);

	assert_true(btf__add_func(btf, name, BTF_FUNC_GLOBAL, prototype) > 0);
}

/* As the kernel describes it: with its own first argument. */
static void add_tracepoint(struct btf *btf, const char *name, int args)
{
	int prototype = add_prototype(btf, args + 1);
	int pointer = btf__add_ptr(btf, prototype);
	char full[128];

	snprintf(full, sizeof(full), "btf_trace_%s", name);
	assert_true(btf__add_typedef(btf, full, pointer) > 0);
}

static bool usable(const struct btf *btf, const char *program)
{
	const struct kern_hook *hook = hook_find(program);

	assert_non_null(hook);
	return hook_usable(btf, hook);
}

static void test_hook_usable_missing_symbol_is_refused(void **state)
{
	struct btf *btf = btf__new_empty();

	(void)state;
	add_function(btf, "page_counter_charge", 2);
	assert_true(usable(btf, "uw_charge"));
	assert_false(usable(btf, "uw_try_charge"));
	btf__free(btf);
}

static void test_hook_usable_function_is_no_tracepoint(void **state)
{
	struct btf *btf = btf__new_empty();

	(void)state;
	add_function(btf, "cgroup_rmdir", 2);
	assert_false(usable(btf, "uw_rmdir"));
	add_tracepoint(btf, "cgroup_rmdir", 2);
	assert_true(usable(btf, "uw_rmdir"));
	btf__free(btf);
}

static void test_hook_usable_vmpressure_follows_its_arguments(void **state)
{
	struct btf *before = btf__new_empty();
	struct btf *since = btf__new_empty();
	struct btf *unknown = btf__new_empty();

	(void)state;
	add_function(before, "vmpressure", 5);
	assert_true(usable(before, "uw_pressure"));
	assert_false(usable(before, "uw_pressure_ord"));
	add_function(since, "vmpressure", 6);
	assert_false(usable(since, "uw_pressure"));
	assert_true(usable(since, "uw_pressure_ord"));
	add_function(unknown, "vmpressure", 7);
	assert_false(usable(unknown, "uw_pressure"));
	assert_false(usable(unknown, "uw_pressure_ord"));
	btf__free(before);
	btf__free(since);
	btf__free(unknown);
}

static void test_hook_usable_oom_victim_by_task_or_by_choice(void **state)
{
	struct btf *by_pid = btf__new_empty();
	struct btf *by_task = btf__new_empty();

	(void)state;
	add_tracepoint(by_pid, "mark_victim", 1);
	add_function(by_pid, "oom_kill_process", 2);
	assert_false(usable(by_pid, "uw_oom_victim"));
	assert_true(usable(by_pid, "uw_oom_kill"));
	add_tracepoint(by_task, "mark_victim", 2);
	add_function(by_task, "oom_kill_process", 2);
	assert_true(usable(by_task, "uw_oom_victim"));
	assert_false(usable(by_task, "uw_oom_kill"));
	btf__free(by_pid);
	btf__free(by_task);
}

static void test_hook_usable_typedef_of_something_else_is_refused(void **state)
{
	struct btf *btf = btf__new_empty();
	int number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);

	(void)state;
	assert_true(btf__add_typedef(btf, "btf_trace_mm_page_alloc", number) > 0);
	assert_false(usable(btf, "uw_page_alloc"));
	btf__free(btf);
}

static void test_hooks_table_is_consistent(void **state)
{
	(void)state;
	for (size_t i = 0; i < kern_hook_count; i++) {
		const struct kern_hook *hook = &kern_hooks[i];

		assert_ptr_equal(hook_find(hook->program), hook);
		assert_in_range(strlen(hook->program), 1, 15); /* BPF_OBJ_NAME_LEN */
		assert_in_range(hook->owner, 0, HOOK_OF_ALL);
		assert_non_null(hook->lost);
		if (hook->unless)
			assert_non_null(hook_find(hook->unless));
	}
	assert_null(hook_find("uw_nothing"));
}

static void test_every_sensor_has_a_hook(void **state)
{
	uint32_t owners = 0;

	(void)state;
	for (size_t i = 0; i < kern_hook_count; i++)
		owners |= 1U << kern_hooks[i].owner;
	assert_int_equal(owners, (1U << HOOK_OF_ALL << 1) - 1);
}

static void test_every_program_has_a_hook(void **state)
{
	struct uw *skel = uw__open();
	struct bpf_program *program;
	size_t programs = 0;

	(void)state;
	assert_non_null(skel);
	bpf_object__for_each_program (program, skel->obj) {
		assert_non_null(hook_find(bpf_program__name(program)));
		programs++;
	}
	assert_int_equal(programs, kern_hook_count);
	uw__destroy(skel);
}

/* Names under which they are pinned, and whether no sensor can do without. */
static void test_every_map_is_linked_in_once(void **state)
{
	static const struct {
		const char *name;
		bool always;
	} maps[] = {
		{"uw_components", true}, {"uw_counters", true},     {"uw_settings", true},
		{"uw_drops", true},      {"uw_marks", true},        {"uw_stalls", true},
		{"uw_events", false},    {"uw_stall_tasks", false}, {"uw_reclaim_tasks", false},
		{"uw_pages", false},     {"uw_gates", true},        {"uw_refusals", true},
		{"uw_gated", true},
	};
	struct uw *skel = uw__open();
	struct bpf_map *map;
	size_t pinned = 0;

	(void)state;
	assert_non_null(skel);
	bpf_object__for_each_map (map, skel->obj)
		pinned += !bpf_map__is_internal(map);
	assert_int_equal(pinned, ARRAY_SIZE(maps));
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		assert_non_null(bpf_object__find_map_by_name(skel->obj, maps[i].name));
		assert_int_equal(hook_needs_map(1U << HOOK_OF_ALL, maps[i].name), maps[i].always);
		assert_true(hook_needs_map((1U << KERN_SENSOR__COUNT) - 1, maps[i].name));
	}
	uw__destroy(skel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hook_usable_missing_symbol_is_refused),
		cmocka_unit_test(test_hook_usable_function_is_no_tracepoint),
		cmocka_unit_test(test_hook_usable_vmpressure_follows_its_arguments),
		cmocka_unit_test(test_hook_usable_oom_victim_by_task_or_by_choice),
		cmocka_unit_test(test_hook_usable_typedef_of_something_else_is_refused),
		cmocka_unit_test(test_hooks_table_is_consistent),
		cmocka_unit_test(test_every_sensor_has_a_hook),
		cmocka_unit_test(test_every_program_has_a_hook),
		cmocka_unit_test(test_every_map_is_linked_in_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
