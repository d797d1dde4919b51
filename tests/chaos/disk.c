// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps a copy of each file as it was when it was last synced, and the list of names at each change
 * of one since the folder was. After the cut one of these lists is picked, and each file in it is
 * made of its copy and of what it had become, sector by sector.
 */
#include "tests/chaos/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/cleanup.h"

#define NAMES_MAX 32
#define LISTS_MAX 64
#define SECTOR    512
#define PATH_LEN  256
#define CHUNK     65536

struct name {
	char text[96];
	ino_t inode;
};

struct list {
	struct name name[NAMES_MAX];
	int count;
};

struct disk {
	char dir[PATH_LEN], kept[PATH_LEN];
	struct stat self;
	struct list list[LISTS_MAX]; /* the first is synced, each other one later */
	int lists;
	uint32_t random;
};

static void read_names(const struct disk *disk, struct list *list)
{
	DIR *dir = opendir(disk->dir);
	struct dirent *entry;

	list->count = 0;
	while (dir && (entry = readdir(dir))) {
		struct name *name = &list->name[list->count];

		if (entry->d_type != DT_REG || list->count == NAMES_MAX)
			continue;
		snprintf(name->text, sizeof(name->text), "%.95s", entry->d_name);
		name->inode = entry->d_ino;
		list->count++;
	}
	if (dir)
		closedir(dir);
}

static void copy_path(const struct disk *disk, ino_t inode, const char *what, char path[PATH_LEN])
{
	snprintf(path, PATH_LEN, "%.200s/%llu%s", disk->kept, (unsigned long long)inode, what);
}

static void copy_file(const char *from, const char *to)
{
	AUTO_CLOSE int in = open(from, O_RDONLY | O_CLOEXEC);
	AUTO_CLOSE int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n;

	if (in < 0 || out < 0)
		return;
	do
		n = copy_file_range(in, NULL, out, NULL, 1UL << 30, 0);
	while (n > 0);
	if (n < 0)
		perror("chaos: copy");
}

/* As it is now it is safe. */
static void keep(struct disk *disk, const char *path, ino_t inode)
{
	char kept[PATH_LEN];

	copy_path(disk, inode, "", kept);
	copy_file(path, kept);
}

static void keep_names(struct disk *disk)
{
	disk->lists = 1;
	read_names(disk, &disk->list[0]);
}

/* One more list that the disk may have; the oldest goes when there are too many. */
static void add_names(struct disk *disk)
{
	if (disk->lists == LISTS_MAX) {
		memmove(&disk->list[1], &disk->list[2], (LISTS_MAX - 2) * sizeof(disk->list[0]));
		disk->lists--;
	}
	read_names(disk, &disk->list[disk->lists++]);
}

struct disk *disk_new(const char *dir, const char *kept)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	char path[2 * PATH_LEN];

	if (!disk)
		abort();
	snprintf(disk->dir, sizeof(disk->dir), "%s", dir);
	snprintf(disk->kept, sizeof(disk->kept), "%s", kept);
	mkdir(kept, 0700);
	stat(dir, &disk->self);
	keep_names(disk);
	for (int i = 0; i < disk->list[0].count; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, disk->list[0].name[i].text);
		keep(disk, path, disk->list[0].name[i].inode);
	}
	return disk;
}

void disk_free(struct disk *disk)
{
	free(disk);
}

static void look_at_sync(struct disk *disk, pid_t pid, int fd)
{
	char path[64];
	struct stat now;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	if (stat(path, &now) || now.st_dev != disk->self.st_dev)
		return;
	if (now.st_ino == disk->self.st_ino)
		keep_names(disk);
	else if (S_ISREG(now.st_mode))
		keep(disk, path, now.st_ino);
}

/* Names change by these; the list before the change is one that may be found. */
void disk_look(struct disk *disk, pid_t pid, const struct seccomp_data *call)
{
	switch (call->nr) {
	case SYS_fsync:
	case SYS_fdatasync:
		look_at_sync(disk, pid, (int)call->args[0]);
		break;
	case SYS_rename:
	case SYS_renameat:
	case SYS_renameat2:
	case SYS_link:
	case SYS_unlink:
	case SYS_unlinkat:
		add_names(disk);
		break;
	}
}

static uint32_t draw(struct disk *disk, uint32_t below)
{
	disk->random = disk->random * 1664525U + 1013904223U;
	return (uint32_t)(((uint64_t)disk->random * below) >> 32);
}

void disk_stop(struct disk *disk)
{
	struct list *last;

	add_names(disk);
	last = &disk->list[disk->lists - 1];
	for (int i = 0; i < last->count; i++) {
		char path[PATH_LEN + 128], to[PATH_LEN];

		snprintf(path, sizeof(path), "%s/%s", disk->dir, last->name[i].text);
		copy_path(disk, last->name[i].inode, ".now", to);
		copy_file(path, to);
	}
}

/* ---- afterwards ---- */

/* Which of both a file is made of. */
enum of {
	OF_KEPT,
	OF_NOW,
	OF_BOTH,
	OF__COUNT
};

static void mix(struct disk *disk, int now, int out, off_t size)
{
	char sector[SECTOR];

	for (off_t at = 0; at < size; at += SECTOR) {
		ssize_t n = pread(now, sector, sizeof(sector), at);

		if (n > 0 && draw(disk, 2) && pwrite(out, sector, (size_t)n, at) != n)
			perror("chaos: mix");
	}
}

static void make_file(struct disk *disk, const struct name *name, enum of of)
{
	char kept[PATH_LEN], now[PATH_LEN], path[PATH_LEN + 128];
	AUTO_CLOSE int out = -1, in = -1;
	struct stat size = {0};

	copy_path(disk, name->inode, "", kept);
	copy_path(disk, name->inode, ".now", now);
	snprintf(path, sizeof(path), "%s/%s", disk->dir, name->text);
	in = open(now, O_RDONLY | O_CLOEXEC);
	if (in < 0) /* its name had gone by then */
		of = OF_KEPT;
	copy_file(of == OF_NOW ? now : kept, path);
	out = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* empty when never synced */
	if (of == OF_BOTH && !fstat(in, &size))
		mix(disk, in, out, size.st_size);
}

void disk_lose(struct disk *disk, uint32_t seed)
{
	struct list now;
	char path[PATH_LEN + 128];
	const struct list *list;

	disk->random = seed * 2654435761U;
	draw(disk, 2);
	list = &disk->list[seed ? draw(disk, (uint32_t)disk->lists) : 0];
	read_names(disk, &now);
	for (int i = 0; i < now.count; i++) {
		snprintf(path, sizeof(path), "%s/%s", disk->dir, now.name[i].text);
		unlink(path);
	}
	for (int i = 0; i < list->count; i++)
		make_file(disk, &list->name[i], seed ? (enum of)draw(disk, OF__COUNT) : OF_KEPT);
}
