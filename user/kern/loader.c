// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/kern/loader.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/kern/hooks.h"
#include "user/kern/pins.h"
#include "user/kern/words.h"

/* All that one installation needs. */
struct loader {
	const struct kern_options *options;
	struct loader_outcome *outcome;
	struct btf *btf;
	uint32_t generation;
	uint64_t build;
	uint32_t links;
	char dir[PIN_PATH_LEN]; /* of the generation */
};

/* FNV-1a over the programs as they were built into this binary. */
static uint64_t hash_build(void)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (int i = 0; i < OBJECT__COUNT; i++) {
		size_t size;
		const unsigned char *bytes = kern_elves[i].bytes(&size);

		for (size_t at = 0; at < size; at++)
			hash = (hash ^ bytes[at]) * 0x100000001b3ULL;
	}
	return hash;
}

static uint32_t page_shift(void)
{
	return (uint32_t)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
}

/* ---- one object ---- */

static int fail_object(struct loader *loader, enum kern_object object, int code, const char *what,
		       const char *which)
{
	char text[LOADER_TEXT_LEN];

	snprintf(text, sizeof(text), "%s: %s: %s%s%s", which, what, strerror(-code),
		 *words_last() ? ": " : "", words_last());
	for (int i = 0; i < KERN_SENSOR__COUNT; i++)
		if (kern_elves[object].sensors & 1U << i && !*loader->outcome->text[i])
			memcpy(loader->outcome->text[i], text, sizeof(text));
	return code;
}

static int set_load(const struct loader *loader, struct bpf_map *rodata)
{
	struct uw_load load = {.generation = loader->generation, .page_shift = page_shift()};
	size_t size = 0;

	if (!bpf_map__initial_value(rodata, &size) || size != sizeof(load))
		return -EINVAL;
	return bpf_map__set_initial_value(rodata, &load, sizeof(load));
}

/* Maps uw_NAME are pinned as NAME, and reused when they already are; .rodata is each object's own. */
static int prepare_maps(const struct loader *loader, struct bpf_object *object)
{
	char path[PIN_PATH_LEN];
	struct bpf_map *map;
	int r = 0;

	bpf_object__for_each_map(map, object) {
		const char *name = bpf_map__name(map);

		if (bpf_map__is_internal(map)) {
			r = set_load(loader, map);
		} else if (!strncmp(name, "uw_", 3)) {
			snprintf(path, sizeof(path), KERN_PIN_DIR "/%s", name + 3);
			r = bpf_map__set_pin_path(map, path);
		}
		if (r)
			return r;
	}
	return 0;
}

static int prepare_programs(const struct loader *loader, struct bpf_object *object,
			    const char **ret_missing)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object) {
		const struct kern_hook *hook = hook_find(bpf_program__name(program));
		bool usable = hook && hook_usable(loader->btf, hook);

		if (hook && hook->required && !usable) {
			*ret_missing = hook->symbol;
			return -EOPNOTSUPP;
		}
		bpf_program__set_autoload(program, usable);
	}
	return 0;
}

static int pin_one(struct loader *loader, struct bpf_program *program)
{
	const struct kern_hook *hook = hook_find(bpf_program__name(program));
	char path[PIN_PATH_LEN + 32];
	struct bpf_link *link;
	int r;

	snprintf(path, sizeof(path), "%s/%s", loader->dir, hook->program);
	if (hook->type == HOOK_ITERATOR) {
		r = bpf_program__pin(program, path);
	} else {
		link = bpf_program__attach(program);
		if (!link)
			return -errno;
		r = bpf_link__pin(link, path);
		bpf_link__destroy(link);
	}
	loader->links += !r;
	return r;
}

/* One optional hook that cannot be attached does not cost the others. */
static int attach_programs(struct loader *loader, struct bpf_object *object)
{
	struct bpf_program *program;
	uint32_t attached = 0;
	int r = -ENOENT;

	bpf_object__for_each_program(program, object) {
		int e;

		if (!bpf_program__autoload(program))
			continue;
		e = pin_one(loader, program);
		attached += !e;
		if (e && hook_find(bpf_program__name(program))->required)
			return e;
		if (e)
			r = e;
	}
	return attached ? 0 : r;
}

