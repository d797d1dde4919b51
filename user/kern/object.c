// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loads one BPF object as a part of an installation: takes over the maps that are pinned and pins
 * the others, sets what is fixed at load time, attaches each program that fits this kernel and pins
 * its link. A program that cannot be attached costs its own sensors only.
 */
#include "user/kern/object.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/kern/libbpf_log.h"

static uint32_t page_shift(void)
{
	return (uint32_t)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
}

static int fail_object(struct install *install, enum kern_object object, int code, const char *what,
		       const char *which)
{
	char text[LOADER_TEXT_LEN];

	snprintf(text, sizeof(text), "%s: %s: %s%s%s", which, what, strerror(-code),
		 *libbpf_log_last() ? ": " : "", libbpf_log_last());
	for (int i = 0; i < KERN_SENSOR__COUNT; i++)
		if (kern_elves[object].sensors & 1U << i && !*install->outcome->text[i])
			memcpy(install->outcome->text[i], text, sizeof(text));
	return code;
}

static int set_load(const struct install *install, struct bpf_map *rodata)
{
	struct uw_load load = {.generation = install->generation, .page_shift = page_shift()};
	size_t size = 0;

	if (!bpf_map__initial_value(rodata, &size) || size != sizeof(load))
		return -EINVAL;
	return bpf_map__set_initial_value(rodata, &load, sizeof(load));
}

/* Maps uw_NAME are pinned as NAME, and reused when they are; .rodata is each object's own. */
static int prepare_maps(const struct install *install, struct bpf_object *object)
{
	char path[PIN_PATH_LEN];
	struct bpf_map *map;
	int r = 0;

	bpf_object__for_each_map (map, object) {
		const char *name = bpf_map__name(map);

		if (bpf_map__is_internal(map)) {
			r = set_load(install, map);
		} else if (!strncmp(name, "uw_", 3)) {
			snprintf(path, sizeof(path), KERN_PIN_DIR "/%s", name + 3);
			r = bpf_map__set_pin_path(map, path);
		}
		if (r)
			return r;
	}
	return 0;
}

static int prepare_programs(const struct install *install, struct bpf_object *object,
			    const char **ret_missing)
{
	struct bpf_program *program;

	bpf_object__for_each_program (program, object) {
		const struct kern_hook *hook = hook_find(bpf_program__name(program));
		bool usable = hook && hook_usable(install->btf, hook);

		if (hook && hook->required && !usable) {
			*ret_missing = hook->symbol;
			return -EOPNOTSUPP;
		}
		bpf_program__set_autoload(program, usable);
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
	if (hook->type == HOOK_ITERATOR) {
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
static int attach_programs(struct install *install, struct bpf_object *object)
{
	struct bpf_program *program;
	uint32_t attached = 0;
	int r = -ENOENT;

	bpf_object__for_each_program (program, object) {
		int e;

		if (!bpf_program__autoload(program))
			continue;
		e = pin_one(install, program);
		attached += !e;
		if (e && hook_find(bpf_program__name(program))->required)
			return e;
		if (e)
			r = e;
	}
	return attached ? 0 : r;
}

int object_install(struct install *install, enum kern_object which)
{
	const struct kern_elf *elf = &kern_elves[which];
	struct bpf_object_open_opts opts = {.sz = sizeof(opts), .object_name = elf->name};
	const char *missing = NULL;
	struct bpf_object *object;
	size_t size;
	const void *bytes = elf->bytes(&size);
	int r;

	libbpf_log_forget();
	object = bpf_object__open_mem(bytes, size, &opts);
	if (!object)
		return fail_object(install, which, -errno, "cannot be opened", elf->name);
	r = prepare_maps(install, object);
	if (!r)
		r = prepare_programs(install, object, &missing);
	if (r) {
		fail_object(install, which, r, missing ? missing : "maps", elf->name);
	} else {
		r = bpf_object__load(object);
		if (!r)
			r = attach_programs(install, object);
		if (r)
			fail_object(install, which, r, "cannot be loaded", elf->name);
	}
	bpf_object__close(object);
	return r;
}
