/* program.h - an architecture program with its weights resolved: what the planner and the
 * executor run.
 *
 * Layers are unrolled: head, layer 0, layer 1, ..., tail.  After the last operation that looks at
 * other rows (the last layer's attention) the rows whose logits nobody asked for are dropped: of a
 * prompt only the last token goes through the last feed-forward block.
 *
 * Thread: immutable once planned; any. */
#ifndef HTH_OP_PROGRAM_H
#define HTH_OP_PROGRAM_H

#include "kern/kern.h"
#include "kern/route.h"
#include "op/op.h"
#include "op/packed.h"
#include "op/state.h"

/* A matrix [rows][cols] in its file format, or a vector [rows] in floats; or `count` of either, one
 * for each expert or head. */
typedef struct HthWeight {
    const char *name; /* slot name: "attn_q" */
    const HthFmt *fmt; /* NULL for a vector */
    const uint8_t *data; /* [rows], each row_bytes */
    size_t row_bytes;
    uint32_t rows, cols;
    uint32_t first_row; /* of the tensor, where that holds other matrices before this one */
    const float *vec; /* [rows]; NULL for a matrix */
    const float *bias; /* [rows] or NULL */
    const float *scale; /* one factor on every product, or NULL */
    bool scale_last; /* the scale multiplies the bias too */
    uint32_t count; /* matrices; each has its own bias [rows] and scale; 0: one */
    size_t step; /* bytes from one to the next, where there are several */
    HthPacked *packed; /* borrowed: its panels, now or later; NULL: never any */
} HthWeight;

#define HTH_AT_NONE UINT32_MAX

typedef struct HthInst {
    HthOpCode op;
    HthReg dst, a, b, c;
    uint32_t layer;
    const HthWeight *w; /* NULL where the op has none */
    uint32_t dst_width, a_width, b_width, c_width; /* floats per token */
    /* Filled by hth_plan_registers: */
    uint32_t dst_at, a_at, b_at, c_at; /* floats per token before the register's rows */
    uint32_t a_value; /* which definition is read: equal numbers, equal contents */
    float arg; /* the number it takes, or 0 */
    uint32_t part; /* half: how many numbers one is */
    uint32_t window; /* attend: positions a row sees, of whole texts half on each side; 0: all */
    bool own_heads; /* attend, rope: the heads are HthProgram.window_heads */
    bool chunked; /* attend: only those since the last multiple of window */
    uint32_t cache; /* attend: its layer of the cache; conv, delta: which of the states */
    uint32_t rope; /* rope: which of the program's rotations */
    uint32_t group; /* linears from here on that read the same value; 1 otherwise */
} HthInst;

/* Heads of attention: those that keys and values have, and the dimensions of each. */
typedef struct HthHeads {
    uint32_t kv, dim, dim_v;
} HthHeads;

enum { HTH_ROPES_MAX = 2, HTH_DELTA_MAX = 1024 };

/* The gated delta rule (op/delta.c); heads 0: none. */
typedef struct HthDeltaRule {
    uint32_t heads, k_heads; /* of values; of queries and keys, each for several of those */
    uint32_t dim_k, dim_v; /* at most HTH_DELTA_MAX */
    bool in_turn; /* value head i has key head i % k_heads; else neighbours share one */
} HthDeltaRule;

typedef struct HthProgram {
    HthInst *inst;
    uint32_t count;
    uint32_t wanted; /* from this instruction on only rows whose logits are wanted are computed */
    uint32_t
        head; /* from this one on logits are made of the row that it reads; 0: the last alone */
    bool whole; /* rows see all rows of their text, which come in one step (ADR 48) */
    uint32_t n_layer, n_embd, n_head, n_head_kv, head_dim, head_dim_v, n_vocab;
    HthHeads window_heads; /* of windowed layers, where they have their own; kv 0: the same */
    float norm_eps, attn_scale, attn_cap; /* cap 0: none */
    const float *slopes; /* [n_head] what a score falls by with each position; NULL: nothing */
    float temper; /* queries grow with the position (op/scale.c); 0: they do not */
    uint32_t temper_floor, temper_offset;
    float logit_scale, logit_cap; /* logits: times the one, then capped; 0: not */
    HthRouter router;
    HthDeltaRule delta;
    uint32_t n_cache; /* layers that keep keys and values */
    uint32_t n_cache_own; /* those of window_heads, numbered after the others */
    const HthStateSpec *states; /* [n_state] (op/state.h) */
    uint32_t n_state;
    bool rope_neox;
    uint32_t rope_at; /* of a head: its first dimension that rotates */
    uint32_t n_rot;
    uint32_t n_rot_own; /* of window_heads; 0: the same */
    uint32_t ropes; /* rotations: 1, or 2 where windowed layers have their own */
    const double *rope_freq[HTH_ROPES_MAX]; /* [n_rot/2] radians per position */
    float rope_mscale[HTH_ROPES_MAX];
    /* Filled by hth_plan_registers: */
    struct {
        uint32_t at, size; /* floats per token */
    } keep[HTH_R_COUNT]; /* registers that instructions from `wanted` on still read */
    uint32_t keep_count;
    uint32_t row_floats; /* floats of register memory per token */
    uint32_t act_bytes; /* most that products need of a token's activations quantised or gathered */
} HthProgram;

static inline HthHeads hth_heads(const HthProgram *p) {
    return (HthHeads){ p->n_head_kv, p->head_dim, p->head_dim_v };
}

static inline HthHeads hth_heads_of(const HthProgram *p, const HthInst *in) {
    return in->own_heads ? p->window_heads : hth_heads(p);
}

/* Dimensions that rotation k rotates; as many as any does. */
static inline uint32_t hth_rope_dims(const HthProgram *p, uint32_t k) {
    return k > 0 && p->n_rot_own ? p->n_rot_own : p->n_rot;
}

static inline uint32_t hth_rope_most(const HthProgram *p) {
    return p->n_rot_own > p->n_rot ? p->n_rot_own : p->n_rot;
}

/* A block of attention is this many queries: neighbouring rows of a timeline, each with the query
 * heads of one KV head (group of them). */
enum { HTH_ATTEND_QUERIES = 64, HTH_ATTEND_HEAD_MAX = 1024 };
static inline uint32_t hth_attend_rows(uint32_t group) {
    return group >= HTH_ATTEND_QUERIES ? 1 : HTH_ATTEND_QUERIES / group;
}
/* In steps of at most this many rows runs of pages may be items of their own. */
enum { HTH_ATTEND_SPLIT_ROWS = 8 };
size_t hth_attend_part_bytes(const HthProgram *prog); /* scratch of one worker (op/attend.c) */

/* The layout of the cache of this program. back: its timelines take rows back. */
HTH_MUST_CHECK HthStatus hth_program_layout(HthKvLayout *out, const HthProgram *prog,
                                            HthKvType type, bool back, HthErr *err);

/* Rows of registers are padded so that each starts on a cache line. */
static inline uint32_t hth_row_stride(uint32_t width) {
    return (width + 15u) & ~15u;
}

/* Numbers of a row of what the program ends with: a vocabulary's logits, scores, or the row itself
 * where no product makes anything of it. */
static inline uint32_t hth_program_out(const HthProgram *p) {
    return p->inst[p->count - 1].dst_width;
}

/* Floats per token of a register with `n` rows of `width`, each on its own cache line. */
static inline uint32_t hth_rows_width(uint32_t n, uint32_t width) {
    return n * hth_row_stride(width);
}

#endif
