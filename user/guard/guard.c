// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs the loop of uw-guard. Waiting for the ledger's lock is its sleep: to get it means that uwd
 * is dead, and everything entered is undone; not to get it in time means that uwd lives, and its
 * heartbeat and the deadlines of its freezes are checked. It locks itself into memory, and gives
 * itself the best chances to run, before anything goes wrong.
 */
#include "user/guard/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/journal.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/ledger/ledger.h"

#define PRESSED_US      (100 * US_PER_MS) /* something is entered */
#define IDLE_US         US_PER_SEC /* the death of uwd wakes it; this is for hangs and deadlines */
#define GRACE_US        US_PER_SEC /* uwd thaws at a deadline; the guard, a tick of uwd later */
#define ONCE_TIMEOUT_US (5 * US_PER_SEC) /* another may just be undoing */

struct guard {
	const struct guard_options *options;
	int pool_dirfd;
	struct ledger *ledger;    /* NULL: none that is ours to read, poll for one */
	uint64_t hang_beat_us;    /* the heartbeat at which a hang was noted, 0 = none */
	uint64_t orphan_since_us; /* the lock is held, its holder is dead; 0 = not so */
	uint64_t beat_us;         /* the last heartbeat that was seen ... */
	uint64_t late_us;         /* ... and how much of the time since then nobody ran */
	struct ledger_peer uwd;   /* of whom uwd_pidfd is, below 0 = none */
	int uwd_pidfd;
};

/* The only way out of the loop; set by SIGTERM and SIGINT. */
static volatile sig_atomic_t stop;

static void on_stop(int number)
{
	(void)number;
	stop = 1;
}

