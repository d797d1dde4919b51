// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every statement of the database, and what the tables are. Times are wall clock in us. A statement
 * is named by its number in internal.h and prepared once for each connection.
 */
#include "user/store/internal.h"

/*
 * jobs: those that have not ended, and the last that have; state is enum job_state, 6 and up ended.
 * spec is job_pack without the environment. runs: one row an attempt, for estimates and statistics.
 * totals, predicted: sums that outlive what is forgotten. keys and env are named by hashes with the
 * one secret. AUTOINCREMENT: an id is never given
 * twice.
 */
const char store_schema[] =
	"CREATE TABLE env (id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, data BLOB NOT NULL);"
	"CREATE INDEX env_hash ON env (hash);"
	"CREATE TABLE jobs ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL, component TEXT NOT NULL,"
	" key TEXT NOT NULL, name TEXT NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL,"
	" priority INTEGER NOT NULL, memory_priority INTEGER NOT NULL, memory INTEGER NOT NULL,"
	" reserved INTEGER NOT NULL, time INTEGER NOT NULL, time_limit INTEGER NOT NULL,"
	" array INTEGER NOT NULL, idx INTEGER NOT NULL, flags INTEGER NOT NULL,"
	" retries INTEGER NOT NULL, attempts INTEGER NOT NULL, slot INTEGER NOT NULL DEFAULT 0,"
	" boot TEXT NOT NULL DEFAULT '', submit INTEGER NOT NULL, queued INTEGER NOT NULL,"
	" start INTEGER NOT NULL DEFAULT 0,"
	" end INTEGER NOT NULL DEFAULT 0, reason INTEGER NOT NULL, observed INTEGER NOT NULL,"
	" threshold INTEGER NOT NULL, peak INTEGER NOT NULL DEFAULT 0,"
	" cpu INTEGER NOT NULL DEFAULT 0, status INTEGER NOT NULL DEFAULT -1,"
	" signal INTEGER NOT NULL DEFAULT 0, oom_kills INTEGER NOT NULL DEFAULT 0,"
	" out_dropped INTEGER NOT NULL DEFAULT 0, err_dropped INTEGER NOT NULL DEFAULT 0,"
	" env INTEGER NOT NULL, spec BLOB NOT NULL);"
	"CREATE INDEX jobs_live ON jobs (id) WHERE state < 6;"
	"CREATE INDEX jobs_ended ON jobs (end) WHERE state >= 6;"
	"CREATE INDEX jobs_array ON jobs (array);"
	"CREATE INDEX jobs_env ON jobs (env);"
	"CREATE TABLE events ("
	" job INTEGER NOT NULL, at INTEGER NOT NULL, step INTEGER NOT NULL,"
	" attempt INTEGER NOT NULL, before INTEGER NOT NULL, after INTEGER NOT NULL,"
	" reason INTEGER NOT NULL, observed INTEGER NOT NULL, threshold INTEGER NOT NULL);"
	"CREATE INDEX events_job ON events (job);"
	"CREATE TABLE runs ("
	" id INTEGER PRIMARY KEY, job INTEGER NOT NULL, attempt INTEGER NOT NULL,"
	" uid INTEGER NOT NULL,"
	" component TEXT NOT NULL, key TEXT NOT NULL, class INTEGER NOT NULL,"
	" state INTEGER NOT NULL, asked INTEGER NOT NULL, reserved_first INTEGER NOT NULL,"
	" reserved INTEGER NOT NULL, peak INTEGER NOT NULL, cpu INTEGER NOT NULL,"
	" wait INTEGER NOT NULL, run INTEGER NOT NULL, end INTEGER NOT NULL,"
	" outgrew INTEGER NOT NULL, input INTEGER NOT NULL DEFAULT 0);"
	"CREATE INDEX runs_key ON runs (key, component, uid, id);"
	"CREATE TABLE totals ("
	" component TEXT NOT NULL, class INTEGER NOT NULL, state INTEGER NOT NULL,"
	" jobs INTEGER NOT NULL, runs INTEGER NOT NULL, sufficed INTEGER NOT NULL,"
	" wait INTEGER NOT NULL, wait_max INTEGER NOT NULL, run INTEGER NOT NULL,"
	" asked REAL NOT NULL, reserved REAL NOT NULL, peak REAL NOT NULL,"
	" PRIMARY KEY (component, class, state)) WITHOUT ROWID;"
	"CREATE TABLE predicted ("
	" component TEXT NOT NULL, what INTEGER NOT NULL, bucket INTEGER NOT NULL,"
	" count INTEGER NOT NULL, sum INTEGER NOT NULL,"
	" PRIMARY KEY (component, what, bucket)) WITHOUT ROWID;"
	"CREATE TABLE keys (key INTEGER PRIMARY KEY, used INTEGER NOT NULL, data BLOB NOT NULL);"
	"CREATE INDEX keys_used ON keys (used);";

