// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The keepers of pools as processes: found by their sockets, started in the leaf "pools" of their
 * component. What is started is not waited for: its socket takes the connection before it runs, and
 * says so by its end when it does not. A leaf that holds no pool any more is removed.
 */
#include "user/daemon/keepers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroups/cgroups.h"
#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/ipc/listen.h"
#include "user/keep/start.h"
#include "user/policy/lease/lease.h"

static void socket_of(const struct daemon *daemon, uint32_t component, char *buf, size_t size)
{
	snprintf(buf, size, KEEP_SOCKET, daemon->config.component[component].name);
}

static int call_keeper(const struct daemon *daemon, uint32_t component)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	socket_of(daemon, component, address.sun_path, sizeof(address.sun_path));
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int open_socket(const struct daemon *daemon, uint32_t component, int *ret_fd,
		       struct uw_err *err)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const struct listen_place place = {
		.what = "keeper's socket", .path = path, .type = SOCK_SEQPACKET};

	socket_of(daemon, component, path, sizeof(path));
	return listen_open(&place, ret_fd, err);
}

/* Reaped by keepers_keep_house. */
static void note_child(struct daemon *daemon, pid_t pid)
{
	for (size_t i = 0; i < ARRAY_SIZE(daemon->keeper_pid); i++)
		if (!daemon->keeper_pid[i]) {
			daemon->keeper_pid[i] = pid;
			return;
		}
}

static int start_keeper(struct daemon *daemon, uint32_t component, struct uw_err *err)
{
	const char *name = daemon->config.component[component].name;
	AUTO_CLOSE int listener = -1, leaf = -1;
	int rc = open_socket(daemon, component, &listener, err);
	pid_t pid;

	if (rc)
		return rc;
	rc = cg_leaf_ensure(daemon->pool.dir, name, CG_POOLS, &leaf, err);
	if (rc)
		return rc;
	/* One that does not answer at its socket is lost to us. */
	text_write_at(leaf, "cgroup.kill", "1");
	pid = cg_spawn_into(leaf, KEEP_PROGRAM, name, (const int[CG_SPAWN_FDS]){listener, leaf});
	if (pid < 0)
		return err_set(err, pid, "keeper: %s", strerror(-pid));
	note_child(daemon, pid);
	daemon->keeper_leaves |= 1U << component;
	log_notice("keeper of pools started component=%s pid=%d", name, (int)pid);
	return 0;
}

int keepers_connect(void *data, uint32_t component, bool start, int *ret_fd)
{
	struct daemon *daemon = data;
	struct uw_err err = {0};
	int fd = call_keeper(daemon, component), rc;

	if (fd < 0 && start) {
		rc = start_keeper(daemon, component, &err);
		if (rc)
			log_err("no keeper of pools component=%s: %s",
				daemon->config.component[component].name, err.text);
		fd = rc ? rc : call_keeper(daemon, component);
	}
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

uint64_t keepers_use(const struct daemon *daemon, uint32_t component)
{
	char path[CG_PATH_LEN], text[32];

	snprintf(path, sizeof(path), "%s/" CG_POOLS "/memory.current",
		 daemon->config.component[component].name);
	if (text_read_at(daemon->pool.dir, path, text, sizeof(text)) <= 0)
		return 0;
	return strtoull(text, NULL, 10);
}

static void reap(struct daemon *daemon)
{
	for (size_t i = 0; i < ARRAY_SIZE(daemon->keeper_pid); i++)
		if (daemon->keeper_pid[i] && waitpid(daemon->keeper_pid[i], NULL, WNOHANG) != 0)
			daemon->keeper_pid[i] = 0;
}

void keepers_keep_house(struct daemon *daemon)
{
	reap(daemon);
	for (uint32_t i = 0; i < daemon->config.component_count; i++) {
		struct lease_component_view view;

		if (!(daemon->keeper_leaves & 1U << i))
			continue;
		lease_component_view(daemon->leases, i, daemon->frame.now_us, &view);
		if (!view.pools &&
		    cg_leaf_remove(daemon->pool.dir, daemon->config.component[i].name, CG_POOLS) !=
			    -EBUSY)
			daemon->keeper_leaves &= ~(1U << i);
	}
}

void keepers_look_again(struct daemon *daemon)
{
	daemon->keeper_leaves = UINT32_MAX;
}
