// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Holds the table of commands: what each is called, takes and says of itself, and the function that
 * does it. Parsing, help and near misses go by these rows, so that a new command is a row here and
 * a function in its own file.
 */
#include "user/cli/commands.h"

#include "user/base/cleanup.h"

#define COMMON (OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_JSON) | OPTION_BIT(OPTION_COLOR))
#define CLIENT (COMMON | OPTION_BIT(OPTION_SOCKET))
#define CHANGE (COMMON | OPTION_BIT(OPTION_DRY_RUN))

/* What picks jobs, beside their ids. */
#define SELECT                                                                  \
	(CLIENT | OPTION_BIT(OPTION_OF_COMPONENT) | OPTION_BIT(OPTION_OF_KEY) | \
	 OPTION_BIT(OPTION_OF_TAG) | OPTION_BIT(OPTION_STATE) | OPTION_BIT(OPTION_MINE))
#define TABLE_OPTIONS (OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_SORT))
#define TASK_OPTIONS  (~(option_mask)0 << OPTION_TASK_FIRST & (OPTION_BIT(OPTION__COUNT) - 1))
#define JOB_IDS                                                                                 \
	"ID is 12, a range 12-20, or of an array the element 12_3 or some of them 12_3-5; the " \
	"id of an array alone means all of it. "

