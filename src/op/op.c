/* op.c - see op.h: one table row per operation.
 *
 * Thread: constant tables. */
#include "op/op.h"

#include "base/err.h"

/* clang-format off */
static const HthOpInfo infos[HTH_OP_COUNT] = {
    [HTH_OP_END]      = { "end",      "end",                        0, false, false, false },
    [HTH_OP_EMBED]    = { "embed",    "%D = embed(%W)",             0, true,  false, false },
    [HTH_OP_RMSNORM]  = { "rmsnorm",  "%D = rmsnorm(%A) * %W",      1, true,  true, false },
    [HTH_OP_LINEAR]   = { "linear",   "%D = linear(%A, %W)",        1, true,  false, false },
    [HTH_OP_HEADNORM] = { "headnorm", "%D = headnorm(%A) * %W",     1, true,  true, false },
    [HTH_OP_ROPE]     = { "rope",     "%D = rope(%A)",              1, false, true, false },
    [HTH_OP_ATTEND]   = { "attend",   "%D = attend(%A, %B, %C)",    3, false, false, true },
    [HTH_OP_SWIGLU]   = { "swiglu",   "%D = silu(%A) * %B",         2, false, true, false },
    [HTH_OP_ADD]      = { "add",      "%D = %A + %B",               2, false, true, false },
    [HTH_OP_LAYERNORM] = { "layernorm", "%D = layernorm(%A, %W)",   1, true,  true, false },
    [HTH_OP_GEGLU]    = { "geglu",    "%D = gelu(%A) * %B",         2, false, true, false },
    [HTH_OP_GELU]     = { "gelu",     "%D = gelu(%A)",              1, false, true, false },
    [HTH_OP_SCALE]    = { "scale",    "%D = %A * %F",               1, false, true, false },
    [HTH_OP_SWIGLU_CLAMPED] =
        { "swiglu-clamped", "%D = clamped silu(%A) * (%B + 1)",     2, false, true, false },
    [HTH_OP_ATTEND_SINKS] =
        { "attend-sinks", "%D = attend(%A, %B, %C, sinks %W)",      3, true,  false, true },
    [HTH_OP_ROUTE]    = { "route",    "%D = route(%A, %W)",         1, true,  false, false },
    [HTH_OP_EXPERTS]  = { "experts",  "%D = experts %B(%A, %W)",    2, true,  false, false },
    [HTH_OP_EXPERTS_EACH] =
        { "experts-each", "%D = experts %B(each %A, %W)", 2, true, false, false },
    [HTH_OP_EXPERTS_SUM] = { "experts-sum", "%D = sum(%B * %A)",    2, false, false, false },
    [HTH_OP_HEADS]    = { "heads",    "%D = heads(%A, %W)",         1, true,  false, false },
    [HTH_OP_GATE]     = { "gate",     "%D = %A * sigmoid(%B)",      2, false, true, false },
    [HTH_OP_PLACE]    = { "place",    "%D = %A + place(%W)",        1, true,  true, false },
    [HTH_OP_MEAN_HEADNORM] =
        { "mean-headnorm", "%D = mean headnorm(%A) * %W", 1, true, true, false },
    [HTH_OP_RELU2]    = { "relu2",    "%D = relu(%A)^2",            1, false, true, false },
    [HTH_OP_HALF_1]   = { "half-1",   "%D = first halves(%A)",      1, false, false, false },
    [HTH_OP_HALF_2]   = { "half-2",   "%D = second halves(%A)",     1, false, false, false },
    [HTH_OP_SILU]     = { "silu",     "%D = silu(%A)",              1, false, true, false },
    [HTH_OP_CONV]     = { "conv",     "%D = conv(%A, %W)",          1, true,  false, true },
    [HTH_OP_DELTA]    = { "delta",    "%D = delta(%A, %B, %C, %W)", 3, true,  false, true },
    [HTH_OP_SCAN]     = { "scan",     "%D = scan(%A, %B, %W)",      2, true,  false, true },
    [HTH_OP_MUL]      = { "mul",      "%D = %A * %B",               2, false, true, false },
    [HTH_OP_FIRSTNORM] = { "firstnorm", "%D = firstnorm(%A) * %W",  1, true,  true, false },
    [HTH_OP_TYPE]     = { "type",     "%D = %A + first(%W)",        1, true,  true, false },
    [HTH_OP_COPY]     = { "copy",     "%D = %A",                    1, false, true, false },
    [HTH_OP_TANH]     = { "tanh",     "%D = tanh(%A)",              1, false, true, false },
    [HTH_OP_SOFTMAX]  = { "softmax",  "%D = softmax(%A)",           1, false, true, false },
    [HTH_OP_UNIT_HEADNORM] =
        { "unit-headnorm", "%D = headnorm(%A)", 1, false, true, false },
    [HTH_OP_TEMPER]   = { "temper",   "%D = %A * temper(position)", 1, false, true, false },
    [HTH_OP_EXPERTS_SPREAD] =
        { "experts-spread", "%D = each of %B * %A", 2, false, false, false },
    [HTH_OP_EXPERTS_ADD] = { "experts-add", "%D = sum(%A)",         1, false, false, false },
    [HTH_OP_ATTEND_BEFORE] =
        { "attend-before", "%D = attend(%A, a layer before)", 1, false, false, true },
    [HTH_OP_LAYER_PART] = { "layer-part", "%D = the layer's %F of %A", 1, false, false, false },
    [HTH_OP_WEIGH]    = { "weigh",    "%D = %A * %W",               1, true,  true, false },
    [HTH_OP_CLAMP]    = { "clamp",    "%D = %A within %F of 0",     1, false, true, false },
};

static const char *const regs[HTH_R_COUNT] = {
    [HTH_R_NONE] = "-", [HTH_R_X] = "x", [HTH_R_H] = "h", [HTH_R_Q] = "q", [HTH_R_K] = "k",
    [HTH_R_V] = "v",    [HTH_R_G] = "g", [HTH_R_U] = "u", [HTH_R_R] = "r",
    [HTH_R_S] = "s", [HTH_R_P] = "p", [HTH_R_LOGITS] = "logits",
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
