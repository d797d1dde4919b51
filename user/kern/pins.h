/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lies under KERN_PIN_DIR: maps by name, and one folder programs-N with the links and the
 * iterator of generation N. Private to kern.
 */
#ifndef UW_KERN_PINS_H
#define UW_KERN_PINS_H

#include <stdint.h>

#include "user/base/err.h"

#define PIN_PATH_LEN 128

/* Mounts bpffs when nobody did, makes KERN_PIN_DIR. */
int pins_prepare(struct uw_err *err);

/* Holds other loaders off until the returned fd is closed. Negative errno. */
int pins_lock(void);

/* "KERN_PIN_DIR/programs-N", made when missing. */
int pins_generation_dir(uint32_t generation, char ret_path[static PIN_PATH_LEN]);

/* Links and programs of every generation but this one end; 0 ends all. */
int pins_drop_generations(uint32_t except);

/* How many pins generation has; 0 also when it is not there. */
uint32_t pins_count(uint32_t generation);

/* Everything, the folder included. 0 also when there is nothing. */
int pins_remove_all(struct uw_err *err);

#endif