/* By the version that they lead from. 1: the size of a run's input. */
const char *const store_steps[STORE_SCHEMA_VERSION] = {
	[1] = "ALTER TABLE runs ADD COLUMN input INTEGER NOT NULL DEFAULT 0;",
};

/* Made where they are missing, as in databases that are older than they are. */
const char store_indexes[] =
	"CREATE INDEX IF NOT EXISTS jobs_array_live ON jobs (array) WHERE state < 6;"
	"CREATE INDEX IF NOT EXISTS jobs_array_bad ON jobs (array) WHERE state > 6;";

/* What keys were named by before there was a secret, users could find others' names for. */
const char store_secret_sql[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS secret (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"
	"DELETE FROM keys WHERE NOT EXISTS (SELECT 1 FROM secret);"
	"INSERT INTO secret SELECT 1, randomblob(16) WHERE NOT EXISTS (SELECT 1 FROM secret);"
	"COMMIT";

const char *const store_sql[ST__COUNT] = {
	[ST_BEGIN] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_ADD] = "INSERT INTO jobs (id, state, component, key, name, uid, gid, priority,"
		   " memory_priority, memory, reserved, time, time_limit, array, idx, flags,"
		   " retries, attempts, submit, queued, reason, observed, threshold, env, spec)"
		   " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[ST_FIND_ENV] = "SELECT id FROM env WHERE hash = ?1 AND data = ?2",
	[ST_ADD_ENV] = "INSERT INTO env (hash, data) VALUES (?1, ?2)",
	[ST_UPDATE] = "UPDATE jobs SET state = ?2, flags = ?3, retries = ?4, attempts = ?5,"
		      " start = ?6, reserved = ?7, reason = ?8, observed = ?9, threshold = ?10,"
		      " slot = ?11, boot = ?12, peak = ?13, queued = ?14 WHERE id = ?1",
	[ST_ADD_EVENT] = "INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?)",
	[ST_TRIM_EVENTS] = "DELETE FROM events WHERE job = ?1 AND rowid <="
			   " (SELECT rowid FROM events WHERE job = ?1"
			   " ORDER BY rowid DESC LIMIT 1 OFFSET 64)",
	[ST_ADD_RUN] = "INSERT INTO runs (job, attempt, uid, component, key, class, state, asked,"
		       " reserved_first, reserved, peak, cpu, wait, run, end, outgrew,"
		       " input) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[ST_ADD_TOTALS] = "INSERT INTO totals VALUES (?1,?2,?3,?4,?11,?5,?6,?6,?7,?8,?9,?10)"
			  " ON CONFLICT DO UPDATE SET jobs = jobs + excluded.jobs,"
			  " runs = runs + excluded.runs, sufficed = sufficed + excluded.sufficed,"
			  " wait = wait + excluded.wait,"
			  " wait_max = max(wait_max, excluded.wait_max),"
			  " run = run + excluded.run, asked = asked + excluded.asked,"
			  " reserved = reserved + excluded.reserved, peak = peak + excluded.peak",
	[ST_ADD_PREDICTED] = "INSERT INTO predicted VALUES (?1,?2,?3,1,?4)"
			     " ON CONFLICT DO UPDATE SET count = count + 1,"
			     " sum = sum + excluded.sum",
	[ST_END] = "UPDATE jobs SET state = ?2, flags = ?3, attempts = ?4, start = ?5, end = ?6,"
		   " reserved = ?7, reason = ?8, observed = ?9, threshold = ?10, peak = ?11,"
		   " cpu = ?12, status = ?13, signal = ?14, oom_kills = ?15, out_dropped = ?16,"
		   " err_dropped = ?17, queued = ?18 WHERE id = ?1",
	[ST_PUT_KEY] = "INSERT OR REPLACE INTO keys VALUES (?1, ?2, ?3)",
	[ST_EACH_LIVE] = "SELECT id, state, key, name, uid, gid, priority, memory_priority, memory,"
			 " reserved, time, time_limit, array, idx, flags, retries, attempts, slot,"
			 " boot, submit, queued, start, reason, observed, threshold, peak, env,"
			 " (SELECT length(data) FROM env WHERE env.id = jobs.env), spec"
			 " FROM jobs INDEXED BY jobs_live WHERE state < 6 ORDER BY id",
	[ST_EACH_KEY] = "SELECT data FROM (SELECT used, data FROM keys ORDER BY used DESC"
			" LIMIT ?1) ORDER BY used",
	[ST_LAST_ID] = "SELECT seq FROM sqlite_sequence WHERE name = 'jobs'",
	[ST_FIND_END] = "SELECT iif(state < 6, 0, end) FROM jobs WHERE id = ?1",
	[ST_READ_PACK] = "SELECT jobs.spec, env.data FROM jobs JOIN env ON env.id = jobs.env"
			 " WHERE jobs.id = ?1",
	/* The order of runs is that of their ends, but for clocks that were set. */
	[ST_SECRET] = "SELECT bytes FROM secret",
	[ST_OLDEST] =
		"SELECT min(ifnull((SELECT end FROM jobs INDEXED BY jobs_ended"
		" WHERE state >= 6 ORDER BY end LIMIT 1), 9223372036854775807),"
		" ifnull((SELECT end FROM runs ORDER BY id LIMIT 1), 9223372036854775807),"
		" ifnull((SELECT used FROM keys ORDER BY used LIMIT 1), 9223372036854775807))",
	[ST_USED] = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count,"
		    " pragma_freelist_count, pragma_page_size",
	[ST_FORGET_CUT] = "SELECT max(ifnull((SELECT end FROM jobs INDEXED BY jobs_ended"
			  " WHERE state >= 6 ORDER BY end DESC LIMIT 1 OFFSET ?1), 0), ?2)",
	[ST_FORGET_WHOM] = "SELECT id FROM jobs INDEXED BY jobs_ended"
			   " WHERE state >= 6 AND end <= ?1 ORDER BY end LIMIT ?2",
	[ST_FORGET_EVENTS] = "DELETE FROM events WHERE job IN (SELECT id FROM jobs"
			     " INDEXED BY jobs_ended WHERE state >= 6 AND end <= ?1"
			     " ORDER BY end LIMIT ?2)",
	[ST_FORGET_JOBS] = "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs"
			   " INDEXED BY jobs_ended WHERE state >= 6 AND end <= ?1"
			   " ORDER BY end LIMIT ?2)",
	[ST_FORGET_RUNS] = "DELETE FROM runs WHERE end <= ?1"
			   " OR (id <= (SELECT max(id) FROM runs) - ?3 AND id IN (SELECT id FROM"
			   " (SELECT id, row_number() OVER (PARTITION BY key, component, uid"
			   " ORDER BY id DESC) AS age FROM runs) WHERE age > ?2))",
	[ST_FORGET_KEYS] = "DELETE FROM keys WHERE used <= ?1 OR used <= (SELECT used FROM keys"
			   " ORDER BY used DESC LIMIT 1 OFFSET ?2)",
	[ST_FORGET_ENV] = "DELETE FROM env WHERE NOT EXISTS"
			  " (SELECT 1 FROM jobs WHERE jobs.env = env.id)",
};
