// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kills what has to do with leases and pools, one after another at random, and looks whether they
 * come to agree again:
 *
 *	uw_kills KILLS SEED
 *
 * It starts uwd and programs of each kind, kills any of them, a keeper, or uwd with its keeper, and
 * starts it again. After some kills all programs stand still, and what uwd has in its ledger must
 * become what they say they have, within what was promised. At the end all are killed, and nothing
 * is left. Exit status 0; 1 with a line that says what is wrong.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/vm/kills_players.h"
#include "user/base/clock.h"
#include "user/lease/file.h"

#define PLAYERS       8U
#define KILLS_A_CHECK 8U
#define PROMISED_US   US_PER_SEC        /* the ledger is right again after so long */
#define HANG_US       (60 * US_PER_SEC) /* of a guest on a busy machine */
#define KEEPERS       "/sys/fs/cgroup/uw/data/pools/cgroup.procs"
#define SOCKET        "/run/uw/lease.sock"

/* Readers are of the owner that stands behind them. */
static const struct {
	enum player_role role;
	uint32_t owner;
} cast[PLAYERS] = {
	{PLAYER_OWNER, 0},  {PLAYER_OWNER, 1},  {PLAYER_CLIENT, 0}, {PLAYER_CLIENT, 0},
	{PLAYER_CREDIT, 0}, {PLAYER_READER, 0}, {PLAYER_READER, 1}, {PLAYER_READER, 0},
};

enum kills_victim {
	KILLS_PLAYER,
	KILLS_KEEPER,
	KILLS_UWD,
	KILLS_BOTH, /* uwd and its keeper at once */
	KILLS__COUNT,
};

struct kills {
	struct board *board;
	pid_t uwd, player[PLAYERS];
	unsigned int seed;
	uint32_t done[KILLS__COUNT], checks;
	uint64_t slowest_us;
};

/* What one process has. */
struct kills_sum {
	uint32_t leases, pools, attached;
	uint64_t lease_bytes;
};

__attribute__((noreturn, format(printf, 2, 3))) static void give_up(struct kills *kills,
								    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("; seed %u, kills %u %u %u %u\n", kills->seed, kills->done[0], kills->done[1],
	       kills->done[2], kills->done[3]);
	kill(kills->uwd, SIGTERM);
	exit(1);
}

static uint32_t pick(struct kills *kills, uint32_t below)
{
	return (uint32_t)rand_r(&kills->seed) % below;
}

/* ---- they come ---- */

