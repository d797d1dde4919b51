// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Holds the table of the control interface's methods, each with its rights and its parameters, and
 * the types they use, as Varlink text. The types of the job queue stand in interface_jobs.c. The
 * whole text of the interface is put together from these on request.
 */
#include "user/ipc/interface.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"

/* Numbers that may be "max" or "never" are ?int and then null. Times called _in_us are from now. */
static const char types[] =
	"# What uwd sees, decides and does about memory\n"
	"interface " IPC_INTERFACE "\n"
	"\n"
	"# Why something was done: the value observed and the threshold it was held against.\n"
	"# unit is one of: none, bytes, us, permyriad, count, per_s\n"
	"type Reason (\n"
	"\treason: string,\n"
	"\tobserved: ?int,\n"
	"\tthreshold: ?int,\n"
	"\tunit: string,\n"
	"\ttext: string\n"
	")\n"
	"\n"
	"# tick_max_us: the longest way from sensing to acting\n"
	"type Daemon (\n"
	"\tversion: string,\n"
	"\tpid: int,\n"
	"\tup_us: int,\n"
	"\tticks: int,\n"
	"\turgent_ticks: int,\n"
	"\ttick_max_us: int,\n"
	"\tevents: int,\n"
	"\tevents_dropped: int,\n"
	"\tactions: int,\n"
	"\tactions_dropped: int,\n"
	"\tacts: Acts,\n"
	"\tguard: Guard,\n"
	"\tclients: Clients,\n"
	"\tsensors: []Sensor,\n"
	"\tages: Ages,\n"
	"\tdrops: []Drop\n"
	")\n"
	"\n"
	"# superseded: taken back from a worker for something more urgent\n"
	"type Acts (\n"
	"\tdone: int,\n"
	"\tsuperseded: int,\n"
	"\tfailed_writes: int,\n"
	"\toutcomes_dropped: int,\n"
	"\tfreed_bytes: int,\n"
	"\tworkers_busy: int\n"
	")\n"
	"\n"
	"# What uw-guard had to do for an uwd that died (takeovers) or hung; restarts are its own\n"
	"type Guard (\n"
	"\tpid: int,\n"
	"\trestarts: int,\n"
	"\ttakeovers: int,\n"
	"\thangs: int,\n"
	"\tundone: int,\n"
	"\tfailed: int,\n"
	"\tlast_took_us: int\n"
	")\n"
	"\n"
	"# turn_max_us: the longest that the loop gave to them at a time\n"
	"type Clients (\n"
	"\tconnected: int,\n"
	"\tfollowers: int,\n"
	"\tcalls: int,\n"
	"\trefused: int,\n"
	"\tdropped_slow: int,\n"
	"\tdropped_bad: int,\n"
	"\tturn_max_us: int\n"
	")\n"
	"\n"
	"# text says why a sensor that is wanted is off\n"
	"type Sensor (name: string, on: bool, text: string)\n"
	"\n"
	"# How often the ages of pages were read and the kernel was asked to look at them anew, the CPU\n"
	"# time of both and of the latter; text says why there are none.\n"
	"type Ages (\n"
	"\ton: bool,\n"
	"\ttext: string,\n"
	"\treadings: int,\n"
	"\tagings: int,\n"
	"\tcpu_us: int,\n"
	"\taging_us: int\n"
	")\n"
	"\n"
	"# What the sensors had to leave out, by kind\n"
	"type Drop (name: string, count: int)\n"
	"\n"
	"type Host (\n"
	"\ttotal_bytes: ?int,\n"
	"\tavailable_bytes: ?int,\n"
	"\tswap_total_bytes: ?int,\n"
	"\tswap_free_bytes: ?int,\n"
	"\tsome_us: ?int,\n"
	"\tfull_us: ?int\n"
	")\n"
	"\n"
	"type Pool (root: string, usable_bytes: ?int)\n"
	"\n"
	"# frozen_by is uwd, other (somebody else did, and thaws it), or empty. cold_bytes lay untouched\n"
	"# for 10 s when the kernel looked last, looked_us ago; idle_bytes of them, which are anonymous,\n"
	"# for a minute at least; hot_bytes are all others. null while nobody asks, or nothing tells.\n"
	"# reserved_bytes: of a job, or of who was let in with a size; null for all others.\n"
	"# priority: of a job of the queue; of others as Slurm or another who started it says, like\n"
	"# freezable; null, false where nobody does.\n"
	"type Leaf (\n"
	"\tname: string,\n"
	"\tid: int,\n"
	"\tpopulated: bool,\n"
	"\tfrozen: bool,\n"
	"\tfrozen_by: string,\n"
	"\tage_us: int,\n"
	"\tcurrent_bytes: int,\n"
	"\tswap_bytes: int,\n"
	"\treserved_bytes: ?int,\n"
	"\tpriority: ?int,\n"
	"\tfreezable: bool,\n"
	"\thot_bytes: ?int,\n"
	"\tcold_bytes: ?int,\n"
	"\tidle_bytes: ?int,\n"
	"\tlooked_us: ?int\n"
	")\n"
	"\n"
	"type Share (component: string, bytes: int)\n"
	"\n"
	"# A user for whom root starts a process\n"
	"type EnterUser (uid: int, gid: int, groups: ?[]int)\n"
	"\n"
	"# What it holds beyond its budget, of whose, and what of that an owner takes back now: paid\n"
	"# within freeze_in_us, or it is frozen; null where nothing is owed, or it may not be frozen.\n"
	"type Debt (\n"
	"\tbytes: int,\n"
	"\tfor_us: int,\n"
	"\towed_bytes: int,\n"
	"\towed_for_us: int,\n"
	"\tfreeze_in_us: ?int,\n"
	"\tfrom: []Share\n"
	")\n"
	"\n"
	"# What reclaim at one tier freed, what of that was read back within 10 s, and the rest, since uwd started.\n"
	"type Payoff (tier: string, reclaims: int, freed_bytes: int, back_bytes: int, net_bytes: int)\n"
	"\n"
	"# The last mapping that was refused: what was asked for, and what there was to have.\n"
	"type Refusal (ago_us: int, bytes: int, room_bytes: int, pid: int, comm: string)\n"
	"\n"
	"# Mappings of at least least_bytes fail where they are larger than room_bytes; null: none does\n"
	"# at the moment. Counts are of system calls, since the component has had refuse.\n"
	"type Gate (\n"
	"\tleast_bytes: int,\n"
	"\troom_bytes: ?int,\n"
	"\trefused: int,\n"
	"\trefused_bytes: int,\n"
	"\tlast: ?Refusal\n"
	")\n"
	"\n"
	"# lent_to: who holds of its budget. freezes, thaws, kills, reclaims: those that ended well, since uwd started.\n"
	"# promised_bytes: leased, and not in use yet; spoken_bytes: with what is in use.\n"
	"type Component (\n"
	"\tname: string,\n"
	"\tpriority: int,\n"
	"\ttype: string,\n"
	"\tlevel: string,\n"
	"\tlevel_for_us: int,\n"
	"\ttier: string,\n"
	"\tbudget_bytes: int,\n"
	"\tin_force_bytes: int,\n"
	"\tborrowed_bytes: int,\n"
	"\tlent_bytes: int,\n"
	"\tcurrent_bytes: int,\n"
	"\tworking_set_bytes: int,\n"
	"\tswap_bytes: int,\n"
	"\thot_bytes: ?int,\n"
	"\tcold_bytes: ?int,\n"
	"\tidle_bytes: ?int,\n"
	"\tlooked_us: ?int,\n"
	"\tuse_permyriad: int,\n"
	"\tedge_shift_permyriad: int,\n"
	"\tgrowth_bytes_per_s: int,\n"
	"\ttime_to_limit_us: ?int,\n"
	"\tsome_permyriad: int,\n"
	"\tfull_permyriad: int,\n"
	"\tmin_bytes: ?int,\n"
	"\tlow_bytes: ?int,\n"
	"\thigh_bytes: ?int,\n"
	"\tsqueezed: bool,\n"
	"\tfrozen_leaves: int,\n"
	"\tthaw_in_us: ?int,\n"
	"\tfreezes: int,\n"
	"\tthaws: int,\n"
	"\tkills: int,\n"
	"\treclaims: int,\n"
	"\twhy: Reason,\n"
	"\tdebt: Debt,\n"
	"\tlent_to: []Share,\n"
	"\tpayoff: []Payoff,\n"
	"\trefuse: ?Gate,\n"
	"\tleases: int,\n"
	"\tleased_bytes: int,\n"
	"\tpools: int,\n"
	"\tpool_bytes: int,\n"
	"\tpromised_bytes: int,\n"
	"\tspoken_bytes: int,\n"
	"\tlease_waits: int,\n"
	"\tlease_wanted_bytes: int,\n"
	"\tlease_grants: int,\n"
	"\tlease_denials: int,\n"
	"\tlease_revocations: int,\n"
	"\tleaves: []Leaf\n"
	")\n"
	"\n"
	"# One thing that was decided and what came of it. result is empty until it is known; within_us\n"
	"# is the time it was given, for a freeze the longest.\n"
	"type Record (\n"
	"\tsequence: int,\n"
	"\twall_us: int,\n"
	"\tid: int,\n"
	"\taction: string,\n"
	"\ttier: string,\n"
	"\tlevel: string,\n"
	"\tcomponent: string,\n"
	"\tleaf: string,\n"
	"\tamount_bytes: ?int,\n"
	"\twithin_us: ?int,\n"
	"\twhy: Reason,\n"
	"\tresult: string,\n"
	"\terror: string,\n"
	"\tdone_bytes: int,\n"
	"\ttook_us: int\n"
	")\n"
	"\n"
	"# One condition: met says whether observed OP threshold holds; leads_to is a level, or a tier.\n"
	"type Condition (\n"
	"\tname: string,\n"
	"\tobserved: ?int,\n"
	"\top: (at_least, at_most),\n"
	"\tthreshold: ?int,\n"
	"\tunit: string,\n"
	"\tmet: bool,\n"
	"\tleads_to: string,\n"
	"\ttier: string,\n"
	"\ttext: string\n"
	")\n"
	"\n"
	"type Explanation (\n"
	"\tcomponent: string,\n"
	"\tlevel: string,\n"
	"\ttier: string,\n"
	"\tallowed: []string,\n"
	"\tconditions: []Condition\n"
	")\n"
	"\n"
	"# The stages of the host's emergency; each adds a step to those before it.\n"
	"type HostExplanation (\n"
	"\tstage: (calm, calls, stops, kills),\n"
	"\tconditions: []Condition\n"
	")\n"
	"\n"
	"# Refused: it could be done, and is not: nothing is there for it, or the configuration forbids it.\n"
	"error Failed (reason: string)\n"
	"error Refused (reason: string)\n"
	"error BadConfiguration (reason: string)\n"
	"error NotPermitted (reason: string)\n"
	"error Busy (reason: string)\n"
	"error NoSuchComponent (reason: string)\n"
	"error NoSuchLeaf (reason: string)\n";

