// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uwctl check says what this kernel and its cgroups can do for us, what is lost without the rest,
 * and what would help. Most of it is asked of user/kern; what the machine's settings and the groups
 * above the pool take away is added here. The verdict is also the exit status.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cgroups/cgroups.h"
#include "user/base/cleanup.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/cli/command.h"
#include "user/ipc/json.h"
#include "user/kern/kern.h"

#define NAME_COLUMN 13
#define PAM_SERVICE "/etc/pam.d/uw"
#define LRU_GEN     "/sys/kernel/mm/lru_gen/enabled" /* a mask, "0x0007" */
#define LRU_AGES    "/sys/kernel/debug/lru_gen"

struct findings {
	struct cg_host host;
	struct utsname kernel;
	struct kern_feature feature[KERN_FEATURES_MAX + 5]; /* the kernel's, and the pool's */
	size_t count;
	size_t missing[KERN_NEED_EXTRA + 1]; /* by enum kern_need */
};

static const struct memory_row {
	const char *word, *text, *remedy;
} memory_rows[] = {
	[CG_MEMORY_V2] = {"v2", "the memory controller is on cgroup v2", ""},
	[CG_MEMORY_V1] = {"v1", "the memory controller is on cgroup v1 (hybrid hierarchy)",
			  "boot with systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all, or "
			  "mount nothing of v1"},
	[CG_MEMORY_NONE] = {"none", "there is no memory controller on a mounted cgroup v2",
			    "mount -t cgroup2 none /sys/fs/cgroup; and boot without "
			    "cgroup_disable=memory"},
};

static const struct verdict_row {
	const char *word, *text;
	enum paint paint;
	int status;
} verdicts[] = {
	{"ok", "everything that uwctl uses is there", PAINT_GOOD, CLI_OK},
	{"degraded", "uwctl works here, without what is lost below", PAINT_WARN, CLI_DEGRADED},
	{"unsupported", "uwctl cannot work here", PAINT_BAD, CLI_UNSUPPORTED},
};

static const struct verdict_row *verdict_of(const struct findings *found)
{
	if (found->host.memory != CG_MEMORY_V2 || found->missing[KERN_NEED_REQUIRED])
		return &verdicts[2];
	return &verdicts[found->missing[KERN_NEED_DEGRADED] ? 1 : 0];
}

/* Measured on 6.12: with it a component's idle memory went as if there were no memory.low. */
static void add_lru(struct findings *found)
{
	char text[16];
	bool on =
		text_read_at(AT_FDCWD, LRU_GEN, text, sizeof(text)) > 0 && strtoul(text, NULL, 16);

	found->feature[found->count++] = (struct kern_feature){
		.name = "memory.low against the rest of the machine",
		.need = KERN_NEED_EXTRA,
		.present = !on,
		.lost = "the multi-generational LRU reclaims below memory.low too when memory grows "
			"outside of the pool; memory.min it keeps",
		.remedy = "protect = working-set; or, without ages of pages then, echo 0 >" LRU_GEN,
	};
}

/* Of the kernel with the switch at text, NULL: it has none. */
static const char *ages_remedy(const char *text)
{
	if (!text)
		return "a kernel from 6.1 on with CONFIG_LRU_GEN";
	if (!(strtoul(text, NULL, 16) & 2))
		return "lru-gen = on in [sense] for as long as uwd runs; or, felt on a large host "
		       "in use, echo y >" LRU_GEN;
	return "mount -t debugfs none /sys/kernel/debug; under lockdown there is none";
}

static void add_ages(struct findings *found)
{
	struct kern_feature *feature = &found->feature[found->count++];
	char text[16];
	bool has_switch = text_read_at(AT_FDCWD, LRU_GEN, text, sizeof(text)) > 0;
	bool is_on = has_switch && strtoul(text, NULL, 16) & 2;
	AUTO_CLOSE int fd = open(LRU_AGES, O_RDONLY | O_CLOEXEC);

	*feature = (struct kern_feature){
		.name = "ages of pages",
		.need = KERN_NEED_EXTRA,
		.present = is_on && fd >= 0,
		.lost = "what is cold is not known before it is taken: refaults tell afterwards "
			"who had nothing to give, and a frozen job goes on when all of it fits",
		.remedy = ages_remedy(has_switch ? text : NULL),
	};
	if (has_switch)
		snprintf(feature->detail, sizeof(feature->detail), "lru_gen is %s%s",
			 is_on ? "on" : "off", fd < 0 ? ", debugfs is closed" : "");
}

