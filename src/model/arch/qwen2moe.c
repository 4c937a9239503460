/* qwen2moe.c - qwen2moe - qwen2 with experts, and one more that every token goes to as far as a
 * gate of its own lets it.  Qwen 1.5 A2.7B, Qwen 2 57B-A14B.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_COMMON, PARAMS_EXPERTS, PARAM_SHARED, PARAMS_ROPE,
                                       PARAMS_END };

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    WEIGHTS_PRE_NORMS,
    WEIGHTS_ATTN,
    WEIGHTS_EXPERTS(EACH),
    WEIGHT(SHARED_ROUTER, "blk.%u.ffn_gate_inp_shexp", .rows = D1(one), .cols = D1(n_embd)),
    WEIGHTS_SHARED_ON(ALL),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OPS_NORM(RMSNORM, ATTN_NORM),
    OPS_QKV,
    OPS_ROPE,
    OPS_ATTEND,
    OPS_RESIDUAL,
    OPS_NORM(RMSNORM, FFN_NORM),
    OPS_EXPERTS_ON(ALL, S, SWIGLU),
    OP(R, LINEAR, H, NONE, NONE, SHARED_ROUTER),
    OPS_SHARED_ON(ALL),
    OP(H, GATE, H, R, NONE, NONE),
    OP(H, ADD, S, H, NONE, NONE),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_qwen2moe = {
    ARCH("qwen2moe", true, weights, layer),
    .head = hth_arch_embed,
    .tail = hth_arch_rms_output,
    .gate = HTH_EXPERTS_BY_SOFTMAX,
};
