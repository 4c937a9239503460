/* session.h - what a session can do beyond hearth/hearth.h.
 *
 * Thread: the session's. */
#ifndef HTH_RUN_SESSION_H
#define HTH_RUN_SESSION_H

#include "hearth/hearth.h"
#include "op/exec.h"

/* Appends n tokens as hth_session_eval_all does, without logits: `see` is shown all that is
 * multiplied on the way, the output matrix's too (op/exec.h). */
HTH_MUST_CHECK HthStatus hth_session_observe(HthSession *session, const uint32_t *ids, size_t n,
                                             HthSeeFn *see, void *ctx, HthErr *err);

#endif
