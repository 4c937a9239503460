/* phi3.c - phi3 - llama whose Q, K and V, and gate and up, are one matrix each, with one set of
 * rotation factors for short and one for long contexts.  Phi 3, 3.5 and 4.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_COMMON, PARAMS_ROPE, PARAMS_WINDOW(0), PARAMS_END };

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    VECTOR_OR_NONE(ROPE_LONG, "rope_factors_long", D1(n_pair)),
    VECTOR_OR_NONE(ROPE_SHORT, "rope_factors_short", D1(n_pair)),
    WEIGHTS_PRE_NORMS,
    WEIGHTS_FUSED_ATTN,
    PART(FFN_GATE, "blk.%u.ffn_gate", "blk.%u.ffn_up", n_gate_up, NONE, D1(n_ff)),
    PART(FFN_UP, "blk.%u.ffn_up", "blk.%u.ffn_up", n_gate_up, FFN_GATE, D1(n_ff)),
    LINEAR_UNSCALED(FFN_DOWN, "blk.%u.ffn_down", D1(n_embd), D1(n_ff)),
    WEIGHTS_END,
};
/* clang-format on */

const HthArch hth_arch_phi3 = { ARCH("phi3", true, weights, hth_arch_plain_layer),
                                .head = hth_arch_embed, .tail = hth_arch_rms_output };
