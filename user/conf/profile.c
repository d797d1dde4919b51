// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Holds the built-in profile, as text: it is read like any file, so that no second way leads into
 * the configuration.
 */
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