static const struct command rows[] = {
	{
		.name = "check",
		.brief = "what this kernel can do for us, and what is lost without the rest",
		.words = "",
		.detail = "Looks at the running kernel and its cgroups; loads and changes nothing. "
			  "Run it as root to see everything. Exits 0 when all is there, 1 when "
			  "something is lost, 2 when uwctl cannot work here.",
		.example = "uwctl check\nuwctl check --json | jq -r .verdict",
		.options = COMMON,
		.run = command_check,
	},
	{
		.name = "setup",
		.brief = "make the pool and its components as the configuration says",
		.words = "",
		.detail = "Makes what is missing and corrects what differs; what is right already "
			  "is left alone, so it may be run at any time. Starts uw-guard. A uwd "
			  "that runs takes the configuration over first.",
		.example = "uwctl setup --dry-run\nuwctl setup --config my.conf",
		.options = CHANGE | OPTION_BIT(OPTION_CONFIG),
		.run = command_setup,
	},
	{
		.name = "teardown",
		.brief = "remove the pool, and nothing else",
		.words = "",
		.detail = "Refuses while something runs in the pool, unless told what to do with "
			  "it. Removes the pinned BPF programs and ends uw-guard too.",
		.example = "uwctl teardown --dry-run\nuwctl teardown --kill",
		.options = CHANGE | OPTION_BIT(OPTION_KILL) | OPTION_BIT(OPTION_KEEP_RUNNING),
		.run = command_teardown,
	},
	{
		.name = "run",
		.brief = "run a command in a component, from its first instruction on",
		.words = "COMPONENT [--name NAME] [--] COMMAND [ARGUMENT...]",
		.detail =
			"The command gets a leaf of its own, which is the unit of freezing and "
			"killing. It shares our terminal and process group, so pipelines and job "
			"control work; signals sent to us are passed on. Exits with the command's "
			"status, 128+N when signal N ended it, 127 when there is no such command, "
			"126 when it cannot be run, 125 when uwctl failed. With --json a summary "
			"goes to stderr at the end, since stdout is the command's.",
		.example = "uwctl run ml_models -- python3 train.py\n"
			   "uwctl run cache --name redis -- redis-server --port 6379",
		.options = CHANGE | OPTION_BIT(OPTION_NAME),
		.words_min = 2,
		.words_max = -1,
		.in_order = true,
		.options_again = true,
		.own_exits = true,
		.shares_stdout = true,
		.run = command_run,
	},
	{
		.name = "enter",
		.brief = "become a command in a component: for services",
		.words = "COMPONENT [--name NAME] [--try] [--] COMMAND [ARGUMENT...]",
		.detail =
			"uwd moves us into a leaf of the component, and we become the command: the same "
			"process, so that a service manager goes on knowing it. Root may, and whom the "
			"component's 'submit' names; root can without uwd too. Ends with 126 and 127 as "
			"'run' does, and with 125 when it could not enter.",
		.example =
			"uwctl enter cache --name redis --try -- redis-server /etc/redis/redis.conf",
		.options = CLIENT | OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_NAME) |
			   OPTION_BIT(OPTION_TRY),
		.words_min = 2,
		.words_max = -1,
		.in_order = true,
		.options_again = true,
		.own_exits = true,
		.shares_stdout = true,
		.run = command_enter,
	},
	{
		.name = "attach",
		.brief = "move a running process into a component",
		.words = "PID COMPONENT [--name NAME] [--tree]",
		.detail = "Moves the process with all its threads, and with --tree its children. "
			  "Memory that they have already charged stays charged where it was.",
		.example = "uwctl attach 4711 database\n"
			   "uwctl attach 4711 database --name postgres --tree",
		.options = CHANGE | OPTION_BIT(OPTION_NAME) | OPTION_BIT(OPTION_TREE),
		.words_min = 2,
		.words_max = 2,
		.run = command_attach,
	},
	{
		.name = "status",
		.brief = "what each component has, uses and suffers, and what is done about it",
		.words = "[COMPONENT]",
		.detail = "--jobs shows the figures of the queue: how many, how long they waited "
			  "and ran, what was asked for, given and used. GOOD is the share that "
			  "ended well, FIT that of the attempts whose first reservation sufficed.",
		.example = "uwctl status\nuwctl status ml_models\nuwctl status --watch\n"
			   "uwctl status --jobs",
		.options =
			CLIENT | OPTION_BIT(OPTION_WATCH) | OPTION_BIT(OPTION_JOBS) | TABLE_OPTIONS,
		.words_max = 1,
		.run = command_status,
	},
	{
		.name = "top",
		.brief = "components, jobs, actions and their reasons, live or as recorded",
		.words = "[FILE]",
		.detail =
			"Worst first; ? lists the keys. Root may freeze, thaw and reclaim, users "
			"hold and cancel their jobs: the writes are shown, and y is asked for. Waits through a restart of uwd. -b prints the screen as "
			"text, --json one object a line. Exits 3 when uwd does not run. --replay shows "
			"what was recorded, in FILE or here: Left and Right a frame, [ and ] an "
			"action, { and } five minutes, g a time, Space plays.",
		.example = "uwctl top\nuwctl top -b -n 1\nuwctl top --json -d 5s\n"
			   "uwctl top --replay incident.recording --at 22:18",
		.options = CLIENT | OPTION_BIT(OPTION_BATCH) | OPTION_BIT(OPTION_FRAMES) |
			   OPTION_BIT(OPTION_DELAY) | OPTION_BIT(OPTION_READ_ONLY) |
			   OPTION_BIT(OPTION_REPLAY) | OPTION_BIT(OPTION_AT),
		.words_max = 1,
		.run = command_top,
	},
	{
		.name = "log",
		.brief = "what was done lately, and why",
		.words = "[COMPONENT]",
		.detail = "Oldest first. The journal has it all; uwd keeps the last 512 records.",
		.example = "uwctl log --lines 50\nuwctl log --follow ml_models",
		.options = CLIENT | OPTION_BIT(OPTION_COUNT) | OPTION_BIT(OPTION_FOLLOW) |
			   OPTION_BIT(OPTION_SINCE),
		.words_max = 1,
		.run = command_log,
	},
	{
		.name = "why",
		.brief = "why a component is treated as it is: reason, numbers, effect",
		.words = "COMPONENT",
		.detail =
			"The state it is in, the last actions on it with the value that was "
			"observed, the threshold it was held against, and what came of it; and the "
			"last leases of memory that programs did not get, or lost.",
		.example = "uwctl why ml_models\nuwctl why ml_models -l 20 --json",
		.options = CLIENT | OPTION_BIT(OPTION_COUNT),
		.words_min = 1,
		.words_max = 1,
		.run = command_why,
	},
	{
		.name = "explain",
		.brief = "each condition with its live value, and how far it is from firing",
		.words = "[COMPONENT]",
		.detail =
			"What would make each tier act, for one component or for all and the host.",
		.example = "uwctl explain ml_models",
		.options = CLIENT,
		.words_max = 1,
		.run = command_explain,
	},
	{
		.name = "config",
		.brief = "show, check or compare the configuration",
		.words = "show | check [FILE] | diff [FILE]",
		.detail =
			"show prints what is in force (with uwd: what uwd goes by). check reads "
			"FILE, or what is installed, names the files, and says what is wrong with "
			"them, or hardly meant on this machine. diff "
			"compares that with what is in force, and exits 1 when it differs.",
		.example = "uwctl config show\nuwctl config check new.conf\nuwctl config diff",
		.options = CLIENT | OPTION_BIT(OPTION_CONFIG),
		.words_min = 1,
		.words_max = 2,
		.run = command_config,
	},
	{
		.name = "reload",
		.brief = "have uwd read its configuration again",
		.words = "",
		.detail = "All of it or, when anything is wrong with it, nothing. Prints what "
			  "changed; --dry-run prints what would.",
		.example = "uwctl reload --dry-run\nuwctl reload",
		.options = CLIENT | OPTION_BIT(OPTION_DRY_RUN),
		.run = command_reload,
	},
	{
		.name = "freeze",
		.brief = "freeze a component or one of its leaves",
		.words = "COMPONENT[/LEAF] [--for TIME] [--force]",
		.detail =
			"Never for longer than the configuration's freeze-max, which is said where "
			"it cuts --for: uwd thaws it then, and uw-guard does when uwd cannot. A "
			"component with freeze = no is refused without --force.",
		.example = "uwctl freeze ml_models --for 30s\nuwctl freeze ml_models/train",
		.options = CLIENT | OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_FOR) |
			   OPTION_BIT(OPTION_FORCE),
		.words_min = 1,
		.words_max = 1,
		.run = command_freeze,
	},
	{
		.name = "thaw",
		.brief = "thaw a component or one of its leaves",
		.words = "COMPONENT[/LEAF]",
		.detail = "Thaws what uwd froze, for whatever reason; under pressure it may be "
			  "frozen again. What somebody else froze is theirs to thaw.",
		.example = "uwctl thaw ml_models",
		.options = CLIENT | OPTION_BIT(OPTION_DRY_RUN),
		.words_min = 1,
		.words_max = 1,
		.run = command_thaw,
	},
	{
		.name = "reclaim",
		.brief = "take memory back from a component",
		.words = "COMPONENT BYTES",
		.detail = "Has the kernel reclaim so much, coldest pages first, and says how much "
			  "came.",
		.example = "uwctl reclaim cache 256M",
		.options = CLIENT | OPTION_BIT(OPTION_DRY_RUN),
		.words_min = 2,
		.words_max = 2,
		.run = command_reclaim,
	},
	{
		.name = "forget",
		.brief = "what adaptive edges have learned of a component",
		.words = "COMPONENT",
		.detail = "Its edges are where uw.conf has them again, and it is learned anew "
			  "where they should be. Says how far they had moved.",
		.example = "uwctl forget database",
		.options = CLIENT | OPTION_BIT(OPTION_DRY_RUN),
		.words_min = 1,
		.words_max = 1,
		.run = command_forget,
	},
	{
		.name = "lease",
		.brief = "what is promised to programs, and taking it away",
		.words = "list [COMPONENT] | free ID...",
		.detail = "A lease is so much of a component's memory that a program asked for by "
			  "libuw and was promised. STATE says whether its holder runs in the "
			  "component, or is awaited since uwd was started. free takes leases from "
			  "their holders, who find them stale; memory that is in use stays so.",
		.example = "uwctl lease list\nuwctl lease list ml_models --json\n"
			   "uwctl lease free 4294967296",
		.options = CLIENT,
		.words_min = 1,
		.words_max = -1,
		.run = command_lease,
	},
	{
		.name = "pool",
		.brief = "memory of components that programs have made and share",
		.words = "list [COMPONENT]",
		.detail = "A pool is memory that stands on its component, whichever program "
			  "uses it. COMMITTED is what of it is there; STATE says whether its "
			  "owner is there (owned), has not come back since uwd was started "
			  "(awaited), or is gone while others have it (orphan). 'uwctl lease free "
			  "ID' takes a pool from its owner; who attached it keeps it.",
		.example = "uwctl pool list\nuwctl pool list ml_models --json",
		.options = CLIENT,
		.words_min = 1,
		.words_max = 2,
		.run = command_pool,
	},
	{
		.name = "simulate",
		.brief = "replay a trace of jobs through the admission scheduler",
		.words = "TRACE",
		.detail =
			"TRACE has a job a line, in one of two formats: the 18 fields of the Parallel "
			"Workloads Archive's SWF, or the columns submit run declared asked_mb peak_mb "
			"key class memory_priority [input_mb] (seconds and MiB; class 0 critical to 4 "
			"deferred). Prints what the jobs waited, their slowdown, how full the machine "
			"was, what failed, and who overtook whom. A job's memory rises to its peak in "
			"a line over --ramp of its run; an attempt that outgrows what it was given and "
			"cannot get more burns its whole run. oracle knows every peak and runtime: a "
			"bound, not a policy. With --nodes it is a cluster of Slurm, three times: with the "
			"requests as they are declared, with what recommend --slurm would have them "
			"ask for, and with uwctl on each node beside. Touches nothing and needs no uwd.",
		.example =
			"uwctl simulate jobs.trace --capacity 20G\n"
			"uwctl simulate jobs.trace --policy easy --stretch 12 --jitter 2min --runs 5\n"
			"uwctl simulate jobs.trace --html schedule.html\n"
			"uwctl simulate jobs.trace --nodes 1000 --capacity 64G --placement least",
		.options = COMMON | OPTION_BIT(OPTION_POLICY) | OPTION_BIT(OPTION_CAPACITY) |
			   OPTION_BIT(OPTION_STRETCH) | OPTION_BIT(OPTION_JITTER) |
			   OPTION_BIT(OPTION_RAMP) | OPTION_BIT(OPTION_SEED) |
			   OPTION_BIT(OPTION_RUNS) | OPTION_BIT(OPTION_HTML) |
			   OPTION_BIT(OPTION_NODES) | OPTION_BIT(OPTION_PLACEMENT),
		.words_min = 1,
		.words_max = 1,
		.run = command_simulate,
	},
	{
		.name = "submit",
		.brief = "queue a command, to be started when its memory is there",
		.words = "--component NAME [--] COMMAND [ARGUMENT...] | --file TASKS",
		.detail =
			"The job runs as you, here and with this environment, in a leaf of its own "
			"whose limit is what was reserved for it. Prints its id; with --wait it "
			"exits with the job's status. Without --memory it gets what jobs of its "
			"key have used, and the first of a key is refused. A file holds many "
			"tasks, which are queued all or not at all; options say what its tasks "
			"leave open. See uwctl-jobs(7).",
		.example =
			"uwctl submit -c ml_models -m 800M -t 30m -p high -- python3 train.py\n"
			"uwctl submit -c ml_models -m 2G --array 0-9 -- sh -c './fold $UW_JOB_INDEX'\n"
			"uwctl submit --file nightly.ini --dry-run",
		.options = CLIENT | TASK_OPTIONS | OPTION_BIT(OPTION_DRY_RUN) |
			   OPTION_BIT(OPTION_FILE) | OPTION_BIT(OPTION_WAIT) |
			   OPTION_BIT(OPTION_TIMEOUT) | OPTION_BIT(OPTION_NO_ENV) |
			   OPTION_BIT(OPTION_JOB_NAME),
		.words_max = -1,
		.in_order = true,
		.run = command_submit,
	},
	{
		.name = "queue",
		.brief = "the jobs that have not ended, when they should start and why they wait",
		.words = "[ID...]",
		.detail = JOB_IDS "Those that run come first, then the others in the order of "
				  "the queue. POS is the place in it, START and END are predicted, "
				  "MEMORY is what it holds or will start with, PRI its priority. "
				  "One ID shows all that is known of the job and what happened to "
				  "it. Users see their own jobs, root sees all. On a "
				  "terminal the first 100 without --lines.",
		.example = "uwctl queue\nuwctl queue --state queued -c ml_models\nuwctl queue 12_3",
		.options = SELECT | OPTION_BIT(OPTION_LINES) | TABLE_OPTIONS,
		.words_max = -1,
		.run = command_queue,
	},
	{
		.name = "wait",
		.brief = "wait for jobs and exit with the highest of their statuses",
		.words = "ID...",
		.detail = JOB_IDS
		"Goes on waiting while uwd restarts. Exits with the job's status, 128+N "
		"when signal N ended it, 127 when its command was not found, 126 when it "
		"could not be run otherwise, 255 when it was cancelled or lost before it "
		"had one, 124 after --timeout, 125 when uwctl failed.",
		.example = "uwctl wait 12\nuwctl wait 12-20 --any --timeout 1h",
		.options = CLIENT | OPTION_BIT(OPTION_TIMEOUT) | OPTION_BIT(OPTION_ANY),
		.words_min = 1,
		.words_max = -1,
		.own_exits = true,
		.run = command_wait,
	},
	{
		.name = "cancel",
		.brief = "take jobs out of the queue, or end them",
		.words = "[ID...]",
		.detail = JOB_IDS "What runs gets SIGTERM, and SIGKILL after --grace or the "
				  "configuration's kill-grace. Exits 1 when any was left "
				  "alone.",
		.example = "uwctl cancel 12_3-5\nuwctl cancel --tag nightly --dry-run",
		.options = SELECT | OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_GRACE),
		.words_max = -1,
		.run = command_cancel,
	},
	{
		.name = "hold",
		.brief = "keep jobs that have not started from starting",
		.words = "[ID...]",
		.detail = JOB_IDS "They keep their turn. Exits 1 when any was left alone.",
		.example = "uwctl hold 12-20\nuwctl hold --key ml_models/train.py",
		.options = SELECT | OPTION_BIT(OPTION_DRY_RUN),
		.words_max = -1,
		.run = command_hold,
	},
	{
		.name = "release",
		.brief = "let held jobs start in their turn",
		.words = "[ID...]",
		.detail = JOB_IDS "Exits 1 when any was left alone.",
		.example = "uwctl release 12-20\nuwctl release --state held --mine",
		.options = SELECT | OPTION_BIT(OPTION_DRY_RUN),
		.words_max = -1,
		.run = command_release,
	},
	{
		.name = "requeue",
		.brief = "queue jobs again from their start",
		.words = "[ID...]",
		.detail = JOB_IDS "Those that ended, and those that run, which are ended first. "
				  "Ended jobs need their ids: options alone pick those that "
				  "have not. Exits 1 when any was left alone.",
		.example = "uwctl requeue 12\nuwctl requeue 12-20 --state failed",
		.options = SELECT | OPTION_BIT(OPTION_DRY_RUN),
		.words_max = -1,
		.run = command_requeue,
	},
	{
		.name = "logs",
		.brief = "what a job wrote",
		.words = "ID",
		.detail = "ID is 12, or of an array 12_3. Its owner and root may read it. "
			  "--follow goes on until the job has ended.",
		.example = "uwctl logs 12\nuwctl logs 12_3 --err --follow",
		.options = CLIENT | OPTION_BIT(OPTION_FOLLOW) | OPTION_BIT(OPTION_ERR),
		.words_min = 1,
		.words_max = 1,
		.run = command_logs,
	},
	{
		.name = "history",
		.brief = "jobs that have ended, the last one first",
		.words = "[ID...]",
		.detail = JOB_IDS "ASKED is what was asked for, GIVEN what it had reserved, PEAK "
				  "what it used. One ID shows all that is known of the job. "
				  "Without --lines the last 20.",
		.example = "uwctl history --since 1d --state failed\nuwctl history 12",
		.options = SELECT | OPTION_BIT(OPTION_LINES) | OPTION_BIT(OPTION_SINCE) |
			   TABLE_OPTIONS,
		.words_max = -1,
		.run = command_history,
	},
	{
		.name = "recommend",
		.brief = "what jobs asked for, what they used, and what would have served",
		.words = "[FILE...]",
		.detail = "By key and user: the median, the 95th percentile and the maximum of "
			  "what a run used, the request that would have been ENOUGH, and what "
			  "that would save a run and in all. >= where the largest run ended for "
			  "want of memory, so that more may be needed. BY says what the memory of "
			  "its next run is told by (its last peaks, the last one, its input, those "
			  "with as much input, the request), and OFF how far off that was. By "
			  "component, for root: the same of what its jobs held at the same time, "
			  "by time; SERVES is "
			  "the share for the 95th percentile of it and 5 %, and no less than "
			  "its largest job; SAVES is what the budget has beyond. --budgets goes by "
			  "what uwd has recorded, and needs no uwd: what each component worked on, "
			  "AGED where the kernel told the age of its pages, and the share that it "
			  "WANTS to be below level medium for 95% of the time. >= where it stalled "
			  "or stood still, so that it may have wanted more. --slurm needs no uwd "
			  "either: each FILE (- is standard input) is what recommend or history "
			  "printed with --json on a node, or sacct -P on any, and of each user's "
			  "key it says which --mem would have served on all nodes.",
		.example = "uwctl recommend\nuwctl recommend --key ml_models/train.py --json\n"
			   "uwctl recommend --budgets --since 2d\n"
			   "uwctl recommend --slurm node1.json node2.json",
		.options = CLIENT | OPTION_BIT(OPTION_OF_COMPONENT) | OPTION_BIT(OPTION_OF_KEY) |
			   OPTION_BIT(OPTION_LINES) | OPTION_BIT(OPTION_BUDGETS) |
			   OPTION_BIT(OPTION_RECORDING) | OPTION_BIT(OPTION_SINCE) |
			   OPTION_BIT(OPTION_SLURM),
		.words_max = -1,
		.run = command_recommend,
	},
	{
		.name = "export",
		.brief = "what uwd counts and measures, for a monitoring system",
		.words = "metrics",
		.detail = "In the text format of Prometheus: the host, each component, and the "
			  "queue by state, class and component, with histograms of what was "
			  "predicted by what was needed. uw-exporter(8) serves the same over HTTP, "
			  "or writes it for the textfile collector of node_exporter. With --json "
			  "what Metrics of the control interface says.",
		.example = "uwctl export metrics\n"
			   "uwctl export metrics | promtool check metrics",
		.options = CLIENT,
		.words_min = 1,
		.words_max = 1,
		.run = command_export,
	},
	{
		.name = "record",
		.brief = "write what uwd saw and decided of late to a file",
		.words = "",
		.detail = "uwd records all the time, into a file of fixed size (see [record] in "
			  "uw.conf(5)); this takes a copy, of what a uwd that was killed left "
			  "too. It begins where replay can begin, at or before --since.",
		.example = "uwctl record --out incident.recording --since 10min\n"
			   "uwctl record -o - | zstd >incident.zst",
		.options = COMMON | OPTION_BIT(OPTION_OUT) | OPTION_BIT(OPTION_SINCE) |
			   OPTION_BIT(OPTION_CONFIG),
		.run = command_record,
	},
	{
		.name = "replay",
		.brief = "decide again what was decided in a recording",
		.words = "FILE",
		.detail =
			"By the configuration that was in force each plan has to come out the "
			"same: prints so, or the first difference, and exits 1. With --config it "
			"prints what would have been decided otherwise, - for what was done and + "
			"for what would have been, and exits 1 if anything. The frames stay as "
			"they were: what another decision would have changed is not in them. "
			"--effect puts what each leaf wanted on a simulated machine, once by the "
			"recorded configuration and once by the other one or with other swap, and "
			"shows both beside what was recorded: waits for memory, swap, work done "
			"and lost. "
			"Touches nothing and needs no uwd.",
		.example = "uwctl replay incident.recording\n"
			   "uwctl replay incident.recording --config new.conf --lines 1000\n"
			   "uwctl replay incident.recording --config new.conf --swap 512M",
		.options = COMMON | OPTION_BIT(OPTION_CONFIG) | OPTION_BIT(OPTION_LINES) |
			   OPTION_BIT(OPTION_EFFECT) | OPTION_BIT(OPTION_SWAP),
		.words_min = 1,
		.words_max = 1,
		.run = command_replay,
	},
	{
		.name = "report",
		.brief = "tell an incident, or a period, from what uwd has recorded",
		.words = "[COMPONENT]",
		.detail =
			"What happened, to whom and at what cost, in a paragraph, and what was done. "
			"With --html as one page that fetches nothing: pictures of memory, "
			"levels, stalls and leaves on one time axis, each action with its reason "
			"and effect, the conditions at the worst moment, and the configuration "
			"with its changes. About COMPONENT, or the one that was worst off. "
			"--since counts back from the last frame that is recorded; without it a "
			"copy is told as a whole, and what is recorded here for an hour. Needs no "
			"uwd.",
		.example = "uwctl report --since 10min --html incident.html\n"
			   "uwctl report ml_models --around 4711 --redact --html incident.html\n"
			   "uwctl report --recording incident.recording",
		.options = COMMON | OPTION_BIT(OPTION_SINCE) | OPTION_BIT(OPTION_AROUND) |
			   OPTION_BIT(OPTION_PAGE) | OPTION_BIT(OPTION_RECORDING) |
			   OPTION_BIT(OPTION_REDACT),
		.words_max = 1,
		.run = command_report,
	},
	{
		.name = "complete",
		.brief = "what may stand at the end of a command line, for shells",
		.words = "-- WORD...",
		.detail = "The words behind uwctl; the last one, which may be empty, is completed. "
			  "Prints a candidate a line, and what it is behind a tab.",
		.example = "uwctl complete -- log --li",
		.options = CLIENT,
		.words_min = 1,
		.words_max = -1,
		.in_order = true,
		.hidden = true,
		.run = command_complete,
	},
	{
		.name = "version",
		.brief = "the version of uwctl, and of uwd where it runs",
		.words = "",
		.detail = "",
		.example = "uwctl version",
		.options = CLIENT,
		.run = command_version,
	},
	{
		.name = "help",
		.brief = "help on a command",
		.words = "[COMMAND]",
		.detail = "",
		.example = "uwctl help run\nuwctl help --interface",
		.options = COMMON | OPTION_BIT(OPTION_INTERFACE),
		.words_max = 1,
		.run = command_help,
	},
};

const struct command_table commands = {rows, ARRAY_SIZE(rows)};