/* Of memory.low, or of memory.min where only that is short of something above the components. */
static int find_reach(const struct findings *found, enum cg_knob *ret_knob,
		      struct cg_reach *ret_reach)
{
	char root[CG_PATH_LEN];
	struct cg_reach min;
	int rc = cg_tree_find(&found->host, root, sizeof(root));

	if (!rc)
		rc = cg_pool_reach(&found->host, root, CG_LOW, ret_reach);
	if (rc)
		return rc;
	*ret_knob = CG_LOW;
	if (!*ret_reach->path && !cg_pool_reach(&found->host, root, CG_MIN, &min) && *min.path) {
		*ret_reach = min;
		*ret_knob = CG_MIN;
	}
	return 0;
}

/* Of a pool that is set up: a group above it may have less than it needs. */
static void add_pool(struct findings *found)
{
	struct kern_feature *feature = &found->feature[found->count];
	char has[UNITS_TEXT_LEN], want[UNITS_TEXT_LEN];
	struct cg_reach reach;
	enum cg_knob knob;

	if (find_reach(found, &knob, &reach))
		return;
	*feature = (struct kern_feature){
		.name = "protection from outside of the pool",
		.need = KERN_NEED_DEGRADED,
		.present = !*reach.path,
		.lost = "memory that grows outside of the pool is taken from the components too",
		.remedy = "'uwctl setup' for the pool; for a group above it 'systemctl "
			  "set-property UNIT MemoryLow=' or MemoryMin=, or the file",
	};
	units_print_bytes(reach.has_bytes, has);
	units_print_bytes(reach.want_bytes, want);
	if (feature->present)
		snprintf(feature->detail, sizeof(feature->detail), "%s = %s", cg_knob_file(knob),
			 want);
	else
		snprintf(feature->detail, sizeof(feature->detail), "%.40s has %s = %.12s of %.12s",
			 reach.path, cg_knob_file(knob), has, want);
	found->count++;
	add_lru(found);
}

/* In a container as a rule: said only where it is so. */
static void add_place(struct findings *found)
{
	if (found->host.memory != CG_MEMORY_V2 || cg_host_takes_pool(&found->host))
		return;
	found->feature[found->count++] = (struct kern_feature){
		.name = "a place for the pool",
		.need = KERN_NEED_REQUIRED,
		.lost = "processes stand directly in the top group of this cgroup namespace, and "
			"'uwctl setup' fails with EBUSY",
		.remedy =
			"move them to a group below it (mkdir /sys/fs/cgroup/init, and write each "
			"pid to its cgroup.procs), or name a delegated group as root in [pool]",
	};
}

/* As uw-login asks: user/login/session.c. */
static void add_accounts(struct findings *found)
{
	void *pam = dlopen("libpam.so.0", RTLD_LAZY);
	bool has_service = !access(PAM_SERVICE, F_OK) || !access("/usr/lib/pam.d/uw", F_OK);

	found->feature[found->count++] = (struct kern_feature){
		.name = "accounts of jobs through PAM",
		.need = KERN_NEED_EXTRA,
		.present = pam && has_service,
		.lost = "when a queued job starts, limits.conf is not applied, and an account that "
			"has expired since is not noticed",
		.remedy = pam ? "the service " PAM_SERVICE ", as 'make install' puts it there"
			      : "libpam.so.0 (libpam0g), and the service " PAM_SERVICE,
	};
	if (pam)
		dlclose(pam);
}

static int find_all(struct findings *found, struct uw_err *err)
{
	int r = cg_host_probe(&found->host, err);

	if (r < 0)
		return r;
	uname(&found->kernel);
	/* Where uwctl cannot work it loads nothing, not even to see whether it could. */
	found->count = kern_probe(found->host.mount, found->host.memory == CG_MEMORY_V2,
				  found->feature, KERN_FEATURES_MAX);
	add_ages(found);
	add_accounts(found);
	add_place(found);
	add_pool(found);
	for (size_t i = 0; i < found->count; i++) {
		if (!found->feature[i].present)
			found->missing[found->feature[i].need]++;
	}
	return 0;
}

static const char *const need_words[] = {
	[KERN_NEED_REQUIRED] = "required",
	[KERN_NEED_DEGRADED] = "degraded",
	[KERN_NEED_EXTRA] = "extra",
};

static json_t *feature_json(const struct kern_feature *feature)
{
	return json_pack("{s:s, s:s, s:b, s:s, s:s, s:s}", "name", feature->name, "need",
			 need_words[feature->need], "present", feature->present, "lost",
			 feature->lost ?: "", "remedy", feature->remedy ?: "", "detail",
			 feature->detail);
}

