/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last warning of libbpf, which prints why a load failed and returns only an errno. Private to
 * kern. */
#ifndef UW_KERN_LIBBPF_LOG_H
#define UW_KERN_LIBBPF_LOG_H

/* From now on libbpf prints nothing and its warnings are kept; UW_BPF_LOG=1 in the environment
 * sends everything to stderr as well, verifier logs included. */
void libbpf_log_catch(void);

void libbpf_log_forget(void);

/* The last warning, one line; "" when there was none. */
const char *libbpf_log_last(void);

#endif
