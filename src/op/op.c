/* op.c - see op.h: one table row per operation.
 *
 * Thread: constant tables. */
#include "op/op.h"

#include "base/err.h"

/* clang-format off */
static const HthOpInfo infos[HTH_OP_COUNT] = {
    [HTH_OP_END]      = { "end",      "end",                        0, false, false },
    [HTH_OP_EMBED]    = { "embed",    "%D = embed(%W)",             0, true,  false },
    [HTH_OP_RMSNORM]  = { "rmsnorm",  "%D = rmsnorm(%A) * %W",      1, true,  true },
    [HTH_OP_LINEAR]   = { "linear",   "%D = linear(%A, %W)",        1, true,  false },
    [HTH_OP_HEADNORM] = { "headnorm", "%D = headnorm(%A) * %W",     1, true,  true },
    [HTH_OP_ROPE]     = { "rope",     "%D = rope(%A)",              1, false, true },
    [HTH_OP_ATTEND]   = { "attend",   "%D = attend(%A, %B, %C)",    3, false, false },
    [HTH_OP_SWIGLU]   = { "swiglu",   "%D = silu(%A) * %B",         2, false, true },
    [HTH_OP_ADD]      = { "add",      "%D = %A + %B",               2, false, true },
    [HTH_OP_LAYERNORM] = { "layernorm", "%D = layernorm(%A, %W)",   1, true,  true },
    [HTH_OP_GEGLU]    = { "geglu",    "%D = gelu(%A) * %B",         2, false, true },
    [HTH_OP_GELU]     = { "gelu",     "%D = gelu(%A)",              1, false, true },
    [HTH_OP_SCALE]    = { "scale",    "%D = %A * %F",               1, false, true },
};

static const char *const regs[HTH_R_COUNT] = {
    [HTH_R_NONE] = "-", [HTH_R_X] = "x", [HTH_R_H] = "h", [HTH_R_Q] = "q", [HTH_R_K] = "k",
    [HTH_R_V] = "v",    [HTH_R_G] = "g", [HTH_R_U] = "u", [HTH_R_LOGITS] = "logits",
};
/* clang-format on */

const HthOpInfo *hth_op_info(HthOpCode op) {
    HTH_ASSERT((unsigned)op < HTH_OP_COUNT);
    return &infos[op];
}

const char *hth_op_name(HthOpCode op) {
    return hth_op_info(op)->name;
}

const char *hth_reg_name(HthReg reg) {
    HTH_ASSERT((unsigned)reg < HTH_R_COUNT);
    return regs[reg];
}