static int print_json(const struct cli *cli, const struct findings *found)
{
	const struct verdict_row *verdict = verdict_of(found);
	json_t *features = json_array();
	json_t *all;

	for (size_t i = 0; i < found->count; i++)
		json_array_append_new(features, feature_json(&found->feature[i]));
	all = json_pack(
		"{s:s, s:s, s:b, s:{s:s, s:s, s:s, s:b, s:b}, s:o}", "verdict", verdict->word,
		"kernel", found->kernel.release, "root", geteuid() == 0, "cgroup", "mount",
		found->host.mount, "memory", memory_rows[found->host.memory].word, "remedy",
		memory_rows[found->host.memory].remedy, "recursiveprot", found->host.recursiveprot,
		"systemd", found->host.systemd, "features", features);
	return cli_print_json(cli, all) == CLI_OK ? verdict->status : CLI_FAILED;
}

static void print_memory(const struct screen *screen, const struct cg_host *host)
{
	const struct memory_row *row = &memory_rows[host->memory];
	bool good = host->memory == CG_MEMORY_V2;

	fprintf(screen->out, "  ");
	screen_paint(screen, good ? PAINT_GOOD : PAINT_BAD, "%-9s", good ? "ok" : "missing");
	screen_wrap(screen, PAINT_PLAIN, 11, NAME_COLUMN, row->text);
	if (*row->remedy) {
		fprintf(screen->out, "%*sremedy:", NAME_COLUMN, "");
		screen_wrap(screen, PAINT_PLAIN, NAME_COLUMN + 7, NAME_COLUMN, row->remedy);
	}
}

/* "  ok         cgroup.kill (Linux 6.12.9, wanted 5.14)" */
static void print_name(const struct screen *screen, enum paint paint, const char *word,
		       const struct kern_feature *feature)
{
	char detail[sizeof(feature->detail) + 2] = "";
	int at;

	if (*feature->detail)
		snprintf(detail, sizeof(detail), "(%s)", feature->detail);
	fprintf(screen->out, "  ");
	screen_paint(screen, paint, "%-9s", word);
	at = 2 + 9 + fprintf(screen->out, "  %s", feature->name);
	screen_wrap(screen, PAINT_DIM, at, NAME_COLUMN + 2, detail);
}

static void print_absent(const struct screen *screen, const struct kern_feature *feature)
{
	static const struct {
		const char *word;
		enum paint paint;
	} look_of[] = {
		[KERN_NEED_REQUIRED] = {"missing", PAINT_BAD},
		[KERN_NEED_DEGRADED] = {"degraded", PAINT_WARN},
		[KERN_NEED_EXTRA] = {"without", PAINT_DIM},
	};

	print_name(screen, look_of[feature->need].paint, look_of[feature->need].word, feature);
	if (feature->lost && *feature->lost) {
		fprintf(screen->out, "%*slost:", NAME_COLUMN, "");
		screen_wrap(screen, PAINT_PLAIN, NAME_COLUMN + 5, NAME_COLUMN + 8, feature->lost);
	}
	if (feature->remedy && *feature->remedy) {
		fprintf(screen->out, "%*sremedy:", NAME_COLUMN, "");
		screen_wrap(screen, PAINT_PLAIN, NAME_COLUMN + 7, NAME_COLUMN + 8, feature->remedy);
	}
}

static void print_present(const struct screen *screen, const struct kern_feature *feature)
{
	print_name(screen, PAINT_GOOD, "ok", feature);
}

static int print_text(const struct cli *cli, const struct findings *found)
{
	const struct verdict_row *verdict = verdict_of(found);
	const struct screen *screen = &cli->screen;

	fprintf(screen->out, "Linux %s, cgroup2 at %s, %s systemd\n", found->kernel.release,
		*found->host.mount ? found->host.mount : "(nowhere)",
		found->host.systemd ? "with" : "without");
	screen_paint(screen, verdict->paint, "%s", verdict->word);
	fprintf(screen->out, ": %s\n\n", verdict->text);
	print_memory(screen, &found->host);
	for (size_t i = 0; i < found->count; i++) {
		if (found->feature[i].present)
			print_present(screen, &found->feature[i]);
		else
			print_absent(screen, &found->feature[i]);
	}
	if (found->host.memory != CG_MEMORY_V2)
		fprintf(screen->out, "(BPF types were not tried: nothing is loaded on a host that "
				     "uwctl cannot work on)\n");
	if (geteuid() != 0)
		fprintf(screen->out, "(not as root: what needs privileges to be seen reads as "
				     "missing)\n");
	return verdict->status;
}

int command_check(struct cli *cli)
{
	struct findings found = {0};
	struct uw_err err = {0};

	if (find_all(&found, &err) < 0)
		return cli_fail(cli, &err);
	return cli->options.json ? print_json(cli, &found) : print_text(cli, &found);
}
