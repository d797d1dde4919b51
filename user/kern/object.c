// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loads the BPF object, with the programs that are wanted and fit this kernel: takes over the maps
 * that are pinned and pins the others, sets what is fixed at load time, attaches the programs and
 * pins their links. All goes in one load, for each makes libbpf parse the kernel's types anew. When
 * that is refused, the sensors go one by one: a program that cannot be loaded or attached costs its
 * own sensor only.
 */
#include "user/kern/object.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/kern/libbpf_log.h"
#include "uw.skel.h"

uint64_t object_hash(void)
{
	uint64_t hash = 0xcbf29ce484222325ULL;
	size_t size;
	const unsigned char *bytes = uw__elf_bytes(&size);

	for (size_t at = 0; at < size; at++) /* FNV-1a */
		hash = (hash ^ bytes[at]) * 0x100000001b3ULL;
	return hash;
}

static bool has(uint32_t owners, const struct kern_hook *hook)
{
	return owners & 1U << hook->owner;
}

/* The sensors of owners are lost, the first reason of each stays. */
static void lose(struct install *install, uint32_t owners, const char *what, int code)
{
	struct loader_outcome *outcome = install->outcome;
	char text[LOADER_TEXT_LEN];

	snprintf(text, sizeof(text), "%s: %s%s%s", what, strerror(-code),
		 *libbpf_log_last() ? ": " : "", libbpf_log_last());
	for (int i = 0; i < KERN_SENSOR__COUNT; i++) {
		if (!(owners & (1U << i | 1U << HOOK_OF_ALL)) || !(outcome->sensors & 1U << i))
			continue;
		outcome->sensors &= ~(1U << i);
		memcpy(outcome->text[i], text, sizeof(text));
	}
}

/* Returns those of owners that have all the hooks they require, and one at least. */
static uint32_t choose_programs(struct install *install, struct bpf_object *object, uint32_t owners)
{
	struct bpf_program *program;
	uint32_t usable = 0, lost = 0;

	bpf_object__for_each_program (program, object) {
		const struct kern_hook *hook = hook_find(bpf_program__name(program));
		bool fits = hook && has(owners, hook) && hook_usable(install->btf, hook);

		bpf_program__set_autoload(program, fits);
		if (fits) {
			usable |= 1U << hook->owner;
		} else if (hook && has(owners, hook) && hook->required) {
			lost |= 1U << hook->owner;
			lose(install, 1U << hook->owner, hook->symbol, -EOPNOTSUPP);
		}
	}
	lose(install, owners & ~usable, "no hook", -EOPNOTSUPP);
	usable &= ~lost;
	bpf_object__for_each_program (program, object)
		if (bpf_program__autoload(program) &&
		    !has(usable, hook_find(bpf_program__name(program))))
			bpf_program__set_autoload(program, false);
	return usable;
}

/* Maps uw_NAME are pinned as NAME, and reused when they are. */
static int choose_maps(struct bpf_object *object, uint32_t owners)
{
	char path[PIN_PATH_LEN];
	struct bpf_map *map;
	int r = 0;

	bpf_object__for_each_map (map, object) {
		const char *name = bpf_map__name(map);

		if (bpf_map__is_internal(map))
			continue;
		snprintf(path, sizeof(path), KERN_PIN_DIR "/%s", name + strlen("uw_"));
		r = bpf_map__set_pin_path(map, path);
		if (!r)
			r = bpf_map__set_autocreate(map, hook_needs_map(owners, name));
		if (r)
			return r;
	}
	return 0;
}

static int pin_one(struct install *install, struct bpf_program *program)
{
	const struct kern_hook *hook = hook_find(bpf_program__name(program));
	char path[PIN_PATH_LEN + 32];
	struct bpf_link *link;
	int r;

	snprintf(path, sizeof(path), "%s/%s", install->dir, hook->program);
	if (hook->type == HOOK_ITERATOR || hook->type == HOOK_VERDICT) {
		r = bpf_program__pin(program, path);
	} else {
		link = bpf_program__attach(program);
		if (!link)
			return -errno;
		r = bpf_link__pin(link, path);
		bpf_link__destroy(link);
	}
	install->links += !r;
	return r;
}

/* One optional hook that cannot be attached does not cost the others. */
static void attach_programs(struct install *install, struct bpf_object *object, uint32_t owners)
{
	struct bpf_program *program;
	uint32_t attached = 0;

	bpf_object__for_each_program (program, object) {
		const struct kern_hook *hook = hook_find(bpf_program__name(program));
		int r;

		if (!bpf_program__autoload(program))
			continue;
		libbpf_log_forget();
		r = pin_one(install, program);
		if (!r)
			attached |= 1U << hook->owner;
		else if (hook->required)
			lose(install, 1U << hook->owner, hook->program, r);
	}
	lose(install, owners & ~attached, "no hook can be attached", -ENOENT);
}

/* Fails as the load fails; what is lost before and after it stands in the outcome. */
static int load(struct install *install, uint32_t owners)
{
	struct uw *skel;
	int r;

	libbpf_log_forget();
	skel = uw__open();
	if (!skel)
		return -errno;
	skel->rodata->uw_load.generation = install->generation;
	skel->rodata->uw_load.page_shift =
		(uint32_t)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
	owners = choose_programs(install, skel->obj, owners);
	r = choose_maps(skel->obj, owners);
	if (!r)
		r = uw__load(skel);
	if (!r)
		attach_programs(install, skel->obj, owners);
	uw__destroy(skel);
	return r;
}

void object_install(struct install *install)
{
	struct loader_outcome *outcome = install->outcome;

	outcome->sensors = install->options->sensors;
	if (!load(install, outcome->sensors | 1U << HOOK_OF_ALL))
		return;
	for (int i = HOOK_OF_ALL; i >= 0; i--) { /* what all need comes first */
		uint32_t owner = (outcome->sensors | 1U << HOOK_OF_ALL) & 1U << i;
		int r = owner && outcome->sensors ? load(install, owner) : 0;

		if (r)
			lose(install, owner, "cannot be loaded", r);
	}
}
