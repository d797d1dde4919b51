/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libbpf's last words: it prints why a load failed and returns only an errno. Private to kern. */
#ifndef UW_KERN_LIBBPF_LOG_H
#define UW_KERN_LIBBPF_LOG_H

/* From now on libbpf prints nothing and its warnings are kept; UW_BPF_LOG=1 in the environment
 * sends everything to stderr as well, verifier logs included. */
void words_catch(void);

void words_forget(void);

/* The last warning, one line; "" when there was none. */
const char *words_last(void);

#endif
