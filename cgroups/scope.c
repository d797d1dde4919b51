// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Transient units of systemd. Component cgroups must not live below uwd's own unit, whose restart
 * would kill them; a delegated scope lives while a process does, and daemon-reload leaves what is
 * in it alone. The unit's own files are systemd's: it writes them all anew at daemon-reload and
 * with each property that changes, from its properties.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/internal.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"

#define PRIVATE_BUS  "unix:path=/run/systemd/private"
#define UNIT_EXISTS  "org.freedesktop.systemd1.UnitExists"
#define NO_SUCH_UNIT "org.freedesktop.systemd1.NoSuchUnit"
#define WAIT_STEP_NS 10000000L
#define WAIT_STEPS   500 /* 5 s: an emulated systemd under load takes one */
#define START_TRIES  50  /* while an earlier scope of the name is being collected */

static void cleanup_bus(sd_bus **bus)
{
	sd_bus_flush_close_unref(*bus);
}

static void cleanup_message(sd_bus_message **message)
{
	sd_bus_message_unref(*message);
}

#define AUTO_BUS     __attribute__((cleanup(cleanup_bus)))
#define AUTO_MESSAGE __attribute__((cleanup(cleanup_message)))

struct scope {
	const char *unit, *description;
	const char *slice; /* NULL: this is a slice itself, and has no processes */
	bool delegate;
	const pid_t *pids;
	int count;
};

/* The socket that systemctl uses: there before dbus is, and without dbus installed. Root only. */
static int open_private(sd_bus **ret_bus)
{
	AUTO_BUS sd_bus *bus = NULL;
	int ret = sd_bus_new(&bus);

	if (ret >= 0)
		ret = sd_bus_set_address(bus, PRIVATE_BUS);
	if (ret >= 0)
		ret = sd_bus_start(bus);
	if (ret >= 0)
		*ret_bus = TAKE(bus);
	return ret;
}

static int open_bus(sd_bus **ret_bus, struct uw_err *err)
{
	int ret = sd_bus_open_system(ret_bus);

	if (ret < 0 && open_private(ret_bus) < 0)
		return err_set(err, ret,
			       "systemd: no system bus: %s; start dbus, or set root = uw to do "
			       "without systemd's scope",
			       strerror(-ret));
	return 0;
}

static int append_pids(sd_bus_message *m, const struct scope *scope)
{
	int ret = sd_bus_message_open_container(m, 'r', "sv");

	if (ret >= 0)
		ret = sd_bus_message_append(m, "s", "PIDs");
	if (ret >= 0)
		ret = sd_bus_message_open_container(m, 'v', "au");
	if (ret >= 0)
		ret = sd_bus_message_append_array(m, 'u', scope->pids,
						  (size_t)scope->count * sizeof(*scope->pids));
	if (ret >= 0)
		ret = sd_bus_message_close_container(m);
	return ret < 0 ? ret : sd_bus_message_close_container(m);
}

/* A scope that failed once is collected too, so that the name is free again. */
static int append_properties(sd_bus_message *m, const struct scope *scope)
{
	int ret = sd_bus_message_open_container(m, 'a', "(sv)");

	if (ret >= 0)
		ret = sd_bus_message_append(m, "(sv)(sv)", "Description", "s", scope->description,
					    "CollectMode", "s", "inactive-or-failed");
	if (ret >= 0 && scope->slice)
		ret = sd_bus_message_append(m, "(sv)", "Slice", "s", scope->slice);
	if (ret >= 0 && scope->delegate)
		ret = sd_bus_message_append(m, "(sv)(sv)(sv)", "Delegate", "b", 1,
					    "MemoryAccounting", "b", 1, "ManagedOOMPreference", "s",
					    "omit");
	if (ret >= 0 && scope->count)
		ret = append_pids(m, scope);
	return ret < 0 ? ret : sd_bus_message_close_container(m);
}

static int call_start(sd_bus *bus, const struct scope *scope, sd_bus_error *error)
{
	AUTO_MESSAGE sd_bus_message *m = NULL;
	int ret = sd_bus_message_new_method_call(
		bus, &m, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
		"org.freedesktop.systemd1.Manager", "StartTransientUnit");

	if (ret >= 0)
		ret = sd_bus_message_append(m, "ss", scope->unit, "fail");
	if (ret >= 0)
		ret = append_properties(m, scope);
	if (ret >= 0)
		ret = sd_bus_message_append(m, "a(sa(sv))", 0);
	return ret < 0 ? ret : sd_bus_call(bus, m, 0, error, NULL);
}

static void pause_step(void)
{
	const struct timespec step = {.tv_nsec = WAIT_STEP_NS};

	nanosleep(&step, NULL);
}

/* The unified path of pid out of /proc/PID/cgroup ("0::/path"), without the leading slash. */
static int path_of(pid_t pid, char *buf, size_t size)
{
	char file[32], text[4 * CG_PATH_LEN];
	const char *line;
	long len;

	snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	len = text_read_at(AT_FDCWD, file, text, sizeof(text));
	if (len < 0)
		return (int)len;
	line = strstr(text, "0::/");
	if (!line)
		return -ENODATA;
	line += strlen("0::/");
	text[(size_t)(line - text) + strcspn(line, "\n")] = '\0';
	return text_copy(buf, size, line) ? 0 : -ENAMETOOLONG;
}

