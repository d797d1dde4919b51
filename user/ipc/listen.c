// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes the socket file with its owner and mode, in place of one that nobody answers on any more,
 * and asks the kernel who is at the other end of a connection: the process, the user and the groups
 * that give rights.
 */
#include "user/ipc/listen.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "user/base/cleanup.h"
#include "user/base/text.h"

bool listen_group(const char *name, gid_t *ret_gid)
{
	const struct group *group = name && *name ? getgrnam(name) : NULL;

	if (!group)
		return false;
	*ret_gid = group->gr_gid;
	return true;
}

/* Makes the folder of path, one level; an existing one is left as it is. */
static int make_folder(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	text_copy(folder, sizeof(folder), path);
	slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return 0;
	*slash = '\0';
	return mkdir(folder, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* True when somebody accepts connections at address. */
static bool is_served(const struct sockaddr_un *address, int type)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return false;
	/* EAGAIN: its backlog is full, so it lives. */
	return connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	       errno == EAGAIN;
}

int listen_set_mode(const char *path, bool has_group, bool open)
{
	return chmod(path, open ? 0666 : has_group ? 0660 : 0600) < 0 ? -errno : 0;
}

static int bind_path(int fd, const struct sockaddr_un *address, const gid_t *gid, bool open)
{
	/* The mode of the fd is the mode that bind(2) gives the file: never open to others, not
	 * even for a moment. */
	if (fchmod(fd, 0600) < 0)
		return -errno;
	if (unlink(address->sun_path) < 0 && errno != ENOENT)
		return -errno;
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	if (gid && chown(address->sun_path, (uid_t)-1, *gid) < 0)
		return -errno;
	return listen_set_mode(address->sun_path, gid, open);
}

int listen_open(const struct listen_place *place, int *ret_fd, struct uw_err *err)
{
	AUTO_CLOSE int fd = -1;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *what = place->what, *path = place->path;
	int r;

	if (!text_copy(address.sun_path, sizeof(address.sun_path), path))
		return err_set(err, -ENAMETOOLONG, "%s: %s: longer than %zu bytes", what, path,
			       sizeof(address.sun_path) - 1);
	r = make_folder(path);
	if (r < 0)
		return err_set(err, r, "%s: folder of %s: %s", what, path, strerror(-r));
	if (is_served(&address, place->type))
		return err_set(err, -EADDRINUSE, "%s: another uwd answers on %s", what, path);
	fd = socket(AF_UNIX, place->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, -errno, "%s: socket: %s", what, strerror(errno));
	r = bind_path(fd, &address, place->gid, place->open);
	if (r == 0 && listen(fd, SOMAXCONN) < 0)
		r = -errno;
	if (r < 0)
		return err_set(err, r, "%s: %s: %s", what, path, strerror(-r));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

bool listen_is_starved(int error)
{
	return error != EAGAIN && error != EINTR && error != ECONNABORTED;
}

int listen_report(int epoll, int fd, epoll_data_t known_by, bool report)
{
	struct epoll_event event = {.events = report ? EPOLLIN : 0, .data = known_by};

	return epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) < 0 ? -errno : 0;
}

/* Those beyond IPC_GROUPS_MAX are left out: they give no rights then. */
static void peer_groups(int fd, struct ipc_peer *peer)
{
	socklen_t size = 0;
	AUTO_FREE gid_t *groups = NULL;

	/* Asked with no room it fails with ERANGE and says how much it wants. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE)
		return;
	groups = malloc(size);
	if (!groups || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return;
	for (size_t i = 0; i < size / sizeof(*groups) && i < IPC_GROUPS_MAX; i++)
		peer->group[peer->group_count++] = groups[i];
}

bool ipc_peer_in_group(const struct ipc_peer *peer, gid_t gid)
{
	for (uint32_t i = 0; i < peer->group_count; i++)
		if (peer->group[i] == gid)
			return true;
	return peer->gid == gid;
}

int listen_peer(int fd, bool has_group, gid_t gid, struct ipc_peer *ret_peer)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return -errno;
	*ret_peer = (struct ipc_peer){.pid = cred.pid, .uid = cred.uid, .gid = cred.gid};
	peer_groups(fd, ret_peer);
	ret_peer->member = cred.uid == 0 || (has_group && ipc_peer_in_group(ret_peer, gid));
	return 0;
}
