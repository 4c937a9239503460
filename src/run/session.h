/* session.h - what a session can do beyond hearth/hearth.h.
 *
 * Thread: the session's. */
#ifndef HTH_RUN_SESSION_H
#define HTH_RUN_SESSION_H

#include "hearth/hearth.h"
#include "op/exec.h"

/* Appends n tokens as hth_session_eval_all does, without logits: `see` is shown all that is
 * multiplied on the way, the output matrix's too (op/exec.h). Of a model that ranks they are a text
 * by itself, and its scores are made, too. */
HTH_MUST_CHECK HthStatus hth_session_observe(HthSession *session, const uint32_t *ids, size_t n,
                                             HthSeeFn *see, void *ctx, HthErr *err);

/* Computes a text by itself, in place of what was in the timeline.  rows [n][n_embd]: of each token
 * what the model's last product is multiplied with.  EINVAL, ELIMIT as hth_session_eval. */
HTH_MUST_CHECK HthStatus hth_session_rows(HthSession *session, const uint32_t *ids, size_t n,
                                          float *rows, HthErr *err);
/* The text's vector (run/pool.h), of length one, [n_embd]; of a model that ranks its scores,
 * [hth_program_out]. ENOMEM besides. */
HTH_MUST_CHECK HthStatus hth_session_vector(HthSession *session, const uint32_t *ids, size_t n,
                                            float *out, HthErr *err);

#endif
