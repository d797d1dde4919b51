// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A row of the option table holds one pointer to the function that names its values, whatever enum
 * they are of. Each of these turns the number into its enum and asks user/model.
 */
#include "user/conf/option_words.h"

#include "user/model/config.h"

const char *option_word_pages(uint32_t value)
{
	return sense_pages_name((enum sense_pages)value);
}

const char *option_word_lru_gen(uint32_t value)
{
	return lru_gen_rule_name((enum lru_gen_rule)value);
}

const char *option_word_strategy(uint32_t value)
{
	return strategy_name((enum strategy)value);
}

const char *option_word_footprints(uint32_t value)
{
	return footprints_name((enum footprints)value);
}

const char *option_word_outgrown(uint32_t value)
{
	return outgrown_name((enum outgrown)value);
}

const char *option_word_protect(uint32_t value)
{
	return protect_name((enum protect)value);
}

const char *option_word_kill(uint32_t value)
{
	return kill_rule_name((enum kill_rule)value);
}

const char *option_word_type(uint32_t value)
{
	return component_type_name((enum component_type)value);
}

const char *option_word_clean(uint32_t value)
{
	return clean_rule_name((enum clean_rule)value);
}
