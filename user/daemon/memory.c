// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What uwd keeps resident. Its large tables are mostly empty: malloc is held to mapping each of
 * them by itself, so that calloc need not write zeros and only what is used takes memory. The start
 * goes through much of libbpf, libelf, SQLite and the loader, and a fault brings 64 KiB of a file
 * at a time (fault_around_bytes, mm/memory.c): afterwards the read-only parts of all libraries are
 * let go, locked as they are. uwd's own code and constants are brought in whole, so that it does
 * not wait for a disk to know what to do; of libraries that is so only for what it has used since.
 * khugepaged would make two megabytes of any page of a table (max_ptes_none is 511 unless set), now
 * or an hour from now: uwd is not its business.
 */
#include "user/daemon/memory.h"

#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "user/base/log.h"

#define OWN_MAPPING_BYTES (64 << 10) /* glibc's 128 KiB grows up to 32 MiB as blocks are freed */

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* since Linux 5.14, in the same header */
#endif

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24 /* since Linux 5.18, include/uapi/asm-generic/mman-common.h */
#endif

void memory_begin(void)
{
	mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_BYTES);
	prctl(PR_SET_THP_DISABLE, 1UL, 0UL, 0UL, 0UL); /* or they come, and take more */
}

void memory_lock(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		log_warning("memory is not locked: %s; raise LimitMEMLOCK", strerror(errno));
}

/* What can be written is not let go, nor is what the loader wrote before it was made read-only:
 * that lies in segments that can be written. */
static void advise(const struct dl_phdr_info *object, const ElfW(Phdr) * segment, int advice)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
	uintptr_t to = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;

	if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
		madvise((void *)from, to - from, advice); /* or all stays as it is */
}

/* The program itself has no name here, and the kernel's own object no path. */
static int settle_object(struct dl_phdr_info *object, size_t size, void *data)
{
	bool is_library = strchr(object->dlpi_name, '/');

	(void)size, (void)data;
	for (int i = 0; (is_library || !*object->dlpi_name) && i < object->dlpi_phnum; i++)
		advise(object, &object->dlpi_phdr[i],
		       is_library ? MADV_DONTNEED_LOCKED : MADV_POPULATE_READ);
	return 0;
}

void memory_trim(void)
{
	malloc_trim(0);
}

void memory_settle(void)
{
	dl_iterate_phdr(settle_object, NULL);
}