static void take_signals(void)
{
	const struct sigaction end = {.sa_handler = on_stop};
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

/* What an OOM or a full memory must not reach. Without the rights it still works, less surely. */
static void harden(void)
{
	int rc = text_write_at(AT_FDCWD, "/proc/self/oom_score_adj", "-1000");

	if (rc)
		log_warning("guard: oom_score_adj not set: %s", strerror(-rc));
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		log_warning("guard: mlockall: %s", strerror(errno));
}

static void nap(uint64_t us)
{
	const struct timespec time = {.tv_sec = (time_t)(us / US_PER_SEC),
				      .tv_nsec = (long)(us % US_PER_SEC * NS_PER_US)};

	nanosleep(&time, NULL);
}

/* ---- the ledger and the pool ---- */

static int open_pool(struct guard *guard, struct uw_err *err)
{
	char named[LEDGER_POOL_LEN];
	const char *path = guard->options->pool;

	if (!path) {
		ledger_read_pool(guard->ledger, named);
		path = named;
	}
	if (!path[0])
		return err_set(err, -EINVAL, "guard: the ledger names no pool; give --pool");
	guard->pool_dirfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (guard->pool_dirfd < 0)
		return err_set(err, -errno, "guard: pool %s: %s", path, strerror(errno));
	return 0;
}

static int open_ledger(struct guard *guard, struct uw_err *err)
{
	int rc = ledger_open(guard->options->ledger, false, &guard->ledger, err);

	if (rc)
		return rc;
	rc = ledger_sign_guard(guard->ledger);
	if (!rc)
		return 0;
	ledger_close(guard->ledger);
	guard->ledger = NULL;
	return err_set(err, rc, "guard: %s: %s", guard->options->ledger,
		       rc == -EBUSY ? "another guard watches it" : strerror(-rc));
}

static void drop_ledger(struct guard *guard)
{
	ledger_close(guard->ledger);
	guard->ledger = NULL;
	guard->hang_beat_us = guard->beat_us = guard->late_us = 0;
	guard->orphan_since_us = 0;
}

/* ---- undoing ---- */

static void add(struct ledger_undone *sum, const struct ledger_undone *more)
{
	sum->changed += more->changed;
	sum->gone += more->gone;
	sum->failed = more->failed;
	if (more->error)
		sum->error = more->error;
}

static void undo_all(struct guard *guard, enum ledger_undo how, struct ledger_undone *sum)
{
	struct ledger_undone undone = {0};

	ledger_undo(guard->ledger, guard->pool_dirfd, how, LEDGER_KINDS_ALL, UINT64_MAX, &undone);
	add(sum, &undone);
	ledger_beat(guard->ledger, LEDGER_GUARD, clock_now_us());
}

static void report(const char *what, const struct ledger_undone *undone, uint64_t took_us)
{
	journal_say(LOG_LEVEL_WARNING, MESSAGE_GUARD,
		    "guard: %s undone=%u gone=%u failed=%u error=%d took_us=%llu", what,
		    undone->changed, undone->gone, undone->failed, -undone->error,
		    (unsigned long long)took_us);
}

/* Until uwd's last thread is gone, undoing what it may still do on its way out. */
static void outlast_uwd(struct guard *guard, struct ledger_undone *sum)
{
	AUTO_CLOSE int pidfd = -1;
	struct pollfd poll_fd;
	int rc;

	while ((rc = ledger_open_peer(guard->ledger, LEDGER_UWD, &pidfd)) && rc != -ESRCH) {
		nap(PRESSED_US);
		undo_all(guard, LEDGER_UNDO_KEEP, sum);
	}
	if (rc)
		return;
	poll_fd = (struct pollfd){.fd = pidfd, .events = POLLIN};
	while (poll(&poll_fd, 1, (int)(PRESSED_US / US_PER_MS)) <= 0)
		undo_all(guard, LEDGER_UNDO_KEEP, sum);
}

/* What is frozen cannot help itself, whoever is to thaw it. */
static void thaw_late(struct guard *guard, uint64_t now_us)
{
	struct ledger_undone undone = {0};

	ledger_undo(guard->ledger, guard->pool_dirfd, LEDGER_UNDO_KEEP, 1U << LEDGER_FREEZE,
		    now_us - GRACE_US, &undone);
	if (undone.changed)
		report("a freeze was past its deadline", &undone, 0);
}

/* With the lock. Loans alone are nothing to undo and need no report. */
static int take_over(struct guard *guard)
{
	struct ledger_undone undone = {0};
	uint64_t began_us = clock_now_us(), took_us;

	if (!ledger_count(guard->ledger))
		return 0;
	if (ledger_is_handed_over(guard->ledger, began_us)) {
		thaw_late(guard, began_us);
		return 0;
	}
	undo_all(guard, LEDGER_UNDO_KEEP, &undone);
	took_us = clock_now_us() - began_us;
	outlast_uwd(guard, &undone);
	undo_all(guard, LEDGER_UNDO_CLEAR, &undone);
	if (undone.changed || undone.failed) {
		ledger_note_undone(guard->ledger, &undone, took_us, false);
		report("uwd is gone", &undone, took_us);
	}
	return undone.failed ? -EIO : 0;
}

/* ---- while uwd lives ---- */

/* Opened once for each uwd: to find out that it is the one that signed costs more than all else
 * that a turn does. */
static int open_uwd(struct guard *guard)
{
	struct ledger_peer uwd;

	ledger_read_peer(guard->ledger, LEDGER_UWD, &uwd);
	if (guard->uwd_pidfd >= 0 && guard->uwd.pid == uwd.pid &&
	    guard->uwd.start_ticks == uwd.start_ticks)
		return 0;
	if (guard->uwd_pidfd >= 0)
		close(TAKE_FD(guard->uwd_pidfd));
	guard->uwd = uwd;
	return ledger_open_peer(guard->ledger, LEDGER_UWD, &guard->uwd_pidfd);
}

static bool uwd_is_dead(struct guard *guard)
{
	struct pollfd poll_fd;
	int rc = open_uwd(guard);

	if (rc)
		return rc == -ESRCH;
	poll_fd = (struct pollfd){.fd = guard->uwd_pidfd, .events = POLLIN};
	return poll(&poll_fd, 1, 0) > 0;
}

/*
 * The lock is held and who signed is dead: a new uwd that has not signed yet, or a uwd whose lock
 * the kernel could not mark (its memory was reaped by the OOM killer first). The second is told by
 * its lasting; then nobody can take this file any more, and a fresh one is put in its place.
 */
static void watch_orphan(struct guard *guard, uint64_t now_us)
{
	struct ledger_undone undone = {0};

	undo_all(guard, LEDGER_UNDO_KEEP, &undone);
	if (!guard->orphan_since_us)
		guard->orphan_since_us = now_us;
	if (now_us - guard->orphan_since_us < LEDGER_STALE_US)
		return;
	report("uwd died without its lock", &undone, now_us - guard->orphan_since_us);
	if (!ledger_is_replaced(guard->ledger))
		unlink(guard->options->ledger);
	drop_ledger(guard);
}

bool guard_is_stale(uint64_t beat_us, uint64_t late_us, uint64_t now_us)
{
	return now_us > beat_us + late_us + LEDGER_STALE_US;
}

/*
 * How long uwd has been silent for no fault of its own. The guard runs before uwd wherever both
 * want the processor: what it got up too late, the machine stood still, or something stood above
 * both, and uwd's next beat is as late.
 */
static void count_late(struct guard *guard, uint64_t beat_us, uint64_t due_us, uint64_t now_us)
{
	if (guard->beat_us != beat_us)
		guard->late_us = 0;
	guard->beat_us = beat_us;
	if (due_us < beat_us)
		due_us = beat_us; /* before that is another beat's */
	if (now_us > due_us)
		guard->late_us += now_us - due_us;
}

/* The function of the kernel in which its main thread waits; "0": in none. */
static void report_hang(const struct ledger_peer *uwd, const struct ledger_undone *undone,
			uint64_t took_us)
{
	char path[32], place[64], what[sizeof(place) + 16];

	snprintf(path, sizeof(path), "/proc/%d/wchan", uwd->pid);
	if (text_read_at(AT_FDCWD, path, place, sizeof(place)) <= 0)
		snprintf(place, sizeof(place), "?");
	snprintf(what, sizeof(what), "uwd hangs in=%s", place);
	report(what, undone, took_us);
}

/* Its entries stay: it may come back, and is their only writer. */
static void watch_hang(struct guard *guard, const struct ledger_peer *uwd, uint64_t now_us)
{
	struct ledger_undone undone = {0};
	uint64_t took_us;

	undo_all(guard, LEDGER_UNDO_KEEP, &undone);
	if (guard->hang_beat_us == uwd->beat_us)
		return;
	guard->hang_beat_us = uwd->beat_us;
	took_us = clock_now_us() - now_us;
	ledger_note_undone(guard->ledger, &undone, took_us, true);
	report_hang(uwd, &undone, took_us);
}

/*
 * Of a uwd that lives freezes alone: a squeezed component runs on, uwd judges it with each tick and
 * holds the squeeze over its deadline while all that is in it is frozen; a second writer of
 * memory.high would only fight it. Squeezes are undone once uwd hangs or is gone.
 */
static void watch_uwd(struct guard *guard, uint64_t due_us)
{
	uint64_t now_us = clock_now_us();
	struct ledger_peer uwd;

	if (!ledger_count(guard->ledger))
		return;
	if (uwd_is_dead(guard)) {
		watch_orphan(guard, now_us);
		return;
	}
	guard->orphan_since_us = 0;
	ledger_read_peer(guard->ledger, LEDGER_UWD, &uwd);
	count_late(guard, uwd.beat_us, due_us, now_us);
	if (guard_is_stale(uwd.beat_us, guard->late_us, now_us))
		watch_hang(guard, &uwd, now_us);
	else
		thaw_late(guard, now_us);
}

/* ---- the loop ---- */

static uint64_t wait_of(const struct guard *guard)
{
	return ledger_count(guard->ledger) ? PRESSED_US : IDLE_US;
}

/* -EBUSY ends the guard: another one has the new file. */
static int open_again(struct guard *guard, struct uw_err *err)
{
	if (open_ledger(guard, err) == -EBUSY)
		return -EBUSY;
	if (!guard->ledger)
		nap(IDLE_US);
	return guard->ledger && guard->pool_dirfd < 0 ? open_pool(guard, err) : 0;
}

static int turn(struct guard *guard, struct uw_err *err)
{
	uint64_t now_us = clock_now_us(), wait_us;
	int rc;

	if (!guard->ledger)
		return open_again(guard, err);
	ledger_beat(guard->ledger, LEDGER_GUARD, now_us);
	wait_us = wait_of(guard);
	rc = ledger_take(guard->ledger, LEDGER_GUARD, wait_us);
	if (rc >= 0) {
		take_over(guard);
		ledger_release_and_wait(guard->ledger, IDLE_US);
		if (ledger_is_replaced(guard->ledger))
			drop_ledger(guard);
	} else if (rc == -EBUSY) {
		watch_uwd(guard, now_us + wait_us);
	} else {
		log_err("guard: the ledger's lock is broken: %s", strerror(-rc));
		drop_ledger(guard);
		nap(IDLE_US);
	}
	return 0;
}

/* A living uwd needs no undoing; it notices that its guard has gone. */
static int finish(struct guard *guard)
{
	int rc = 0;

	if (!guard->ledger || ledger_take(guard->ledger, LEDGER_GUARD, 0) < 0)
		return 0;
	ledger_hand_over(guard->ledger, 0); /* nobody is left to see to it */
	rc = take_over(guard);
	ledger_release(guard->ledger);
	return rc;
}

static void guard_done(struct guard *guard)
{
	ledger_close(guard->ledger);
	if (guard->pool_dirfd >= 0)
		close(guard->pool_dirfd);
	if (guard->uwd_pidfd >= 0)
		close(guard->uwd_pidfd);
}

int guard_run(const struct guard_options *options, struct uw_err *err)
{
	struct guard guard = {.options = options, .pool_dirfd = -1, .uwd_pidfd = -1};
	int rc;

	take_signals();
	rc = open_ledger(&guard, err);
	if (rc == -EUCLEAN)
		rc = 0; /* uwd will replace it */
	if (!rc && (options->pool || guard.ledger))
		rc = open_pool(&guard, err);
	if (!rc)
		harden();
	while (!rc && !stop)
		rc = turn(&guard, err);
	if (!rc && finish(&guard))
		rc = err_set(err, -EIO, "guard: not everything could be undone");
	guard_done(&guard);
	return rc;
}

/* Handed over, with somebody there who undoes it when no uwd comes. */
static bool is_guarded(const struct guard *guard)
{
	AUTO_CLOSE int pidfd = -1;

	return ledger_is_handed_over(guard->ledger, clock_now_us()) &&
	       !ledger_open_peer(guard->ledger, LEDGER_GUARD, &pidfd);
}

/* With the lock. A pool that is gone took with it what there was to undo. */
static int undo_held(struct guard *guard, struct uw_err *err)
{
	int rc;

	if (!ledger_count(guard->ledger) || is_guarded(guard))
		return 0;
	rc = open_pool(guard, err);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	ledger_hand_over(guard->ledger, 0);
	if (take_over(guard))
		return err_set(err, -EIO, "guard: not everything could be undone");
	return 0;
}

int guard_undo_once(const struct guard_options *options, struct uw_err *err)
{
	struct guard guard = {.options = options, .pool_dirfd = -1, .uwd_pidfd = -1};
	int rc;

	if (access(options->ledger, F_OK))
		return 0;
	rc = ledger_open(options->ledger, false, &guard.ledger, err);
	if (rc)
		return rc == -EUCLEAN ? 0 : rc;
	rc = ledger_take(guard.ledger, LEDGER_ONESHOT, ONCE_TIMEOUT_US);
	if (rc < 0)
		err_set(err, rc, "guard: %s is held: uwd is running", options->ledger);
	else
		rc = undo_held(&guard, err);
	guard_done(&guard);
	return rc;
}
