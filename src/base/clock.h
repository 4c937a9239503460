/* clock.h - time, injectable.
 *
 * Thread: any; hth_clock_fake is for tests before threads start. */
#ifndef HTH_BASE_CLOCK_H
#define HTH_BASE_CLOCK_H

#include <stdint.h>

uint64_t hth_clock_ns(void); /* monotonic */
int64_t hth_clock_unix_s(void); /* seconds since 1970, UTC */
/* Tests: both clocks answer from these until fake_ns is UINT64_MAX again. */
void hth_clock_fake(uint64_t fake_ns, int64_t fake_unix_s);

#endif
