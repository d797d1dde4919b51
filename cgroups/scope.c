// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Starts and stops the transient units of systemd that hold the pool, over the bus. Component
 * cgroups must not live below uwd's own unit, whose restart would kill them; a delegated scope
 * lives while a process does, and daemon-reload leaves what is in it alone. The unit's own files
 * are systemd's: it writes them all anew at daemon-reload and with each property that changes, from
 * its properties.
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
#include "user/base/clock.h"
#include "user/base/text.h"

#define PRIVATE_BUS  "unix:path=/run/systemd/private"
#define SYSTEMD      "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SLICE_PATH   SYSTEMD_PATH "/unit/uw_2eslice"
#define MANAGER      SYSTEMD ".Manager"
#define UNIT         SYSTEMD ".Unit"
#define UNIT_EXISTS  SYSTEMD ".UnitExists"
#define NO_SUCH_UNIT SYSTEMD ".NoSuchUnit"
#define SLICE_TEXT   "Memory of uwd" /* of a transient uw.slice: it is ours */
#define WAIT_STEP_NS 10000000L
#define WAIT_US      (CG_WAIT_S * US_PER_SEC)
#define START_TRIES  50 /* while an earlier scope of the name is being collected */

/* All that is sent is answered: a flush would only wait for a bus that does not read. */
static void cleanup_bus(sd_bus **bus)
{
	sd_bus_close_unref(*bus);
}

static void cleanup_message(sd_bus_message **message)
{
	sd_bus_message_unref(*message);
}

#define AUTO_BUS     __attribute__((cleanup(cleanup_bus)))
#define AUTO_MESSAGE __attribute__((cleanup(cleanup_message)))
#define AUTO_ERROR   __attribute__((cleanup(sd_bus_error_free)))

struct scope {
	const char *unit, *description;
	const char *slice;  /* NULL: this is a slice itself, and has no processes */
	const char *before; /* that unit stops before this one does; NULL: none */
	bool delegate;
	const pid_t *pids;
	int count;
};

/* ---- waiting ---- */

uint64_t cg_wait_until(const struct cg_op *op)
{
	return op->until_us ? op->until_us : clock_now_us() + WAIT_US;
}

bool cg_wait_step(uint64_t until_us)
{
	const struct timespec step = {.tv_nsec = WAIT_STEP_NS};

	if (clock_now_us() >= until_us)
		return false;
	nanosleep(&step, NULL);
	return true;
}

/* What a call came to: 0, or its error with a text. */
static int answer(const struct cg_op *op, int ret, const sd_bus_error *error, const char *what,
		  const char *unit)
{
	if (ret >= 0)
		return 0;
	if (ret == -ETIMEDOUT)
		return err_set(op->err, -EAGAIN,
			       "systemd: %s %s: no answer in time; try again, or look why with "
			       "'systemctl status'",
			       what, unit);
	return err_set(op->err, ret, "systemd: %s %s: %s", what, unit,
		       error->message ? error->message : strerror(-ret));
}

/* ---- the bus ---- */

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

/* A call waits for that by itself, and without an end. */
static int wait_ready(sd_bus *bus, uint64_t until_us)
{
	uint64_t now_us;
	int ret = sd_bus_is_ready(bus);

	while (!ret) {
		ret = sd_bus_process(bus, NULL);
		now_us = clock_now_us();
		if (!ret && now_us >= until_us)
			return -ETIMEDOUT;
		if (!ret)
			ret = sd_bus_wait(bus, until_us - now_us);
		if (ret >= 0 || ret == -EINTR)
			ret = sd_bus_is_ready(bus);
	}
	return ret;
}

static int open_bus(const struct cg_op *op, sd_bus **ret_bus)
{
	AUTO_ERROR sd_bus_error error = SD_BUS_ERROR_NULL;
	AUTO_BUS sd_bus *bus = NULL;
	int ret = sd_bus_open_system(&bus);

	if (ret < 0 && open_private(&bus) < 0)
		return err_set(op->err, ret,
			       "systemd: no system bus: %s; start dbus, or set root = uw to do "
			       "without systemd's scope",
			       strerror(-ret));
	ret = answer(op, wait_ready(bus, cg_wait_until(op)), &error, "connect to", "its bus");
	if (!ret)
		*ret_bus = TAKE(bus);
	return ret;
}

