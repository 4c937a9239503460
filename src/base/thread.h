/* thread.h - a thread, and the gate through which threads meet.
 *
 * A gate is a lock and a bell: whoever has entered is alone, and may wait inside for somebody to
 * ring.  Everything that several threads change lies behind one gate, named where it is declared.
 *
 * Thread: any. */
#ifndef HTH_BASE_THREAD_H
#define HTH_BASE_THREAD_H

#include <stdbool.h>

#include "base/err.h"

typedef struct HthGate HthGate;
HTH_MUST_CHECK HthStatus hth_gate_open(HthGate **out, HthErr *err);
void hth_gate_close(HthGate **gate); /* nobody is inside or waits */
void hth_gate_enter(HthGate *gate);
void hth_gate_leave(HthGate *gate);
/* Inside: sleeps, outside, until somebody rings or hth_clock_ns() has passed until_ns (UINT64_MAX:
 * never). It may return early: look again. */
void hth_gate_wait(HthGate *gate, uint64_t until_ns);
void hth_gate_ring(HthGate *gate); /* inside: wakes all who wait */

typedef struct HthThread HthThread;
/* Runs fn(payload) on a thread of its own, to which no signal is delivered. */
HTH_MUST_CHECK HthStatus hth_thread_open(HthThread **out, void (*fn)(void *payload), void *payload,
                                         HthErr *err);
void hth_thread_join(HthThread **thread); /* waits for fn to return, frees */

#endif
