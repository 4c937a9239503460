/* clock.h - time, injectable.
 *
 * Thread: any; hth_clock_fake is for tests before threads start. */
#ifndef HTH_BASE_CLOCK_H
#define HTH_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

uint64_t hth_clock_ns(void); /* monotonic */
int64_t hth_clock_unix_s(void); /* seconds since 1970, UTC */
/* "2026-11-21T20:14:05", UTC; a part of a second and the "Z" are the caller's.  "" and false: not
 * within the years 0 to 9999. */
enum { HTH_CLOCK_TEXT = 20 };
bool hth_clock_text(char out[HTH_CLOCK_TEXT], int64_t unix_s);
/* Tests: both clocks answer from these until fake_ns is UINT64_MAX again. */
void hth_clock_fake(uint64_t fake_ns, int64_t fake_unix_s);

#endif
