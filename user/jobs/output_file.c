// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes and opens the files of jobs' outputs. Reading is granted to the submitter by one entry in
 * the file's POSIX access list, which is written and read here as the kernel stores it, and which
 * also says later whose output it is. What is opened again is looked at before it is believed: an
 * id may have come again after a power loss, and a file of an older uwd belongs to its user.
 */
#include "user/jobs/output_file.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/xattr.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "user/base/cleanup.h"

#define PATH_LEN     512
#define NOBODY_MEANT ((uint32_t)ACL_UNDEFINED_ID)
#define OPEN_FOR     (O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

/* In the order that the kernel asks for. */
enum output_acl {
	ACL_IS_OWNER,
	ACL_IS_USER,
	ACL_IS_GROUP,
	ACL_IS_MASK,
	ACL_IS_OTHER,
	ACL_IS__COUNT
};

struct acl_on_disk {
	struct posix_acl_xattr_header head;
	struct posix_acl_xattr_entry entry[ACL_IS__COUNT];
};

const char *outputs_name(uint64_t id, bool err_file, char buf[OUTPUTS_NAME_LEN])
{
	snprintf(buf, OUTPUTS_NAME_LEN, "%" PRIu64 ".%s", id, err_file ? "err" : "out");
	return buf;
}

/* ---- whose it is ---- */

static struct posix_acl_xattr_entry entry(uint16_t tag, uint16_t may, uint32_t id)
{
	return (struct posix_acl_xattr_entry){htole16(tag), htole16(may), htole32(id)};
}

static int let_read(int fd, uint32_t uid)
{
	struct acl_on_disk acl = {
		.head.a_version = htole32(POSIX_ACL_XATTR_VERSION),
		.entry =
			{
				[ACL_IS_OWNER] =
					entry(ACL_USER_OBJ, ACL_READ | ACL_WRITE, NOBODY_MEANT),
				[ACL_IS_USER] = entry(ACL_USER, ACL_READ, uid),
				[ACL_IS_GROUP] = entry(ACL_GROUP_OBJ, 0, NOBODY_MEANT),
				[ACL_IS_MASK] = entry(ACL_MASK, ACL_READ, NOBODY_MEANT),
				[ACL_IS_OTHER] = entry(ACL_OTHER, 0, NOBODY_MEANT),
			},
	};

	return fsetxattr(fd, XATTR_NAME_POSIX_ACL_ACCESS, &acl, sizeof(acl), 0) ? -errno : 0;
}

/* The user that it names; its owner where it names none. */
static uint32_t who_may_read(const struct acl_on_disk *acl, ssize_t size, uint32_t owner)
{
	for (int i = 0; i < ACL_IS__COUNT; i++)
		if (size >= (const char *)&acl->entry[i + 1] - (const char *)acl &&
		    le16toh(acl->entry[i].e_tag) == ACL_USER)
			return le32toh(acl->entry[i].e_id);
	return owner;
}

int output_owner(const char *dir, const char *name, uint32_t *ret_uid)
{
	struct acl_on_disk acl;
	char path[PATH_LEN];
	struct stat file;
	ssize_t size;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (lstat(path, &file))
		return -errno;
	size = S_ISREG(file.st_mode)
		       ? getxattr(path, XATTR_NAME_POSIX_ACL_ACCESS, &acl, sizeof(acl))
		       : -1;
	*ret_uid = who_may_read(&acl, size, file.st_uid);
	return 0;
}

/* As no root (a test) it can only be one's own. */
static int give_to(int fd, uint32_t uid, uint32_t gid)
{
	struct stat file;

	if (geteuid())
		return 0;
	if (fstat(fd, &file))
		return -errno;
	if (file.st_uid && fchown(fd, 0, 0))
		return -errno;
	if (!uid || !let_read(fd, uid))
		return 0;
	return fchown(fd, uid, gid) ? -errno : 0;
}

/* ---- opening ---- */

static int make_new(const char *path)
{
	int fd;

	if (unlink(path) && errno != ENOENT)
		return -errno;
	fd = open(path, OPEN_FOR | O_CREAT | O_EXCL, 0600);
	return fd < 0 ? -errno : fd;
}

/* -EWOULDBLOCK: its owner holds a lease of it. */
static int open_again(const char *dir, const char *name, const char *path, uint32_t uid)
{
	AUTO_CLOSE int fd = -1;
	uint32_t owner;
	int rc = output_owner(dir, name, &owner);

	if (rc)
		return rc;
	if (owner != uid)
		return -EPERM;
	fd = open(path, OPEN_FOR);
	return fd < 0 ? -errno : TAKE_FD(fd);
}

int output_open(const char *dir, const char *name, uint32_t uid, uint32_t gid, bool again)
{
	AUTO_CLOSE int fd = -1;
	char path[PATH_LEN];
	int rc;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = again ? open_again(dir, name, path, uid) : -ENOENT;
	if (fd < 0)
		fd = make_new(path);
	if (fd < 0)
		return fd;
	rc = give_to(fd, uid, gid);
	if (!rc && fcntl(fd, F_SETFL, O_APPEND))
		rc = -errno;
	return rc ? rc : TAKE_FD(fd);
}