static int install_object(struct loader *loader, enum kern_object which)
{
	const struct kern_elf *elf = &kern_elves[which];
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = elf->name);
	const char *missing = NULL;
	struct bpf_object *object;
	size_t size;
	const void *bytes = elf->bytes(&size);
	int r;

	words_forget();
	object = bpf_object__open_mem(bytes, size, &opts);
	if (!object)
		return fail_object(loader, which, -errno, "cannot be opened", elf->name);
	r = prepare_maps(loader, object);
	if (!r)
		r = prepare_programs(loader, object, &missing);
	if (r) {
		fail_object(loader, which, r, missing ? missing : "maps", elf->name);
	} else {
		r = bpf_object__load(object);
		if (!r)
			r = attach_programs(loader, object);
		if (r)
			fail_object(loader, which, r, "cannot be loaded", elf->name);
	}
	bpf_object__close(object);
	return r;
}

/* ---- settings and handover ---- */

static int open_settings(struct uw_settings *ret_settings)
{
	struct bpf_map_info info = {0};
	__u32 size = sizeof(info);
	__u32 zero = 0;
	AUTO_CLOSE int fd = bpf_obj_get(KERN_PIN_DIR "/settings");

	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	if (info.value_size != sizeof(*ret_settings))
		return -EPROTO;
	if (bpf_map_lookup_elem(fd, &zero, ret_settings))
		return -errno;
	return ret_settings->abi_version && ret_settings->abi_version != UW_ABI_VERSION ? -EPROTO
											 : 0;
}

/* Every kind of drop stands in the map from the start, so that a dump shows the zeros. */
static void fill_drops(void)
{
	AUTO_CLOSE int fd = bpf_obj_get(KERN_PIN_DIR "/drops");
	struct uw_drop_count none = {0};

	for (int i = 0; fd >= 0 && i < UW_DROP__COUNT; i++) {
		struct uw_drop_key key = {.what = (enum uw_drop)i};

		bpf_map_update_elem(fd, &key, &none, BPF_NOEXIST);
	}
}

/* The moment of the handover: one write, and the other generation's programs fall silent. */
static int take_over(const struct loader *loader)
{
	struct uw_settings settings = {
		.abi_version = UW_ABI_VERSION,
		.generation = loader->generation,
		.build = loader->build,
		.wanted = loader->options->sensors,
		.sensors = loader->outcome->sensors,
		.links = loader->links,
		.component_level = loader->options->component_level,
		.calm_us = loader->options->calm_us,
		.burst_us = loader->options->burst_us,
		.window_us = loader->options->window_us,
	};
	AUTO_CLOSE int fd = bpf_obj_get(KERN_PIN_DIR "/settings");
	__u32 zero = 0;

	if (fd < 0 || bpf_map_update_elem(fd, &zero, &settings, BPF_ANY))
		return -errno;
	return 0;
}

static int install_objects(struct loader *loader)
{
	struct loader_outcome *outcome = loader->outcome;
	int r = install_object(loader, OBJECT_GROUPS);

	for (int i = OBJECT_PAGES; !r && i < OBJECT__COUNT; i++) {
		uint32_t wanted = kern_elves[i].sensors & loader->options->sensors;

		if (wanted && !install_object(loader, (enum kern_object)i))
			outcome->sensors |= wanted;
	}
	if (outcome->sensors)
		return 0;
	for (int i = 0; i < KERN_SENSOR__COUNT; i++)
		if (loader->options->sensors & 1U << i)
			return err_set(&outcome->err, r ? r : -EOPNOTSUPP,
				       "no BPF sensor could be installed: %s", outcome->text[i]);
	return err_set(&outcome->err, -EINVAL, "no BPF sensor was asked for");
}

