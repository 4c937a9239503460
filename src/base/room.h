/* room.h - large blocks of memory by whole pages, and how much there is to have.
 *
 * Thread: any. */
#ifndef HTH_BASE_ROOM_H
#define HTH_BASE_ROOM_H

#include "base/err.h"

/* Zeroed memory that costs nothing until it is written, in huge pages where the system gives them.
 * ENOMEM; a system call for hth_file_fail_after. */
HTH_MUST_CHECK HthStatus hth_room_open(uint8_t **out, size_t bytes, HthErr *err);
void hth_room_close(uint8_t **room, size_t bytes); /* fine on NULL */

/* The whole pages of a FILE mapping's [p, p + n) are not needed soon: they stay readable and come
 * back from the file. Never for memory that is not a file. */
void hth_room_forget(const void *p, size_t n);

/* Bytes this process can take without pushing others out: what the system says is available, and
 * what the memory limits of its control groups leave. 0 if the system does not say. */
uint64_t hth_room_available(void);
uint64_t hth_room_available_under(const char *root); /* tests: root stands before /proc and /sys */

#endif
