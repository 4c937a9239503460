/* room.h - pages that stay or go, and how much memory there is to have.
 *
 * Thread: any. */
#ifndef HTH_BASE_ROOM_H
#define HTH_BASE_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The pages that hold some of [p, p + n), or those that hold nothing else; from >= to: none. */
typedef struct HthPageSpan {
    uintptr_t from, to;
} HthPageSpan;
HthPageSpan hth_page_span_around(const void *p, size_t n);
HthPageSpan hth_page_span_within(const void *p, size_t n);

/* The whole pages of a FILE mapping's [p, p + n) are not needed soon: they stay readable and come
 * back from the file, and are no longer kept. Never for memory that is not a file. */
void hth_room_forget(const void *p, size_t n);

/* The same range is read here and there: around what is read nothing else shall be; or no longer.
 * Advice. */
void hth_room_random(const void *p, size_t n, bool random);

/* Reads n bytes and keeps them in memory until they are unmapped; or, of memory that is not
 * read yet, keeps what is there and what will be. EDENIED, naming the limit: the
 * system allows too little locked memory for the `whole` of what shall be kept. */
HTH_MUST_CHECK HthStatus hth_room_keep(const void *p, size_t n, uint64_t whole, HthErr *err);
HTH_MUST_CHECK HthStatus hth_room_keep_later(const void *p, size_t n, uint64_t whole, HthErr *err);

/* Bytes this process can take without pushing others out: what the system says is available, and
 * what the memory limits of its control groups leave. 0 if the system does not say. */
uint64_t hth_room_available(void);
/* From here on that is the answer, whatever the system says: to plan for another machine. Before
 * there is a second thread; 0: the system's again. */
void hth_room_suppose(uint64_t bytes);
/* Bytes of this process that are in memory now, shared ones too; 0 if the system does not say. */
uint64_t hth_room_resident(void);
uint64_t hth_room_available_under(const char *root); /* tests: root stands before /proc and /sys */

#endif
