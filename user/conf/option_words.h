/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names of enums as the option table takes them: of a uint32_t, "?" past the last one. */
#ifndef UW_CONF_OPTION_WORDS_H
#define UW_CONF_OPTION_WORDS_H

#include <stdint.h>

const char *option_word_pages(uint32_t value);
const char *option_word_lru_gen(uint32_t value);
const char *option_word_strategy(uint32_t value);
const char *option_word_footprints(uint32_t value);
const char *option_word_outgrown(uint32_t value);
const char *option_word_protect(uint32_t value);
const char *option_word_kill(uint32_t value);
const char *option_word_type(uint32_t value);
const char *option_word_clean(uint32_t value);

#endif