static int install_generation(struct loader *loader)
{
	struct uw_err *err = &loader->outcome->err;
	int r;

	loader->btf = btf__load_vmlinux_btf();
	if (!loader->btf)
		return err_set(err, -EOPNOTSUPP,
			       "the kernel has no BTF (/sys/kernel/btf/vmlinux): %s",
			       strerror(errno));
	r = pins_generation_dir(loader->generation, loader->dir);
	if (r)
		return err_set(err, r, "%s: cannot be made: %s", loader->dir, strerror(-r));
	r = install_objects(loader);
	if (r)
		return r;
	fill_drops();
	r = take_over(loader);
	if (r)
		return err_set(err, r, "%s/settings: cannot be written: %s", KERN_PIN_DIR,
			       strerror(-r));
	return pins_drop_generations(loader->generation);
}

static bool is_current(const struct uw_settings *settings, const struct loader *loader)
{
	return settings->abi_version == UW_ABI_VERSION && settings->build == loader->build &&
	       settings->wanted == loader->options->sensors && settings->links &&
	       pins_count(settings->generation) == settings->links;
}

static void adopt(const struct uw_settings *settings, struct loader_outcome *outcome)
{
	outcome->sensors = settings->sensors;
	for (int i = 0; i < KERN_SENSOR__COUNT; i++)
		snprintf(outcome->text[i], sizeof(outcome->text[i]),
			 "not available when the programs were installed; see 'uwctl check'");
	pins_drop_generations(settings->generation);
}

static int load(const struct kern_options *options, struct loader_outcome *outcome)
{
	struct loader loader = {.options = options, .outcome = outcome, .build = hash_build()};
	struct uw_settings settings = {0};
	AUTO_CLOSE int lock = -1;
	int r;

	words_catch();
	r = pins_prepare(&outcome->err);
	if (r)
		return r;
	lock = pins_lock();
	r = open_settings(&settings);
	if (r == -EPERM || r == -EACCES)
		return err_set(&outcome->err, r, "bpf(2) is not permitted: run as root");
	if (!r && is_current(&settings, &loader)) {
		adopt(&settings, outcome);
		return 0;
	}
	/* Another ABI's maps cannot be read as ours: counting starts anew. */
	if (r == -EPROTO && (r = pins_remove_all(&outcome->err)) == 0) {
		settings.generation = 0;
		r = pins_prepare(&outcome->err);
	}
	if (r && r != -ENOENT)
		return r;
	loader.generation = settings.generation + 1;
	pins_drop_generations(settings.generation); /* of a loader that died half-way */
	r = install_generation(&loader);
	if (r && settings.generation)
		pins_drop_generations(settings.generation);
	return r;
}

/* ---- the child ---- */

static int read_outcome(int fd, struct loader_outcome *ret_outcome)
{
	char *at = (char *)ret_outcome;
	size_t left = sizeof(*ret_outcome);

	while (left) {
		ssize_t n = read(fd, at, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		at += n;
		left -= (size_t)n;
	}
	return 0;
}

static void write_outcome(int fd, const struct loader_outcome *outcome)
{
	const char *at = (const char *)outcome;
	size_t left = sizeof(*outcome);

	while (left) {
		ssize_t n = write(fd, at, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		at += n;
		left -= (size_t)n;
	}
}

int loader_run(const struct kern_options *options, struct loader_outcome *ret_outcome)
{
	int ends[2];
	pid_t child;
	int r;

	memset(ret_outcome, 0, sizeof(*ret_outcome));
	if (pipe2(ends, O_CLOEXEC))
		return err_set(&ret_outcome->err, -errno, "pipe: %s", strerror(errno));
	child = fork();
	if (child < 0) {
		r = -errno;
		close(ends[0]);
		close(ends[1]);
		return err_set(&ret_outcome->err, r, "fork: %s", strerror(-r));
	}
	if (!child) {
		ret_outcome->code = load(options, ret_outcome);
		write_outcome(ends[1], ret_outcome);
		_exit(0);
	}
	close(ends[1]);
	r = read_outcome(ends[0], ret_outcome);
	close(ends[0]);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	if (r)
		return err_set(&ret_outcome->err, r, "the BPF loader died: %s", strerror(-r));
	return ret_outcome->code;
}
