/* op.h - the vocabulary of architecture programs.
 *
 * A model is a list of these operations over named registers (model/arch.h).  A register holds
 * one float row per token of the batch.
 *
 * Thread: plain data. */
#ifndef HTH_OP_OP_H
#define HTH_OP_OP_H

#include <stdbool.h>
#include <stdint.h>

/* X is the residual stream; H a scratch row; Q K V the projections; G U the gate and up rows; R the
 * weights of the experts that were chosen; S a second scratch row; P what each layer has of the
 * token. */
typedef enum HthReg {
    HTH_R_NONE,
    HTH_R_X,
    HTH_R_H,
    HTH_R_Q,
    HTH_R_K,
    HTH_R_V,
    HTH_R_G,
    HTH_R_U,
    HTH_R_R,
    HTH_R_S,
    HTH_R_P,
    HTH_R_LOGITS,
    HTH_R_COUNT
} HthReg;

typedef enum HthOpCode {
    HTH_OP_END, /* closes a program */
    HTH_OP_EMBED, /* dst = row of weight w per token id */
    HTH_OP_RMSNORM, /* dst = rmsnorm(a) * w */
    HTH_OP_LINEAR, /* dst = w * a (times the scale, plus the bias, where the slot has them) */
    HTH_OP_HEADNORM, /* dst = rmsnorm over each head of a, times w[head_dim] */
    HTH_OP_ROPE, /* dst = rotate a by position */
    HTH_OP_ATTEND, /* store b, c into the cache at this layer; dst = attention(a, cache) */
    HTH_OP_SWIGLU, /* dst = silu(a) * b */
    HTH_OP_ADD, /* dst = a + b */
    HTH_OP_LAYERNORM, /* dst = (a - mean) / deviation * w, plus the bias where there is one */
    HTH_OP_GEGLU, /* dst = gelu(a) * b */
    HTH_OP_GELU, /* dst = gelu(a) */
    HTH_OP_SCALE, /* dst = a times a number of the model's */
    HTH_OP_SWIGLU_CLAMPED, /* gpt-oss's: both sides bounded, up + 1 (op/glu.c) */
    HTH_OP_ATTEND_SINKS, /* attend, with one more score per head: w[n_head] */
    HTH_OP_ROUTE, /* a: a score per expert; dst = weights of the chosen; w biases the choice */
    HTH_OP_EXPERTS, /* dst = for each chosen expert its matrix of w * a; b: what route gave */
    HTH_OP_EXPERTS_EACH, /* the same where a has a row for each chosen expert */
    HTH_OP_EXPERTS_SUM, /* dst = the rows a has for chosen experts, times their weights b, added */
    HTH_OP_HEADS, /* dst = each head's first part times its own matrix of w, then its rest */
    HTH_OP_GATE, /* dst = a * sigmoid(b), b one number or as many as a */
    HTH_OP_PLACE, /* dst = a + row of weight w per position */
    HTH_OP_MEAN_HEADNORM, /* dst = layernorm over each head of a, times w[heads][head_dim] */
    HTH_OP_RELU2, /* dst = a squared where it is above 0, else 0 */
    HTH_OP_HALF_1, /* dst = the first half of each head of a */
    HTH_OP_HALF_2, /* the second */
    HTH_OP_SILU, /* dst = silu(a) */
    HTH_OP_CONV, /* dst = each value of a and those of rows before, times w[width][rows] */
    HTH_OP_DELTA, /* dst = the gated delta rule over a; b writes, c and w fade (op/delta.c) */
    HTH_OP_SCAN, /* dst = the selective scan over a; steps b, w (op/delta.c) */
    HTH_OP_MUL, /* dst = a * b */
    HTH_OP_FIRSTNORM, /* dst = a, its first part as rmsnorm * w */
    HTH_OP_TYPE, /* dst = a + the first row of weight w, whatever the token */
    HTH_OP_COPY, /* dst = a */
    HTH_OP_TANH, /* dst = tanh(a) */
    HTH_OP_SOFTMAX, /* dst = exp(a) divided by the sum of these */
    HTH_OP_CLAMP, /* dst = a, each value no further from 0 than a number of the model's */
    HTH_OP_UNIT_HEADNORM, /* dst = rmsnorm over each head of a, without weights */
    HTH_OP_TEMPER, /* dst = a times a number that grows with the position (op/scale.c) */
    HTH_OP_EXPERTS_SPREAD, /* dst = for each chosen expert a times its weight; b: what route gave */
    HTH_OP_EXPERTS_ADD, /* dst = the rows a has for chosen experts, added */
    HTH_OP_ATTEND_BEFORE, /* dst = attention(a, what a layer before has stored) */
    HTH_OP_LAYER_PART, /* dst = the layer's part of a, of so many numbers */
    HTH_OP_WEIGH, /* dst = a times the number w */
    HTH_OP_COUNT
} HthOpCode;

typedef struct HthOpInfo {
    const char *name; /* "linear"; for explain and errors */
    const char *text; /* explain's line; %D %A %B %C are registers, %W the weight */
    uint8_t reads; /* registers read: 0..3, in the order a, b, c */
    bool weight; /* names a weight */
    bool in_place; /* dst may share a's memory */
    bool looks_back; /* reads other rows of the timeline */
} HthOpInfo;

/* Never NULL for op < HTH_OP_COUNT. */
const HthOpInfo *hth_op_info(HthOpCode op);
/* "linear", "rmsnorm", ...; for explain and errors. */
const char *hth_op_name(HthOpCode op);
const char *hth_reg_name(HthReg reg); /* "x", "h", ... */

#endif
