/* lfm2.c - lfm2 - most layers have a short convolution between two gates instead of attention;
 * norms on every head of Q and K.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = {
    PARAMS_HYBRID(REQUIRED),
    { "expert_count", FLD(n_expert), HTH_P_U32, 0 },
    PARAMS_ROPE,
    PARAMS_WINDOW(0),
    { "shortconv.l_cache", FLD(ssm_conv), HTH_P_SIZE, REQUIRED },
    PARAMS_END,
};

/* clang-format off */
#define THIRD(slot, name_, last) \
    WEIGHT(slot, name_, .rows = D1(n_embd), .cols = D1(n_embd), \
           .fused = "blk.%u.shortconv.in_proj", .fused_rows = FLD(n_three), \
           .after = HTH_W_##last, .when = HTH_L_RECURRENT)

static const HthArchWeight weights[] = {
    WEIGHT(TOK_EMBD, "token_embd", .rows = D1(n_vocab), .cols = D1(n_embd)),
    VECTOR(OUT_NORM, "token_embd_norm", D1(n_embd)),
    WEIGHT(OUTPUT, "output", .rows = D1(n_vocab), .cols = D1(n_embd), .or_slot = HTH_W_TOK_EMBD),
    WEIGHTS_PRE_NORMS,
    LINEAR_ON(ATTENDING, ATTN_Q, "blk.%u.attn_q", D2(n_head, head_dim), D1(n_embd)),
    LINEAR_ON(ATTENDING, ATTN_K, "blk.%u.attn_k", D2(n_head_kv, head_dim), D1(n_embd)),
    LINEAR_ON(ATTENDING, ATTN_V, "blk.%u.attn_v", D2(n_head_kv, head_dim_v), D1(n_embd)),
    LINEAR_ON(ATTENDING, ATTN_O, "blk.%u.attn_output", D1(n_embd), D2(n_head, head_dim_v)),
    WEIGHT(Q_NORM, "blk.%u.attn_q_norm", .rows = D1(head_dim), .when = HTH_L_ATTENDING),
    WEIGHT(K_NORM, "blk.%u.attn_k_norm", .rows = D1(head_dim), .when = HTH_L_ATTENDING),
    THIRD(CONV_B, "blk.%u.shortconv_b", NONE),
    THIRD(CONV_C, "blk.%u.shortconv_c", CONV_B),
    THIRD(CONV_X, "blk.%u.shortconv_x", CONV_C),
    WEIGHT(SSM_CONV, "blk.%u.shortconv.conv", .rows = D1(ssm_conv), .count = FLD(n_embd),
           .when = HTH_L_RECURRENT),
    LINEAR_ON(RECURRENT, SSM_OUT, "blk.%u.shortconv.out_proj", D1(n_embd), D1(n_embd)),
    WEIGHTS_GATED(LINEAR_UNSCALED),
    WEIGHTS_END,
};

static const HthArchOp layer[] = {
    OPS_NORM(RMSNORM, ATTN_NORM),
    OP_ON(RECURRENT, G, LINEAR, H, NONE, NONE, CONV_B),
    OP_ON(RECURRENT, V, LINEAR, H, NONE, NONE, CONV_C),
    OP_ON(RECURRENT, Q, LINEAR, H, NONE, NONE, CONV_X),
    OP_ON(RECURRENT, Q, MUL, Q, G, NONE, NONE),
    OP_ON(RECURRENT, Q, CONV, Q, NONE, NONE, SSM_CONV),
    OP_ON(RECURRENT, H, MUL, Q, V, NONE, NONE),
    OP_ON(RECURRENT, H, LINEAR, H, NONE, NONE, SSM_OUT),
    OP_ON(ATTENDING, Q, LINEAR, H, NONE, NONE, ATTN_Q),
    OP_ON(ATTENDING, K, LINEAR, H, NONE, NONE, ATTN_K),
    OP_ON(ATTENDING, V, LINEAR, H, NONE, NONE, ATTN_V),
    OP_ON(ATTENDING, Q, HEADNORM, Q, NONE, NONE, Q_NORM),
    OP_ON(ATTENDING, K, HEADNORM, K, NONE, NONE, K_NORM),
    OP_ON(ATTENDING, Q, ROPE, Q, NONE, NONE, NONE),
    OP_ON(ATTENDING, K, ROPE, K, NONE, NONE, NONE),
    OP_ON(ATTENDING, H, ATTEND, Q, K, V, NONE),
    OP_ON(ATTENDING, H, LINEAR, H, NONE, NONE, ATTN_O),
    OPS_RESIDUAL,
    OPS_NORM(RMSNORM, FFN_NORM),
    OPS_GATED(SWIGLU),
    OPS_RESIDUAL,
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_lfm2 = { ARCH("lfm2", true, weights, layer), .head = hth_arch_embed,
                                .tail = hth_arch_rms_output };
