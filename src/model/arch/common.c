/* common.c - the beginning and the end that nearly all architectures share.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

/* clang-format off */
const HthArchOp hth_arch_embed[] = { OP(X, EMBED, NONE, NONE, NONE, TOK_EMBD), OP_END };

const HthArchOp hth_arch_scaled_embed[] = {
    OP(X, EMBED, NONE, NONE, NONE, TOK_EMBD),
    OP_SCALE(X, embd_scale),
    OP_END,
};

const HthArchOp hth_arch_rms_output[] = {
    OPS_NORM(RMSNORM, OUT_NORM),
    OP(LOGITS, LINEAR, H, NONE, NONE, OUTPUT),
    OP_END,
};
/* clang-format on */
