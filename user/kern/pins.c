// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps the folder under /sys/fs/bpf in which BPF maps and links are pinned, so that they outlive
 * uwd. Maps get their paths in object.c: choose_maps, and are pinned as libbpf loads them; links,
 * and the programs of iterators, are pinned there by pin_one. These lie in a folder a generation of
 * programs, which is made, counted and removed here. A lock on the folder keeps two loaders apart.
 */
#include "user/kern/pins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/dir.h"
#include "user/kern/kern.h"

#define BPFFS_DIR   "/sys/fs/bpf"
#define PROGRAMS    "programs-"
#define PROGRAMS_AT (sizeof(PROGRAMS) - 1)

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
}

int pins_prepare(struct uw_err *err)
{
	if (!is_bpffs(BPFFS_DIR) && mount("bpf", BPFFS_DIR, "bpf", 0, "mode=0700"))
		return err_set(err, -errno, "bpffs: cannot be mounted on %s: %s", BPFFS_DIR,
			       strerror(errno));
	if (mkdir(KERN_PIN_DIR, 0700) && errno != EEXIST)
		return err_set(err, -errno, "%s: cannot be made: %s", KERN_PIN_DIR,
			       strerror(errno));
	return 0;
}

int pins_lock(void)
{
	AUTO_CLOSE int fd = open(KERN_PIN_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX))
		return -errno;
	return TAKE_FD(fd);
}

static void generation_path(uint32_t generation, char ret_path[static PIN_PATH_LEN])
{
	snprintf(ret_path, PIN_PATH_LEN, KERN_PIN_DIR "/" PROGRAMS "%u", generation);
}

int pins_generation_dir(uint32_t generation, char ret_path[static PIN_PATH_LEN])
{
	generation_path(generation, ret_path);
	return mkdir(ret_path, 0700) && errno != EEXIST ? -errno : 0;
}

static bool is_dot(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/* Unlinks what lies in dirfd/name and the folder itself. */
static int remove_folder(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSEDIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = dir_next(dir)))
		if (!is_dot(entry->d_name) && unlinkat(fd, entry->d_name, 0))
			return -errno;
	if (errno)
		return -errno;
	return unlinkat(dirfd, name, AT_REMOVEDIR) ? -errno : 0;
}

int pins_drop_generations(uint32_t except)
{
	AUTO_CLOSEDIR DIR *dir = opendir(KERN_PIN_DIR);
	const struct dirent *entry;
	char keep[32];
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	snprintf(keep, sizeof(keep), PROGRAMS "%u", except);
	while (!r && (entry = dir_next(dir)))
		if (!strncmp(entry->d_name, PROGRAMS, PROGRAMS_AT) && strcmp(entry->d_name, keep))
			r = remove_folder(dirfd(dir), entry->d_name);
	return r ? r : -errno;
}

uint32_t pins_count(uint32_t generation)
{
	char path[PIN_PATH_LEN];
	const struct dirent *entry;
	uint32_t count = 0;

	generation_path(generation, path);
	AUTO_CLOSEDIR DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir)))
		count += !is_dot(entry->d_name);
	return count;
}

int pins_remove_all(struct uw_err *err)
{
	int r = pins_drop_generations(0);
	int fd;

	if (r)
		return err_set(err, r, "%s: links cannot be removed: %s", KERN_PIN_DIR,
			       strerror(-r));
	fd = open(BPFFS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = remove_folder(fd, "uw");
	close(fd);
	if (r && r != -ENOENT)
		return err_set(err, r, "%s: cannot be removed: %s", KERN_PIN_DIR, strerror(-r));
	return 0;
}
