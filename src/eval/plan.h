/* plan.h - what will be computed: inputs cut into segments of tokens, and which of them count.
 *
 * A segment is one timeline: a window of a text, or one choice of an item.  Its first tokens are
 * given, the others are scored.  All of it is known before the model computes anything, so that
 * work can be counted, continued, and compared with that of another model.
 *
 * Thread: one owner; read-only once filled. */
#ifndef HTH_EVAL_PLAN_H
#define HTH_EVAL_PLAN_H

#include "crypt/hash.h"
#include "eval/item.h"
#include "text/vocab.h"

typedef struct HthEvalSegment {
    uint64_t at; /* of its first token in ids */
    uint64_t row; /* of its first scored token among all scored ones */
    uint32_t n, first; /* tokens; scored are those from first (> 0) on */
    uint32_t unit; /* the text or item it is of */
    uint32_t own; /* bytes of a choice */
} HthEvalSegment;

typedef struct HthEvalUnit {
    uint32_t group, label;
    uint32_t segment, segments; /* its first one, how many */
    uint64_t bytes; /* of a text; of its scored tokens */
} HthEvalUnit;

typedef struct HthEvalInput {
    char *name; /* without the folder */
    uint64_t bytes;
    uint8_t sha256[HTH_HASH_BYTES];
} HthEvalInput;

enum { HTH_EVAL_GROUPS_MAX = 1000, HTH_EVAL_INPUTS_MAX = 32 };

typedef struct HthEvalPlan {
    HthIds ids;
    HthEvalSegment *segments; /* [segment_count] */
    HthEvalUnit *units; /* [unit_count] */
    char **groups; /* [group_count] names */
    HthEvalInput inputs[HTH_EVAL_INPUTS_MAX];
    size_t segment_count, segment_room, unit_count, unit_room, group_count, input_count;
    uint64_t rows; /* scored tokens */
    uint32_t longest; /* tokens of a segment */
    bool choice; /* units are items */
    uint8_t digest[HTH_HASH_BYTES]; /* of all segments and their tokens */
} HthEvalPlan;

typedef struct HthEvalCut {
    const HthVocab *vocab;
    uint32_t ctx; /* longest segment, tokens */
    uint32_t stride; /* of a text: tokens scored by a window, < ctx */
    HthEvalStyle style;
    const char *group; /* a member of each line, or NULL */
    uint32_t limit; /* items or lines taken of each file; 0: all */
} HthEvalCut;

void hth_eval_plan_init(HthEvalPlan *plan);
void hth_eval_plan_drop(HthEvalPlan *plan);
/* Adds a file. A name that ends in .jsonl has a text per line, in its member "text"; any other
 * file is one text. Where cut->group names no group, the file's name is it. EFORMAT names file and
 * line; EINVAL: a group or a limit, and no lines; EIO, ELIMIT, ENOMEM. */
HTH_MUST_CHECK HthStatus hth_eval_plan_text(HthEvalPlan *plan, const HthEvalCut *cut,
                                            const char *path, HthErr *err);
/* Adds a file of items, one per line. */
HTH_MUST_CHECK HthStatus hth_eval_plan_choice(HthEvalPlan *plan, const HthEvalCut *cut,
                                              const char *path, HthErr *err);
/* After the last one: the digest. EFORMAT: nothing is to be scored. */
HTH_MUST_CHECK HthStatus hth_eval_plan_end(HthEvalPlan *plan, HthErr *err);

static inline uint32_t hth_eval_scored(const HthEvalSegment *s) {
    return s->n - s->first;
}

#endif
