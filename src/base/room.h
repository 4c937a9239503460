/* room.h - pages that are not needed, and how much memory there is to have.
 *
 * Thread: any. */
#ifndef HTH_BASE_ROOM_H
#define HTH_BASE_ROOM_H

#include "base/err.h"

/* The whole pages of a FILE mapping's [p, p + n) are not needed soon: they stay readable and come
 * back from the file. Never for memory that is not a file. */
void hth_room_forget(const void *p, size_t n);

/* Bytes this process can take without pushing others out: what the system says is available, and
 * what the memory limits of its control groups leave. 0 if the system does not say. */
uint64_t hth_room_available(void);
uint64_t hth_room_available_under(const char *root); /* tests: root stands before /proc and /sys */

#endif
