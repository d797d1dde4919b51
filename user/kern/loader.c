// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Installs the BPF programs, in a child process whose memory goes with it. What is pinned already
 * is left alone when it is of this build and has the sensors that are wanted. Else a new generation
 * of programs is attached beside the old one, one write to the settings map makes it the one that
 * counts, and the old one is removed: no event is lost between.
 */
#include "user/kern/loader.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/kern/libbpf_log.h"
#include "user/kern/object.h"
#include "user/kern/pins.h"

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
	/* 0: a loader died before it had installed anything, and its maps may be of any version. */
	return ret_settings->abi_version != UW_ABI_VERSION ? -EPROTO : 0;
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
static int take_over(const struct install *install)
{
	struct uw_settings settings = {
		.abi_version = UW_ABI_VERSION,
		.generation = install->generation,
		.build = install->build,
		.wanted = install->options->sensors,
		.sensors = install->outcome->sensors,
		.links = install->links,
		.component_level = install->options->component_level,
		.calm_us = install->options->calm_us,
		.burst_us = install->options->burst_us,
		.window_us = install->options->window_us,
	};
	AUTO_CLOSE int fd = bpf_obj_get(KERN_PIN_DIR "/settings");
	__u32 zero = 0;

	if (fd < 0 || bpf_map_update_elem(fd, &zero, &settings, BPF_ANY))
		return -errno;
	return 0;
}

static int check_outcome(const struct install *install)
{
	struct loader_outcome *outcome = install->outcome;

	if (outcome->sensors)
		return 0;
	for (int i = 0; i < KERN_SENSOR__COUNT; i++)
		if (install->options->sensors & 1U << i)
			return err_set(&outcome->err, -EOPNOTSUPP,
				       "no BPF sensor could be installed: %s", outcome->text[i]);
	return err_set(&outcome->err, -EINVAL, "no BPF sensor was asked for");
}

static int install_generation(struct install *install)
{
	struct uw_err *err = &install->outcome->err;
	int r;

	install->btf = btf__load_vmlinux_btf();
	if (!install->btf)
		return err_set(err, -EOPNOTSUPP,
			       "the kernel has no BTF (/sys/kernel/btf/vmlinux): %s",
			       strerror(errno));
	r = pins_generation_dir(install->generation, install->dir);
	if (r)
		return err_set(err, r, "%s: cannot be made: %s", install->dir, strerror(-r));
	object_install(install);
	r = check_outcome(install);
	if (r)
		return r;
	fill_drops();
	r = take_over(install);
	if (r)
		return err_set(err, r, "%s/settings: cannot be written: %s", KERN_PIN_DIR,
			       strerror(-r));
	return pins_drop_generations(install->generation);
}

static bool is_current(const struct uw_settings *settings, const struct install *install)
{
	return settings->abi_version == UW_ABI_VERSION && settings->build == install->build &&
	       settings->wanted == install->options->sensors && settings->links &&
	       pins_count(settings->generation) == settings->links;
}

static void adopt(const struct uw_settings *settings, struct loader_outcome *outcome)
{
	outcome->sensors = settings->sensors;
	for (int i = 0; i < KERN_SENSOR__COUNT; i++)
		snprintf(outcome->text[i], sizeof(outcome->text[i]),
			 "not available when the programs were installed; see 'uwctl check'");
}

/* What is installed, all zeros when nothing is. Maps of another ABI cannot be read as ours: they
 * go, and counting starts anew. */
static int read_installed(struct uw_settings *ret_settings, struct uw_err *err)
{
	int r = open_settings(ret_settings);

	if (r == -ENOENT)
		return 0;
	if (r == -EPERM || r == -EACCES)
		return err_set(err, r, "bpf(2) is not permitted: run as root");
	if (r != -EPROTO)
		return r ? err_set(err, r, "%s/settings: %s", KERN_PIN_DIR, strerror(-r)) : 0;
	memset(ret_settings, 0, sizeof(*ret_settings));
	r = pins_remove_all(err);
	return r ? r : pins_prepare(err);
}

static int load(const struct kern_options *options, struct loader_outcome *outcome)
{
	struct install install = {.options = options, .outcome = outcome, .build = object_hash()};
	struct uw_settings installed = {0};
	AUTO_CLOSE int lock = -1; /* until the child ends */
	int r;

	libbpf_log_catch();
	r = pins_prepare(&outcome->err);
	if (r)
		return r;
	lock = pins_lock();
	r = read_installed(&installed, &outcome->err);
	if (r)
		return r;
	pins_drop_generations(installed.generation); /* of a loader that died half-way */
	if (is_current(&installed, &install)) {
		adopt(&installed, outcome);
		return 0;
	}
	install.generation = installed.generation + 1;
	r = install_generation(&install);
	if (r)
		pins_drop_generations(installed.generation);
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
	pid_t child, parent = getpid();
	int ends[2];
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
		/* One that outlived its uwd would pin beside the next one's. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
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
