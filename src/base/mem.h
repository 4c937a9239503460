/* mem.h - the one door to the heap.
 *
 * Every allocation in hearth goes through here: sizes are overflow-checked, a test can make the
 * Nth one fail, and a counter shows whether a path allocates.  No other file calls malloc (lint).
 *
 * Thread: any (counters are atomic). */
#ifndef HTH_BASE_MEM_H
#define HTH_BASE_MEM_H

#include "base/err.h"

/* count * size zeroed bytes, or NULL (overflow, exhaustion, injected failure). Free with hth_free.
 * No bytes is one byte: NULL always means failure. */
void *hth_calloc(size_t count, size_t size);
/* As realloc with an overflow-checked size; new bytes are not zeroed. NULL leaves p valid. */
void *hth_realloc(void *p, size_t count, size_t size);
/* Zeroed, aligned to 64 bytes (kernels want it). Free with hth_free. */
void *hth_calloc_aligned(size_t count, size_t size);
/* As hth_calloc_aligned, but straight from the system, for blocks of which much may never be used:
 * memory is there when it is first written, in huge pages where the system has them. Aligned to a
 * page. Give back with hth_pages_give and the same count and size. */
void *hth_pages_calloc(size_t count, size_t size);
void hth_pages_give(void *p, size_t count, size_t size); /* NULL is fine */
void hth_free(void *p); /* NULL is fine */
char *hth_strdup(const char *s); /* NULL on exhaustion */
void hth_zero(void *p, size_t bytes); /* wipes; never optimised away */
/* From here on what is given back, or moved by hth_realloc, is wiped first: what people said does
 * not lie about in memory that nobody owns. For the process; before there is a second thread. */
void hth_mem_wipe_freed(void);

/* Tests: the nth allocation from now (1 = the next) and all later ones fail; 0 switches off. */
void hth_mem_fail_after(uint64_t nth);
/* Tests: only the nth allocation from now fails; 0 switches off. */
void hth_mem_fail_once(uint64_t nth);
/* Successful plus failed allocation calls since the process started. */
uint64_t hth_mem_calls(void);
/* Allocations not yet freed. */
uint64_t hth_mem_live(void);
/* Bytes this thread has taken and not given back, hth_pages_calloc's left out. What others gave
 * back for it is still counted: only the difference over some work means something. */
int64_t hth_mem_mine(void);
/* Bytes now held through hth_pages_calloc, as asked for. */
uint64_t hth_mem_mapped(void);

#endif
