/* qwen2.c - qwen2 - llama with biases on Q, K, V and NEOX rotation.  Qwen 1.5 to 2.5, dense only.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_COMMON, PARAMS_ROPE, { NULL, 0, HTH_P_U32, 0 } };

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    VECTOR(ATTN_NORM, "blk.%u.attn_norm",   D1(n_embd)),
    LINEAR(ATTN_Q,    "blk.%u.attn_q",      D2(n_head, head_dim),      D1(n_embd)),
    LINEAR(ATTN_K,    "blk.%u.attn_k",      D2(n_head_kv, head_dim),   D1(n_embd)),
    LINEAR(ATTN_V,    "blk.%u.attn_v",      D2(n_head_kv, head_dim_v), D1(n_embd)),
    LINEAR(ATTN_O,    "blk.%u.attn_output", D1(n_embd),                D2(n_head, head_dim_v)),
    VECTOR(FFN_NORM,  "blk.%u.ffn_norm",    D1(n_embd)),
    LINEAR_UNSCALED(FFN_GATE, "blk.%u.ffn_gate", D1(n_ff), D1(n_embd)),
    LINEAR_UNSCALED(FFN_UP, "blk.%u.ffn_up", D1(n_ff), D1(n_embd)),
    LINEAR_UNSCALED(FFN_DOWN, "blk.%u.ffn_down", D1(n_embd), D1(n_ff)),
    { HTH_W_NONE, NULL, D0, D0, HTH_W_NONE, false, false },
};

static const HthArchOp head[] = { OP(X, EMBED, NONE, NONE, NONE, TOK_EMBD), OP_END };

static const HthArchOp layer[] = {
    OP(H, RMSNORM, X, NONE, NONE, ATTN_NORM),
    OP(Q, LINEAR, H, NONE, NONE, ATTN_Q),
    OP(K, LINEAR, H, NONE, NONE, ATTN_K),
    OP(V, LINEAR, H, NONE, NONE, ATTN_V),
    OP(Q, ROPE, Q, NONE, NONE, NONE),
    OP(K, ROPE, K, NONE, NONE, NONE),
    OP(H, ATTEND, Q, K, V, NONE),
    OP(H, LINEAR, H, NONE, NONE, ATTN_O),
    OP(X, ADD, X, H, NONE, NONE),
    OP(H, RMSNORM, X, NONE, NONE, FFN_NORM),
    OP(G, LINEAR, H, NONE, NONE, FFN_GATE),
    OP(U, LINEAR, H, NONE, NONE, FFN_UP),
    OP(G, SWIGLU, G, U, NONE, NONE),
    OP(H, LINEAR, G, NONE, NONE, FFN_DOWN),
    OP(X, ADD, X, H, NONE, NONE),
    OP_END,
};

static const HthArchOp tail[] = {
    OP(H, RMSNORM, X, NONE, NONE, OUT_NORM),
    OP(LOGITS, LINEAR, H, NONE, NONE, OUTPUT),
    OP_END,
};
/* clang-format on */

const HthArch hth_arch_qwen2 = { "qwen2", true, params, weights, head, layer, tail };