static int wait_for_move(pid_t pid, const char *unit, char *ret_path, size_t size)
{
	size_t len, want = strlen(unit);
	int ret = -ETIMEDOUT;

	for (int i = 0; i < WAIT_STEPS; i++) {
		ret = path_of(pid, ret_path, size);
		if (ret)
			return ret;
		len = strlen(ret_path);
		if (len >= want && !strcmp(ret_path + len - want, unit))
			return 0;
		pause_step();
	}
	return -ETIMEDOUT;
}

/* A unit without its cgroup: removed behind systemd's back, or on its way out. */
static int call_stop(sd_bus *bus, const char *unit)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int ret = sd_bus_call_method(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
				     "org.freedesktop.systemd1.Manager", "StopUnit", &error, NULL,
				     "ss", unit, "replace");

	if (sd_bus_error_has_name(&error, NO_SUCH_UNIT))
		ret = 0;
	sd_bus_error_free(&error);
	return ret < 0 ? ret : 0;
}

/* 0, CG_UNIT_EXISTS, or a negative errno with its text. */
static int try_start(sd_bus *bus, const struct scope *scope, struct uw_err *err)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int ret = call_start(bus, scope, &error);

	if (ret < 0)
		err_set(err, ret, "systemd: start %s: %s", scope->unit,
			error.message ? error.message : strerror(-ret));
	if (sd_bus_error_has_name(&error, UNIT_EXISTS))
		ret = CG_UNIT_EXISTS;
	else if (ret > 0)
		ret = 0;
	sd_bus_error_free(&error);
	return ret;
}

static int start(const struct scope *scope, char *ret_path, size_t size, struct uw_err *err)
{
	AUTO_BUS sd_bus *bus = NULL;
	int ret = open_bus(&bus, err);

	if (ret)
		return ret;
	ret = try_start(bus, scope, err);
	for (int i = 0; ret == CG_UNIT_EXISTS && i < START_TRIES; i++) {
		call_stop(bus, scope->unit);
		pause_step();
		ret = try_start(bus, scope, err);
	}
	if (ret)
		return ret == CG_UNIT_EXISTS ? -EEXIST : ret;
	ret = wait_for_move(scope->pids[0], scope->unit, ret_path, size);
	if (ret)
		return err_set(err, ret, "systemd: %s did not start: %s; see 'systemctl status %s'",
			       scope->unit, strerror(-ret), scope->unit);
	return 0;
}

int cg_unit_stop(const char *unit, struct uw_err *err)
{
	AUTO_BUS sd_bus *bus = NULL;
	int ret = open_bus(&bus, err);

	if (!ret)
		ret = call_stop(bus, unit);
	return ret ? err_set(err, ret, "systemd: stop %s: %s", unit, strerror(-ret)) : 0;
}

const char *cg_unit_property(enum cg_knob knob)
{
	static const char *const names[CG_KNOB__COUNT] = {
		[CG_MIN] = "MemoryMin",
		[CG_LOW] = "MemoryLow",
		[CG_HIGH] = "MemoryHigh",
		[CG_LIMIT] = "MemoryMax",
	};

	return names[knob];
}

/* Answered once the cgroup has it. Runtime: gone with the boot, and with a transient unit. */
int cg_unit_set(const char *unit, enum cg_knob knob, uint64_t value, struct uw_err *err)
{
	const char *property = cg_unit_property(knob);
	sd_bus_error error = SD_BUS_ERROR_NULL;
	AUTO_BUS sd_bus *bus = NULL;
	int ret = open_bus(&bus, err);

	if (ret)
		return ret;
	ret = sd_bus_call_method(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
				 "org.freedesktop.systemd1.Manager", "SetUnitProperties", &error,
				 NULL, "sba(sv)", unit, 1, 1, property, "t", value);
	if (ret < 0)
		err_set(err, ret, "systemd: set %s of %s: %s", property, unit,
			error.message ? error.message : strerror(-ret));
	sd_bus_error_free(&error);
	return ret < 0 ? ret : 0;
}

/* A slice that is only implied may still become a transient one; one with a file may not. */
int cg_slice_start(struct uw_err *err)
{
	const struct scope slice = {.unit = CG_SLICE, .description = "Memory of uwd"};
	AUTO_BUS sd_bus *bus = NULL;
	int ret = open_bus(&bus, err);

	return ret ? ret : try_start(bus, &slice, err);
}

int cg_scope_start_pool(pid_t pid, struct uw_err *err)
{
	const struct scope scope = {
		.unit = CG_SCOPE,
		.slice = CG_SLICE,
		.description = "Memory pool of uwd",
		.delegate = true,
		.pids = &pid,
		.count = 1,
	};
	char path[CG_PATH_LEN];
	int ret = start(&scope, path, sizeof(path), err);

	if (!ret && strcmp(path, CG_SCOPE_ROOT) != 0)
		return err_set(err, -EXDEV, "systemd: %s started at %s, not at %s", CG_SCOPE, path,
			       CG_SCOPE_ROOT);
	return ret;
}

int cg_scope_start_kept(const pid_t *pids, int count, char *ret_path, size_t size,
			struct uw_err *err)
{
	char unit[64];
	const struct scope scope = {
		.unit = unit,
		.slice = "system.slice",
		.description = "Workloads that outlived the memory pool of uwd",
		.pids = pids,
		.count = count,
	};

	snprintf(unit, sizeof(unit), "uw-kept-%d.scope", (int)pids[0]);
	return start(&scope, ret_path, size, err);
}