static void start_uwd(struct kills *kills)
{
	FILE *note;

	kills->uwd = fork();
	if (!kills->uwd) {
		int log = open("/tmp/uwd.log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

		dup2(log, STDERR_FILENO);
		dup2(log, STDOUT_FILENO); /* whoever reads what we say waits for its end */
		execlp("uwd", "uwd", NULL);
		_exit(127);
	}
	note = fopen("/run/uwd-under-test.pid", "w");
	if (note) {
		fprintf(note, "%d\n", kills->uwd);
		fclose(note);
	}
}

static void start_player(struct kills *kills, uint32_t place)
{
	struct player *player = &kills->board->player[place];
	unsigned int seed = pick(kills, INT32_MAX);

	memset((void *)player->tensor, 0, sizeof(player->tensor));
	player->leases = player->pools = player->attached = 0;
	player->lease_bytes = 0;
	kills->player[place] = fork();
	if (!kills->player[place])
		player_run(kills->board, place, cast[place].role, cast[place].owner, seed);
	player->pid = kills->player[place];
}

/* ---- they go ---- */

static pid_t find_keeper(void)
{
	FILE *file = fopen(KEEPERS, "r");
	int pid = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%d", &pid) != 1)
		pid = 0;
	fclose(file);
	return pid;
}

static void kill_player(struct kills *kills, uint32_t place)
{
	kill(kills->player[place], SIGKILL);
	waitpid(kills->player[place], NULL, 0);
	kills->board->player[place].pid = 0;
}

static enum kills_victim pick_victim(struct kills *kills)
{
	uint32_t number = pick(kills, 100);

	return number < 70   ? KILLS_PLAYER
	       : number < 83 ? KILLS_KEEPER
	       : number < 95 ? KILLS_UWD
			     : KILLS_BOTH;
}

static void kill_one(struct kills *kills)
{
	enum kills_victim victim = pick_victim(kills);
	uint32_t place = pick(kills, PLAYERS);
	pid_t keeper = victim == KILLS_KEEPER || victim == KILLS_BOTH ? find_keeper() : 0;

	kills->done[victim]++;
	if (keeper)
		kill(keeper, SIGKILL);
	if (victim == KILLS_PLAYER) {
		kill_player(kills, place);
		start_player(kills, place);
	}
	if (victim == KILLS_UWD || victim == KILLS_BOTH) {
		kill(kills->uwd, SIGKILL);
		waitpid(kills->uwd, NULL, 0);
		start_uwd(kills);
	}
}

/* Nobody ends but those that are killed. */
static void look_for_ended(struct kills *kills)
{
	int status;

	for (uint32_t i = 0; i < PLAYERS; i++)
		if (waitpid(kills->player[i], &status, WNOHANG) == kills->player[i])
			give_up(kills, "player %u ended: signal %d, status %d, %s", i,
				WIFSIGNALED(status) ? WTERMSIG(status) : 0,
				WIFEXITED(status) ? WEXITSTATUS(status) : 0,
				kills->board->player[i].said);
	if (waitpid(kills->uwd, &status, WNOHANG) == kills->uwd)
		give_up(kills, "uwd ended: %#x", (unsigned int)status);
}

/* ---- what is there ---- */

static void wait_a_little(struct kills *kills, uint64_t since_us, const char *for_what)
{
	player_sleep(5000000);
	look_for_ended(kills);
	if (clock_now_us() - since_us > HANG_US)
		give_up(kills, "waited in vain for %s", for_what);
}

static bool answers(void)
{
	const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	bool found = fd >= 0 && !connect(fd, (const struct sockaddr *)&address, sizeof(address));

	if (fd >= 0)
		close(fd);
	return found;
}

static bool all_rest(const struct kills *kills)
{
	for (uint32_t i = 0; i < PLAYERS; i++)
		if (kills->board->player[i].rested != kills->board->rest)
			return false;
	return true;
}

static void have_all_rest(struct kills *kills)
{
	uint64_t since_us = clock_now_us();

	kills->board->rest++;
	while (!answers() || !all_rest(kills))
		wait_a_little(kills, since_us, "all to stand still");
}

/* Of what uwd has, and of whom nothing is known. */
static bool sum_ledger(const struct kills *kills, struct kills_sum sum[static PLAYERS])
{
	struct uw_err err = {0};
	struct lease_file *file = NULL;
	const struct lease_slot *slot;
	uint32_t strangers = 0;

	if (lease_file_open(LEASE_FILE_PATH, &file, &err))
		return false;
	slot = lease_file_slots(file);
	for (uint32_t i = 0; i < lease_file_room(file); i++) {
		uint32_t at = 0;

		if (slot[i].state != LEASE_HELD || slot[i].flags & LEASE_CREDIT)
			continue;
		while (at < PLAYERS && kills->player[at] != slot[i].pid)
			at++;
		if (at == PLAYERS) {
			strangers++;
		} else if (slot[i].flags & LEASE_READER) {
			sum[at].attached++;
		} else if (slot[i].flags & LEASE_POOL) {
			sum[at].pools++;
		} else {
			sum[at].leases++;
			sum[at].lease_bytes += slot[i].bytes;
		}
	}
	lease_file_close(file);
	return !strangers;
}

static bool agree(const struct kills *kills)
{
	struct kills_sum sum[PLAYERS] = {0};
	bool same = sum_ledger(kills, sum);

	for (uint32_t i = 0; i < PLAYERS && same; i++) {
		const struct player *player = &kills->board->player[i];

		same = sum[i].leases == player->leases && sum[i].pools == player->pools &&
		       sum[i].attached == player->attached &&
		       sum[i].lease_bytes == player->lease_bytes;
	}
	return same;
}

static void print_both(const struct kills *kills)
{
	struct kills_sum sum[PLAYERS] = {0};

	if (!sum_ledger(kills, sum))
		printf("the ledger has leases of others\n");
	for (uint32_t i = 0; i < PLAYERS; i++) {
		const struct player *player = &kills->board->player[i];

		printf("%u: ledger %u leases of %llu, %u pools, %u attached; has %u of %llu, %u, "
		       "%u\n",
		       i, sum[i].leases, (unsigned long long)sum[i].lease_bytes, sum[i].pools,
		       sum[i].attached, player->leases, (unsigned long long)player->lease_bytes,
		       player->pools, player->attached);
	}
}

/* From when all could be there: the programs stand still, and uwd answers. */
static void check(struct kills *kills)
{
	uint64_t since_us, took_us;

	have_all_rest(kills);
	since_us = clock_now_us();
	while (!agree(kills) && clock_now_us() - since_us <= PROMISED_US)
		wait_a_little(kills, since_us, "the ledger");
	took_us = clock_now_us() - since_us;
	if (!agree(kills)) {
		print_both(kills);
		give_up(kills, "the ledger is not what programs have");
	}
	if (took_us > kills->slowest_us)
		kills->slowest_us = took_us;
	kills->checks++;
	kills->board->rest++;
}

/* ---- the run ---- */

static void end_all(struct kills *kills)
{
	struct kills_sum sum[PLAYERS];
	uint64_t since_us;

	for (uint32_t i = 0; i < PLAYERS; i++)
		kill_player(kills, i);
	memset(kills->player, 0, sizeof(kills->player));
	since_us = clock_now_us();
	while (!sum_ledger(kills, sum)) {
		player_sleep(5000000);
		if (clock_now_us() - since_us > PROMISED_US)
			give_up(kills, "uwd has leases of programs that are dead");
	}
}

static void tell(const struct kills *kills)
{
	uint64_t steps = 0;
	uint32_t polls = 0;

	for (uint32_t i = 0; i < PLAYERS; i++) {
		const struct player *player = &kills->board->player[i];

		steps += player->steps;
		polls = player->polls > polls ? player->polls : polls;
		printf("player %u: %llu steps%s%s\n", i, (unsigned long long)player->steps,
		       *player->said ? ", " : "", player->said);
	}
	printf("killed %u programs, %u keepers, %u uwd, %u both; %u checks, the slowest %llu ms; "
	       "%llu steps; rings stood for %u ms at most\n",
	       kills->done[0], kills->done[1], kills->done[2], kills->done[3], kills->checks,
	       (unsigned long long)kills->slowest_us / 1000, (unsigned long long)steps, polls);
}

int main(int argc, char **argv)
{
	size_t size = sizeof(struct board) + PLAYERS * sizeof(struct player);
	uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
	struct kills kills = {.seed = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 10) : 0};

	setvbuf(stdout, NULL, _IOLBF, 0);
	kills.board = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!count || kills.board == MAP_FAILED) {
		fprintf(stderr, "usage: uw_kills KILLS SEED\n");
		return 2;
	}
	start_uwd(&kills);
	for (uint32_t i = 0; i < PLAYERS; i++)
		start_player(&kills, i);
	check(&kills);
	for (uint32_t i = 1; i <= count; i++) {
		player_sleep((long)(20 + pick(&kills, 80)) * 1000000);
		look_for_ended(&kills);
		kill_one(&kills);
		if (i % KILLS_A_CHECK == 0 || i == count)
			check(&kills);
	}
	end_all(&kills);
	tell(&kills);
	return 0;
}