/* The first 1000 of them, those that were left alone first. */
#define JOB_CHANGES "(changed: int, refused: int, jobs: []JobChange)"

static const struct ipc_method_row methods[IPC_METHOD__COUNT] = {
	[IPC_STATUS] =
		{
			.name = "Status",
			.doc = "The pool and each component, or one of them",
			.in = "(component: ?string)",
			.out = "(daemon: Daemon, pool: Pool, host: Host, components: []Component, "
			       "queue: ?QueueState, leases: ?LeaseState)",
		},
	[IPC_LOG] =
		{
			.name = "Log",
			.doc = "The last records, oldest first; with \"more\", new ones as they come",
			.in = "(count: ?int, after: ?int, component: ?string)",
			.out = "(records: []Record)",
			.more = true,
		},
	[IPC_WHY] =
		{
			.name = "Why",
			.doc = "What a component is like and what was last done to it, newest last",
			.in = "(component: string, count: ?int)",
			.out = "(component: Component, records: []Record, leases: []LeaseNews)",
		},
	[IPC_EXPLAIN] =
		{
			.name = "Explain",
			.doc = "Each condition of each tier and of the host's emergency with its live value",
			.in = "(component: ?string)",
			.out = "(host: HostExplanation, components: []Explanation)",
		},
	[IPC_CONFIG] =
		{
			.name = "Config",
			.doc = "The configuration in force, as text that uw.conf would take",
			.in = "()",
			.out = "(path: string, text: string)",
		},
	[IPC_RELOAD] =
		{
			.name = "Reload",
			.doc = "Reads the configuration again: all of it, or nothing and an error",
			.in = "()",
			.out = "(changes: []string)",
			.needs_root = true,
		},
	[IPC_FREEZE] =
		{
			.name = "Freeze",
			.doc = "Freezes a component's leaves or one of them, at most for freeze-max, and with\n"
			       "# force even where freeze = no; after = last record before it",
			.in = "(component: string, leaf: ?string, for_us: ?int, force: ?bool)",
			.out = "(after: int, for_us: int)",
			.needs_root = true,
		},
	[IPC_THAW] =
		{
			.name = "Thaw",
			.doc = "Thaws a component's leaves or one of them",
			.in = "(component: string, leaf: ?string)",
			.out = "(after: int)",
			.needs_root = true,
		},
	[IPC_RECLAIM] =
		{
			.name = "Reclaim",
			.doc = "Asks the kernel to take bytes back from a component",
			.in = "(component: string, bytes: int)",
			.out = "(after: int)",
			.needs_root = true,
		},
	[IPC_FORGET] =
		{
			.name = "Forget",
			.doc = "Puts the edges of a component back to where the configuration has them, and says how\n"
			       "# far adaptive-edges had moved them",
			.in = "(component: string)",
			.out = "(edge_shift_permyriad: int)",
			.needs_root = true,
		},
	[IPC_SUBMIT] =
		{
			.name = "Submit",
			.doc = "Queues jobs as the caller: all of them, on disk, or none and an error",
			.in = "(context: JobContext, jobs: []JobSpec, dry_run: ?bool)",
			.out = "(jobs: []Submitted)",
			.by_job = true,
			.is_long = true,
		},
	[IPC_QUEUE] =
		{
			.name = "Queue",
			.doc = "Jobs that have not ended: those that run, then in the order of the\n"
			       "# queue. A page of at most count (500) from where the last one ended",
			.in = "(select: ?JobSelect, count: ?int, from: ?int)",
			.out = "(jobs: []QueueEntry, total: int, next: ?int)",
			.by_job = true,
		},
	[IPC_JOB] =
		{
			.name = "Job",
			.doc = "One job, queued or ended (one of the two is null), and what happened to "
			       "it",
			.in = "(job: JobRange)",
			.out = "(queued: ?QueueEntry, ended: ?HistoryEntry, argv: []string, cwd: string, "
			       "after: []int, predicted_by: ?PredictedBy, steps: []JobStep)",
			.by_job = true,
		},
	[IPC_WAIT] =
		{
			.name = "Wait",
			.doc = "How many of these have ended, the first 1000 of them (those that ended "
			       "badly\n# first) and how many have not; with \"more\", then each job of "
			       "the caller's as\n# it ends, whether it was asked for or not",
			.in = "(jobs: []JobRange)",
			.out = "(ended: []JobEnd, ended_count: int, left: int)",
			.more = true,
			.by_job = true,
		},
	[IPC_CANCEL] =
		{
			.name = "Cancel",
			.doc = "Takes jobs out of the queue, or ends them: SIGTERM, SIGKILL after "
			       "grace_us",
			.in = "(select: JobSelect, grace_us: ?int, dry_run: ?bool)",
			.out = JOB_CHANGES,
			.by_job = true,
		},
	[IPC_HOLD] =
		{
			.name = "Hold",
			.doc = "Keeps jobs that have not started from starting",
			.in = "(select: JobSelect, dry_run: ?bool)",
			.out = JOB_CHANGES,
			.by_job = true,
		},
	[IPC_RELEASE] =
		{
			.name = "Release",
			.doc = "Lets held jobs start in their turn",
			.in = "(select: JobSelect, dry_run: ?bool)",
			.out = JOB_CHANGES,
			.by_job = true,
		},
	[IPC_REQUEUE] =
		{
			.name = "Requeue",
			.doc = "Queues jobs again from their start, those that run and those that ended",
			.in = "(select: JobSelect, dry_run: ?bool)",
			.out = JOB_CHANGES,
			.by_job = true,
		},
	[IPC_LOGS] =
		{
			.name = "Logs",
			.doc = "Where the output of a job is; its owner may read the files",
			.in = "(job: JobRange)",
			.out = "(id: int, state: string, out: LogFile, err: LogFile, total_bytes: ?int)",
			.by_job = true,
		},
	[IPC_HISTORY] =
		{
			.name = "History",
			.doc = "Jobs that have ended, the last one first: a page of at most count (500) "
			       "from\n# where the last page ended; it may be empty and not the last",
			.in = "(select: ?JobSelect, since_wall_us: ?int, count: ?int, from: ?string)",
			.out = "(jobs: []HistoryEntry, next: ?string)",
			.by_job = true,
		},
	[IPC_RECOMMEND] =
		{
			.name = "Recommend",
			.doc = "What jobs asked for, what they used and what would have served",
			.in = "(key: ?string, component: ?string, count: ?int, from: ?string)",
			.out = "(keys: []KeyAdvice, components: []ComponentAdvice, next: ?string)",
			.by_job = true,
		},
	[IPC_LEASES] =
		{
			.name = "Leases",
			.doc = "What is promised to programs: a page of at most count (200) from where\n"
			       "# the last one ended; it may be empty and not the last",
			.in = "(component: ?string, count: ?int, from: ?int)",
			.out = "(leases: []Lease, next: ?int)",
		},
	[IPC_FREE_LEASE] =
		{
			.name = "FreeLease",
			.doc = "Takes a lease from who has it, which finds it stale",
			.in = "(id: int)",
			.out = "()",
			.needs_root = true,
		},
	[IPC_POOLS] =
		{
			.name = "Pools",
			.doc = "Memory of components that programs have made and share",
			.in = "(component: ?string)",
			.out = "(pools: []MemoryPool)",
		},
	[IPC_ENTER] =
		{
			.name = "Enter",
			.doc = "Moves the caller into a leaf of a component that its submit lets one use;\n"
			       "# it goes on there. Root may do it for a user, whose submit it then is, with\n"
			       "# bytes reserved as the leaf's limit, a key that its use is learned of, a\n"
			       "# priority of 1 to 10 beside its like, freezable where it takes no harm from\n"
			       "# standing still, and join others of the user there",
			.in = "(component: string, leaf: ?string, user: ?EnterUser, bytes: ?int, "
			      "key: ?string, join: ?bool, priority: ?int, freezable: ?bool)",
			.out = "(component: string, leaf: string)",
			.by_job = true,
			.of_caller = true,
		},
	[IPC_ENDED] =
		{
			.name = "Ended",
			.doc = "How a process has ended that root had let into a leaf: what the leaf used\n"
			       "# teaches its key more where all of them ended well",
			.in = "(component: string, leaf: string, well: bool)",
			.out = "()",
			.needs_root = true,
		},
	[IPC_VACATE] =
		{
			.name = "Vacate",
			.doc = "Gives back what is reserved in the leaves of this name, of any component,\n"
			       "# that root has entered, and kills who is still there; again until left is 0",
			.in = "(leaf: string)",
			.out = "(left: int)",
			.needs_root = true,
		},
	[IPC_METRICS] =
		{
			.name = "Metrics",
			.doc = "What is counted and measured, for monitoring systems; its size is by\n"
			       "# the configuration alone",
			.in = "()",
			.out = "(daemon: DaemonMeters, pool: Pool, host: Host, "
			       "components: []ComponentMeters, queue: ?QueueState, jobs: ?JobMeters)",
		},
};

const struct ipc_method_row *ipc_method_row(enum ipc_method method)
{
	return &methods[method];
}

int ipc_method_find(const char *full_name)
{
	static const char prefix[] = IPC_INTERFACE ".";

	if (strncmp(full_name, prefix, sizeof(prefix) - 1) != 0)
		return -1;
	full_name += sizeof(prefix) - 1;
	for (int i = 0; i < IPC_METHOD__COUNT; i++) {
		if (!strcmp(full_name, methods[i].name))
			return i;
	}
	return -1;
}

char *ipc_interface_text(void)
{
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs(types, out);
	fputs(ipc_job_types, out);
	fputs(ipc_lease_types, out);
	fputs(ipc_metrics_types, out);
	for (int i = 0; i < IPC_METHOD__COUNT; i++) {
		const struct ipc_method_row *row = &methods[i];

		fprintf(out, "\n# %s%s\nmethod %s%s -> %s\n", row->doc,
			row->needs_root ? " (root only)" : "", row->name, row->in, row->out);
	}
	return fclose(out) == 0 ? TAKE(text) : NULL;
}
