// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * txn - bank transfers in a SQLite database at a fixed rate: two balances changed and one line of
 * history in each transaction. Latency is counted from the instant a transaction was due, to its
 * commit.
 */
#include "bench.h"

#include <sqlite3.h>

static double rate_per_s = 20;
static double seconds = 60;
static long accounts = 100000;
static long cache_mb = 32;
static long checkpoint_pages = 1000;
static long seed = 1;
static const char *database_path = "bank.db";
static const char *out_path = "txn.csv";

static const struct bench_option options[] = {
	{"rate", BENCH_DOUBLE, &rate_per_s, "transactions a second"},
	{"seconds", BENCH_DOUBLE, &seconds, "how long; SIGTERM ends it sooner"},
	{"accounts", BENCH_LONG, &accounts, "rows of about 230 bytes, made before the run"},
	{"cache", BENCH_LONG, &cache_mb, "MB of SQLite's page cache"},
	{"checkpoint", BENCH_LONG, &checkpoint_pages,
	 "pages of the log between two checkpoints, which whoever commits then waits for"},
	{"seed", BENCH_LONG, &seed, "seed of the choice of accounts"},
	{"db", BENCH_TEXT, &database_path, "database file; it is made anew"},
	{"out", BENCH_TEXT, &out_path, "latency record: due_ms,latency_us"},
	{NULL, BENCH_FLAG, NULL, NULL},
};

static const char schema[] =
	"CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER, owner BLOB);"
	"CREATE TABLE history(source INTEGER, target INTEGER, amount INTEGER, at_us INTEGER);";

enum statement {
	BEGIN,
	WITHDRAW,
	DEPOSIT,
	NOTE,
	COMMIT,
	STATEMENT__COUNT
};

static const char *const statement_sql[STATEMENT__COUNT] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[WITHDRAW] = "UPDATE account SET balance = balance - ?1 WHERE id = ?2",
	[DEPOSIT] = "UPDATE account SET balance = balance + ?1 WHERE id = ?2",
	[NOTE] = "INSERT INTO history VALUES(?2, ?3, ?1, ?4)",
	[COMMIT] = "COMMIT",
};

struct bank {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENT__COUNT];
	struct bench_rng rng;
};

static void bank_expect(struct bank *bank, int result, int wanted, const char *what)
{
	if (result == wanted)
		return;
	fprintf(stderr, "txn: %s: %s\n", what, sqlite3_errmsg(bank->db));
	exit(1);
}

static void bank_run_sql(struct bank *bank, const char *sql)
{
	bank_expect(bank, sqlite3_exec(bank->db, sql, NULL, NULL, NULL), SQLITE_OK, sql);
}

static void bank_run(struct bank *bank, enum statement which)
{
	bank_expect(bank, sqlite3_step(bank->statements[which]), SQLITE_DONE, statement_sql[which]);
	sqlite3_reset(bank->statements[which]);
}

static void bank_fill(struct bank *bank)
{
	char sql[256];

	bank_run_sql(bank, schema);
	snprintf(sql, sizeof(sql),
		 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %ld)"
		 "INSERT INTO account SELECT i, 1000, zeroblob(200) FROM n",
		 accounts);
	bank_run_sql(bank, sql);
}

static void bank_open(struct bank *bank)
{
	char pragma[64];

	unlink(database_path);
	bank_expect(bank, sqlite3_open(database_path, &bank->db), SQLITE_OK, database_path);
	bank_run_sql(bank, "PRAGMA journal_mode = WAL");
	bank_run_sql(bank, "PRAGMA synchronous = NORMAL");
	snprintf(pragma, sizeof(pragma), "PRAGMA cache_size = -%ld", cache_mb << 10);
	bank_run_sql(bank, pragma);
	snprintf(pragma, sizeof(pragma), "PRAGMA wal_autocheckpoint = %ld", checkpoint_pages);
	bank_run_sql(bank, pragma);
	bank_fill(bank);
	for (int i = 0; i < STATEMENT__COUNT; i++)
		bank_expect(bank,
			    sqlite3_prepare_v2(bank->db, statement_sql[i], -1, &bank->statements[i],
					       NULL),
			    SQLITE_OK, statement_sql[i]);
}

static void bank_close(struct bank *bank)
{
	for (int i = 0; i < STATEMENT__COUNT; i++)
		sqlite3_finalize(bank->statements[i]);
	sqlite3_close(bank->db);
}

static void bank_change(struct bank *bank, enum statement which, int64_t amount, int64_t account)
{
	sqlite3_bind_int64(bank->statements[which], 1, amount);
	sqlite3_bind_int64(bank->statements[which], 2, account);
	bank_run(bank, which);
}

static void bank_transfer(struct bank *bank)
{
	int64_t source = 1 + (int64_t)bench_rng_below(&bank->rng, (uint64_t)accounts);
	int64_t target = 1 + (int64_t)bench_rng_below(&bank->rng, (uint64_t)accounts);
	int64_t amount = 1 + (int64_t)bench_rng_below(&bank->rng, 100);

	bank_run(bank, BEGIN);
	bank_change(bank, WITHDRAW, amount, source);
	bank_change(bank, DEPOSIT, amount, target);
	sqlite3_bind_int64(bank->statements[NOTE], 3, target);
	sqlite3_bind_int64(bank->statements[NOTE], 4, bench_now_us());
	bank_change(bank, NOTE, amount, source);
	bank_run(bank, COMMIT);
}

int main(int argc, char **argv)
{
	struct bank bank = {0};
	struct bench_record record;

	bench_parse_options(argc, argv, "txn [OPTION]...", options);
	bench_catch_stop();
	prctl(PR_SET_TIMERSLACK, 1);
	bank.rng.state = (uint64_t)seed;
	bank_open(&bank);
	bench_record_init(&record, (size_t)(rate_per_s * seconds) + 1);

	int64_t start_us = bench_now_us();

	for (long i = 0; !bench_stopped && (double)i < rate_per_s * seconds; i++) {
		int64_t due_us = start_us + (int64_t)((double)i * 1e6 / rate_per_s);

		if (bench_now_us() < due_us)
			bench_sleep_until_us(due_us);
		if (bench_stopped)
			break;
		bank_transfer(&bank);
		bench_record_add(&record, due_us, bench_now_us() - due_us);
	}
	bank_close(&bank);
	bench_record_write(&record, out_path);
	return 0;
}
