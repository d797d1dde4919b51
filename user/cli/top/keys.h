/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a key does to the model. Pure; whoever reads keys does what comes back. */
#ifndef UW_CLI_TOP_KEYS_H
#define UW_CLI_TOP_KEYS_H

#include "user/cli/top/model.h"

/* A key is its ASCII character, or one of these. */
enum keys_named {
	KEYS_UP = 0x100,
	KEYS_DOWN,
	KEYS_PAGE_UP,
	KEYS_PAGE_DOWN,
	KEYS_HOME,
	KEYS_END,
	KEYS_LEFT,
	KEYS_RIGHT,
	KEYS_BACKSPACE,
};

#define KEYS_TAB    '\t'
#define KEYS_ENTER  '\n'
#define KEYS_ESCAPE 0x1b

enum keys_intent {
	KEYS_STAY,   /* draw again */
	KEYS_ASK,    /* and ask uwd at once: another thing is looked at */
	KEYS_ACT,    /* and have model->act done: it was shown, and y was said */
	KEYS_TRAVEL, /* and go to another moment of the recording: model->travel */
	KEYS_QUIT,
};

enum keys_intent keys_press(struct top_model *model, int key);

#endif
