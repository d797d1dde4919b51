// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/cli/command.h"

#include <string.h>

#include "user/cli/suggest.h"

#define COMMON (OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_JSON))
#define CLIENT (COMMON | OPTION_BIT(OPTION_SOCKET))
#define CHANGE (COMMON | OPTION_BIT(OPTION_DRY_RUN))

const struct command commands[] = {
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
		.own_exits = true,
		.run = command_run,
	},
	{
		.name = "attach",
		.brief = "move a running process into a component",
		.words = "PID COMPONENT [--name NAME]",
		.detail = "Moves the process with all its threads, not its children. Memory that "
			  "it has already charged stays charged where it was.",
		.example = "uwctl attach 4711 database\nuwctl attach 4711 database --name postgres",
		.options = CHANGE | OPTION_BIT(OPTION_NAME),
		.words_min = 2,
		.words_max = 2,
		.run = command_attach,
	},
	{
		.name = "status",
		.brief = "what each component has, uses and suffers, and what is done about it",
		.words = "[COMPONENT]",
		.detail = "Exits 3 when uwd does not run.",
		.example = "uwctl status\nuwctl status ml_models\nuwctl status --watch",
		.options = CLIENT | OPTION_BIT(OPTION_WATCH),
		.words_max = 1,
		.run = command_status,
	},
	{
		.name = "log",
		.brief = "what was done lately, and why",
		.words = "[COMPONENT]",
		.detail = "Oldest first. The journal has it all; uwd keeps the last 512 records.",
		.example = "uwctl log -n 50\nuwctl log --follow ml_models",
		.options = CLIENT | OPTION_BIT(OPTION_COUNT) | OPTION_BIT(OPTION_FOLLOW),
		.words_max = 1,
		.run = command_log,
	},
	{
		.name = "why",
		.brief = "why a component is treated as it is: reason, numbers, effect",
		.words = "COMPONENT",
		.detail = "The state it is in, and the last actions on it with the value that was "
			  "observed, the threshold it was held against, and what came of it.",
		.example = "uwctl why ml_models\nuwctl why ml_models -n 20 --json",
		.options = CLIENT | OPTION_BIT(OPTION_COUNT),
		.words_min = 1,
		.words_max = 1,
		.run = command_why,
	},
	{
		.name = "explain",
		.brief = "each condition with its live value, and how far it is from firing",
		.words = "[COMPONENT]",
		.detail = "What would make each tier act, for one component or for all.",
		.example = "uwctl explain ml_models",
		.options = CLIENT,
		.words_max = 1,
		.run = command_explain,
	},
	{
		.name = "config",
		.brief = "show, check or compare the configuration",
		.words = "show | check [FILE] | diff [FILE]",
		.detail = "show prints what is in force (with uwd: what uwd goes by). check reads "
			  "FILE, or what is installed, and says what is wrong with it. diff "
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
		.words = "COMPONENT[/LEAF] [--for TIME]",
		.detail =
			"Never for longer than the configuration's freeze-max: uwd thaws it then, "
			"and uw-guard does when uwd cannot.",
		.example = "uwctl freeze ml_models --for 30s\nuwctl freeze ml_models/train",
		.options = CLIENT | OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_FOR),
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
			"bound, not a policy. Touches nothing and needs no uwd.",
		.example =
			"uwctl simulate jobs.trace --capacity 20G\n"
			"uwctl simulate jobs.trace --policy easy --stretch 12 --jitter 2min --runs 5\n"
			"uwctl simulate jobs.trace --html schedule.html",
		.options = COMMON | OPTION_BIT(OPTION_POLICY) | OPTION_BIT(OPTION_CAPACITY) |
			   OPTION_BIT(OPTION_STRETCH) | OPTION_BIT(OPTION_JITTER) |
			   OPTION_BIT(OPTION_RAMP) | OPTION_BIT(OPTION_SEED) |
			   OPTION_BIT(OPTION_RUNS) | OPTION_BIT(OPTION_HTML),
		.words_min = 1,
		.words_max = 1,
		.run = command_simulate,
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
		.example = "uwctl help run",
		.options = OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_JSON),
		.words_max = 1,
		.run = command_help,
	},
};

const size_t command_count = sizeof(commands) / sizeof(commands[0]);

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < command_count; i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

const char *command_suggest(const char *name)
{
	const char *names[sizeof(commands) / sizeof(commands[0])];

	for (size_t i = 0; i < command_count; i++)
		names[i] = commands[i].name;
	return suggest_nearest(name, names, command_count);
}
