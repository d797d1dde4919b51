// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What uwd keeps resident. Its large tables are mostly empty: malloc is held to mapping each of
 * them by itself, so that calloc need not write zeros and only what is used takes memory. The start
 * goes through much of libbpf, libelf, SQLite and the loader, and a fault brings 64 KiB of a file
 * at a time (fault_around_bytes, mm/memory.c): afterwards the read-only parts of all libraries are
 * let go, locked as they are. uwd's own code stays whole, as it must not wait for a disk when it
 * acts.
 */
#include "user/daemon/memory.h"

#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/base/log.h"

#define OWN_MAPPING_BYTES (64 << 10) /* glibc's 128 KiB grows up to 32 MiB as blocks are freed */

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24 /* since Linux 5.18, include/uapi/asm-generic/mman-common.h */
#endif

void memory_begin(void)
{
	mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_BYTES);
}

void memory_lock(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		log_warning("memory is not locked: %s; raise LimitMEMLOCK", strerror(errno));
}

/* What can be written is not let go, nor is what the loader wrote before it was made read-only:
 * that lies in segments that can be written. */
static void let_go(const struct dl_phdr_info *object, const ElfW(Phdr) * segment)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
	uintptr_t to = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;

	if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
		madvise((void *)from, to - from, MADV_DONTNEED_LOCKED); /* or it stays */
}

/* The program itself has no name here, and the kernel's own object no path. */
static int let_library_go(struct dl_phdr_info *object, size_t size, void *data)
{
	(void)size, (void)data;
	for (int i = 0; strchr(object->dlpi_name, '/') && i < object->dlpi_phnum; i++)
		let_go(object, &object->dlpi_phdr[i]);
	return 0;
}

void memory_settle(void)
{
	malloc_trim(0);
	dl_iterate_phdr(let_library_go, NULL);
}
