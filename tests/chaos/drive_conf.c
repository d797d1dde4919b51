// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A configuration of a main file and two drop-ins. It is read whole or it is refused with a line
 * that says why: a file that cannot be read, or to its end, is not one that says nothing.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/chaos/drivers.h"
#include "user/base/cleanup.h"
#include "user/conf/conf.h"

static const char *const file[][2] = {
	{"etc/uw/uw.conf", "[pool]\nusable = 4G\n\n[component web]\nshare = 40%\n\n"
			   "[component batch]\nshare = 50%\n"},
	{"usr/lib/uw/uw.conf.d/10-more.conf", "[component more]\nshare = 5%\n"},
	{"etc/uw/uw.conf.d/20-last.conf", "[component last]\nshare = 5%\n"},
};

static const char *const folder[] = {"etc",     "etc/uw",     "etc/uw/uw.conf.d",    "usr",
				     "usr/lib", "usr/lib/uw", "usr/lib/uw/uw.conf.d"};

static void prepare(struct chaos *c)
{
	char path[256];

	for (size_t i = 0; i < ARRAY_SIZE(folder); i++) {
		snprintf(path, sizeof(path), "%s/%s", c->dir, folder[i]);
		mkdir(path, 0755);
	}
	for (size_t i = 0; i < ARRAY_SIZE(file); i++) {
		AUTO_CLOSE int fd = -1;

		snprintf(path, sizeof(path), "%s/%s", c->dir, file[i][0]);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (write(fd, file[i][1], strlen(file[i][1])) < 0)
			perror(path);
	}
}

static void act(struct chaos *c)
{
	static struct config config;
	struct uw_err err = {0};

	if (chaos_ok(c, "conf_load", conf_load(c->dir, NULL, &config, &err), &err) &&
	    config.component_count != 4)
		chaos_violate(c, "of 4 components %u are read", config.component_count);
}

const struct chaos_driver chaos_conf = {
	.name = "conf",
	.how = CHAOS_FAILS,
	.prepare = prepare,
	.act = act,
	.check = act,
};
