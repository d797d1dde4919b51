// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program with a pool, told by lines what to do with it; each is answered by one line.
 *
 *	uw_pool create COMPONENT NAME MIB | attach NAME r|w
 *
 * Lines: commit MIB (from the start), fill MIB (stores into each page), read MIB, punch MIB, share
 * UID MODE, gone, harm (what a holder must not be able to do), end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/lib/pools.h"

#define MIB (1ULL << 20)

static int writable;

static void say(const char *what, int rc)
{
	printf("%s %s\n", what, rc < 0 ? strerrorname_np(-rc) : rc ? "denied" : "ok");
	fflush(stdout);
}

static int map(const struct lib_pool *pool, uint64_t bytes, uint8_t **ret_at)
{
	void *at =
		mmap(NULL, bytes, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, pool->fd, 0);

	*ret_at = at;
	return at == MAP_FAILED ? -errno : 0;
}

/* The first byte that is not the one which fill wrote is an error. */
static int touch(const struct lib_pool *pool, uint64_t bytes, int store)
{
	uint8_t *at;
	int rc = map(pool, bytes, &at);

	for (uint64_t i = 0; i < bytes && !rc; i += 4096)
		if (store)
			at[i] = (uint8_t)(i >> 12 | 1);
		else if (at[i] != (uint8_t)(i >> 12 | 1))
			rc = -EIO;
	if (rc != -ENOMEM && at != MAP_FAILED)
		munmap(at, bytes);
	return rc;
}

/* Each of these must fail; the names of those that did not. */
static void harm(const struct lib_pool *pool)
{
	char path[32], done[128] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", pool->fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		strcat(done, " reopen");
	if (write(pool->fd, "x", 1) >= 0)
		strcat(done, " write");
	if (mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, pool->fd, 0) != MAP_FAILED)
		strcat(done, " map");
	if (!ftruncate(pool->fd, (off_t)pool->bytes * 2))
		strcat(done, " grow");
	if (!ftruncate(pool->fd, 0))
		strcat(done, " truncate");
	if (!fallocate(pool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096))
		strcat(done, " punch");
	if (!fcntl(pool->fd, F_ADD_SEALS, F_SEAL_WRITE))
		strcat(done, " seal");
	printf("harm%s\n", *done ? done : " none");
	fflush(stdout);
}

static int obey(struct lib_pool *pool, const char *line)
{
	unsigned long long number = 0, more = 0;
	char word[16] = "";

	sscanf(line, "%15s %llu %llo", word, &number, &more);
	if (!strcmp(word, "commit"))
		say(word, lib_pool_commit(pool, 0, number * MIB));
	else if (!strcmp(word, "fill") || !strcmp(word, "read"))
		say(word, touch(pool, number * MIB, word[0] == 'f'));
	else if (!strcmp(word, "punch"))
		say(word, fallocate(pool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				    (off_t)(number * MIB))
				  ? -errno
				  : 0);
	else if (!strcmp(word, "share"))
		say(word, lib_pool_share(pool, (uint32_t)number, UINT32_MAX, (uint32_t)more));
	else if (!strcmp(word, "gone"))
		say(word, uw_dispatch(pool->uw) < 0 ? -EIO : pool->gone ? 0 : -EAGAIN);
	else if (!strcmp(word, "harm"))
		harm(pool);
	else
		return 1;
	return 0;
}

int main(int argc, char **argv)
{
	struct uw_denial denial = {.size = sizeof(denial)};
	struct lib_pool *pool = NULL;
	struct uw *uw = NULL;
	char line[64];
	int rc = argc < 4 ? -EINVAL : uw_open(NULL, &uw);

	if (!rc && !strcmp(argv[1], "create"))
		rc = lib_pool_create(uw, argv[2], argv[3], strtoull(argv[4], NULL, 10) * MIB, &pool,
				     &denial);
	else if (!rc)
		rc = lib_pool_attach(uw, argv[2], *argv[3] == 'w', &pool);
	writable = !rc && (!strcmp(argv[1], "create") || *argv[3] == 'w');
	say(argc > 1 ? argv[1] : "usage", rc);
	while (!rc && fgets(line, sizeof(line), stdin) && !obey(pool, line))
		continue;
	lib_pool_close(pool);
	uw_close(uw);
	say("end", 0);
	return rc ? 1 : 0;
}
