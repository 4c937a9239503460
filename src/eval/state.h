/* state.h - how far an evaluation got: a file from which the same one continues after a kill.
 *
 * 64 bytes of head with the digest of what is computed, then segment by segment the figures of its
 * rows, each with a checksum: what is whole is taken, the rest is computed again.
 *
 * Thread: one owner. */
#ifndef HTH_EVAL_STATE_H
#define HTH_EVAL_STATE_H

#include "crypt/hash.h"
#include "eval/row.h"

typedef struct HthEvalState HthEvalState;

/* Of another evaluation: begun anew. EINVAL: the file is something else; EAGAIN: another process
 * has it; EIO, ENOMEM. */
HTH_MUST_CHECK HthStatus hth_eval_state_open(HthEvalState **out, const char *path,
                                             const uint8_t digest[HTH_HASH_BYTES], HthErr *err);
/* The next segment's n rows, if they are there: false: from here on it is to be computed. saved:
 * what was given to hth_eval_state_add. EIO, ENOMEM. */
HTH_MUST_CHECK HthStatus hth_eval_state_next(HthEvalState *s, HthEvalRow *rows, uint32_t n,
                                             uint64_t *saved, bool *there, HthErr *err);
/* Takes back the last one that hth_eval_state_next gave: it will be added. */
void hth_eval_state_back(HthEvalState *s, uint32_t n);
HTH_MUST_CHECK HthStatus hth_eval_state_add(HthEvalState *s, const HthEvalRow *rows, uint32_t n,
                                            uint64_t saved, HthErr *err);
void hth_eval_state_remove(HthEvalState **s); /* done: the file goes */
void hth_eval_state_close(HthEvalState **s); /* it stays */

#endif