/* The next call's; sd-bus by itself waits for 25 s. */
static int limit_call(sd_bus *bus, const struct cg_op *op)
{
	uint64_t until_us = cg_wait_until(op), now_us = clock_now_us();

	return now_us >= until_us ? -ETIMEDOUT
				  : sd_bus_set_method_call_timeout(bus, until_us - now_us);
}

/* ---- starting and stopping ---- */

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
	if (ret >= 0 && scope->before)
		ret = sd_bus_message_append(m, "(sv)", "Before", "as", 1, scope->before);
	if (ret >= 0 && scope->count)
		ret = append_pids(m, scope);
	return ret < 0 ? ret : sd_bus_message_close_container(m);
}

static int call_start(sd_bus *bus, const struct cg_op *op, const struct scope *scope,
		      sd_bus_error *error)
{
	AUTO_MESSAGE sd_bus_message *m = NULL;
	int ret = limit_call(bus, op);

	if (ret >= 0)
		ret = sd_bus_message_new_method_call(bus, &m, SYSTEMD, SYSTEMD_PATH, MANAGER,
						     "StartTransientUnit");
	if (ret >= 0)
		ret = sd_bus_message_append(m, "ss", scope->unit, "fail");
	if (ret >= 0)
		ret = append_properties(m, scope);
	if (ret >= 0)
		ret = sd_bus_message_append(m, "a(sa(sv))", 0);
	return ret < 0 ? ret : sd_bus_call(bus, m, 0, error, NULL);
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

static int wait_for_move(pid_t pid, const char *unit, uint64_t until_us, char *ret_path,
			 size_t size)
{
	size_t len, want = strlen(unit);

	do {
		int ret = path_of(pid, ret_path, size);

		if (ret)
			return ret;
		len = strlen(ret_path);
		if (len >= want && !strcmp(ret_path + len - want, unit))
			return 0;
	} while (cg_wait_step(until_us));
	return -EAGAIN;
}

static int call_begin(sd_bus *bus, const struct cg_op *op, const char *unit)
{
	AUTO_ERROR sd_bus_error error = SD_BUS_ERROR_NULL;
	int ret = limit_call(bus, op);

	if (ret >= 0)
		ret = sd_bus_call_method(bus, SYSTEMD, SYSTEMD_PATH, MANAGER, "StartUnit", &error,
					 NULL, "ss", unit, "replace");
	return answer(op, ret, &error, "start", unit);
}

/* A unit without its cgroup: removed behind systemd's back, or on its way out. */
static int call_stop(sd_bus *bus, const struct cg_op *op, const char *unit)
{
	AUTO_ERROR sd_bus_error error = SD_BUS_ERROR_NULL;
	int ret = limit_call(bus, op);

	if (ret >= 0)
		ret = sd_bus_call_method(bus, SYSTEMD, SYSTEMD_PATH, MANAGER, "StopUnit", &error,
					 NULL, "ss", unit, "replace");
	if (sd_bus_error_has_name(&error, NO_SUCH_UNIT))
		ret = 0;
	return answer(op, ret, &error, "stop", unit);
}

/* 0, CG_UNIT_EXISTS, or a negative errno with its text. */
static int try_start(sd_bus *bus, const struct cg_op *op, const struct scope *scope)
{
	AUTO_ERROR sd_bus_error error = SD_BUS_ERROR_NULL;
	int ret = answer(op, call_start(bus, op, scope, &error), &error, "start", scope->unit);

	return sd_bus_error_has_name(&error, UNIT_EXISTS) ? CG_UNIT_EXISTS : ret;
}

static int start(const struct cg_op *op, const struct scope *scope, char *ret_path, size_t size)
{
	uint64_t until_us = cg_wait_until(op);
	AUTO_BUS sd_bus *bus = NULL;
	int ret = open_bus(op, &bus);

	if (ret)
		return ret;
	ret = try_start(bus, op, scope);
	for (int i = 0; ret == CG_UNIT_EXISTS && i < START_TRIES && cg_wait_step(until_us); i++) {
		call_stop(bus, op, scope->unit);
		ret = try_start(bus, op, scope);
	}
	if (ret)
		return ret == CG_UNIT_EXISTS ? -EEXIST : ret;
	ret = wait_for_move(scope->pids[0], scope->unit, cg_wait_until(op), ret_path, size);
	if (ret)
		return err_set(
			op->err, ret, "systemd: %s did not start: %s; see 'systemctl status %s'",
			scope->unit, ret == -EAGAIN ? "not in time, try again" : strerror(-ret),
			scope->unit);
	return 0;
}

int cg_unit_stop(const struct cg_op *op, const char *unit)
{
	AUTO_BUS sd_bus *bus = NULL;
	int ret = open_bus(op, &bus);

	return ret ? ret : call_stop(bus, op, unit);
}

int cg_unit_begin(const struct cg_op *op, const char *unit)
{
	AUTO_BUS sd_bus *bus = NULL;
	int ret = open_bus(op, &bus);

	return ret ? ret : call_begin(bus, op, unit);
}

/* ---- limits ---- */

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
int cg_unit_set(const struct cg_op *op, const char *unit, enum cg_knob knob, uint64_t value)
{
	const char *property = cg_unit_property(knob);
	AUTO_ERROR sd_bus_error error = SD_BUS_ERROR_NULL;
	AUTO_BUS sd_bus *bus = NULL;
	int ret = open_bus(op, &bus);
	char what[32];

	if (ret)
		return ret;
	ret = limit_call(bus, op);
	if (ret >= 0)
		ret = sd_bus_call_method(bus, SYSTEMD, SYSTEMD_PATH, MANAGER, "SetUnitProperties",
					 &error, NULL, "sba(sv)", unit, 1, 1, property, "t", value);
	snprintf(what, sizeof(what), "set %s of", property);
	return answer(op, ret, &error, what, unit);
}

/* ---- the units ---- */

/* An administrator's is not transient, nor is one that systemd only implies. */
static int look_slice_is_ours(sd_bus *bus, const struct cg_op *op, bool *ret_transient,
			      bool *ret_ours)
{
	AUTO_ERROR sd_bus_error error = SD_BUS_ERROR_NULL;
	AUTO_FREE char *text = NULL;
	int transient = 0, ret = limit_call(bus, op);

	if (ret >= 0)
		ret = sd_bus_get_property_trivial(bus, SYSTEMD, SLICE_PATH, UNIT, "Transient",
						  &error, 'b', &transient);
	if (ret >= 0 && transient)
		ret = limit_call(bus, op);
	if (ret >= 0 && transient)
		ret = sd_bus_get_property_string(bus, SYSTEMD, SLICE_PATH, UNIT, "Description",
						 &error, &text);
	if (ret < 0)
		return answer(op, ret, &error, "look at", CG_SLICE);
	*ret_transient = transient;
	*ret_ours = transient && !strcmp(text, SLICE_TEXT);
	return 0;
}

/* A slice that is only implied may still become a transient one; one with a file may not. Looked at
 * first: one that is collected between a start that fails and a look would pass for another's. */
int cg_slice_start(const struct cg_op *op)
{
	const struct scope slice = {.unit = CG_SLICE, .description = SLICE_TEXT};
	bool transient = false, ours = false;
	AUTO_BUS sd_bus *bus = NULL;
	int ret = open_bus(op, &bus);

	if (!ret)
		ret = look_slice_is_ours(bus, op, &transient, &ours);
	if (ret)
		return ret;
	if (transient)
		return ours ? CG_UNIT_EXISTS : CG_UNIT_FOREIGN;
	ret = try_start(bus, op, &slice);
	return ret == CG_UNIT_EXISTS ? CG_UNIT_FOREIGN : ret;
}

/*
 * The order stands here and not as After= in the service: what a loaded unit names is referenced
 * and never collected, and the scope's name would not be free again after its end.
 */
int cg_scope_start_pool(const struct cg_op *op, pid_t pid)
{
	const struct scope scope = {
		.unit = CG_SCOPE,
		.slice = CG_SLICE,
		.before = "uwd.service",
		.description = "Memory pool of uwd",
		.delegate = true,
		.pids = &pid,
		.count = 1,
	};
	struct cg_op slower = *op;
	char path[CG_PATH_LEN];
	int ret;

	if (slower.until_us)
		slower.until_us += CG_SCOPE_MORE_US;
	ret = start(&slower, &scope, path, sizeof(path));
	if (!ret && strcmp(path, CG_SCOPE_ROOT) != 0)
		return err_set(op->err, -EXDEV, "systemd: %s started at %s, not at %s", CG_SCOPE,
			       path, CG_SCOPE_ROOT);
	return ret;
}

int cg_scope_start_kept(const struct cg_op *op, const pid_t *pids, int count, char *ret_path,
			size_t size)
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
	return start(op, &scope, ret_path, size);
}
