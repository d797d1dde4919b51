// SPDX-License-Identifier: GPL-2.0-or-later
#include "user/conf/build.h"

/* cgroups/profiles/24g.conf without its comments; a unit test holds the two together. */
const char profile_name[] = "built-in profile";
const char profile_text[] = "[component trading_data]\n"
			    "share = 35%\n"
			    "priority = 9\n"
			    "protect = working-set\n"
			    "[component ml_models]\n"
			    "share = 25%\n"
			    "priority = 5\n"
			    "freeze = yes\n"
			    "lend = yes\n"
			    "borrow = yes\n"
			    "[component database]\n"
			    "share = 25%\n"
			    "priority = 8\n"
			    "protect = working-set\n"
			    "lend = yes\n"
			    "[component cache]\n"
			    "share = 10%\n"
			    "priority = 7\n"
			    "lend = yes\n"
			    "borrow = yes\n";
const size_t profile_len = sizeof(profile_text) - 1;

void conf_defaults(struct config *ret_config)
{
	conf_parse_text(profile_name, profile_text, profile_len, ret_config, NULL);
}

int conf_parse_text(const char *name, const char *text, size_t len, struct config *ret_config,
		    struct uw_err *err)
{
	struct build build;
	int rc;

	build_begin(&build);
	rc = build_text(&build, name, text, len, err);
	if (rc)
		return rc;
	return build_end(&build, ret_config, err);
}
