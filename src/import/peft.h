/* peft.h - what adapter_config.json says, and which tensor changes which matrix.
 *
 * Private to import.
 *
 * Thread: any. */
#ifndef HTH_IMPORT_PEFT_H
#define HTH_IMPORT_PEFT_H

#include "base/json.h"
#include "gguf/gguf.h"
#include "import/family.h"
#include "import/safetensors.h"

typedef struct HthPeft {
    float alpha;
    bool root; /* what is added is divided by the root of the rank, not by the rank (rsLoRA) */
} HthPeft;

/* ENOTSUP: it adds something else, or more; EFORMAT. */
HTH_MUST_CHECK HthStatus hth_peft_read(HthPeft *out, const json_t *config, HthErr *err);

/* The two matrices that change one of the model's. */
typedef struct HthPair {
    const HthFamilyTensor *row; /* of the family's tables */
    uint32_t layer;
    const HthSafeTensor *a, *b;
    char name[64]; /* the model's tensor, in its GGUF file */
    uint32_t rank, rows, cols; /* of the model's tensor: what comes out, what goes in */
    uint32_t heads; /* that rows are sorted by; 0: they stay in their order */
    bool lookup; /* the embedding's: A [rank][tokens] */
} HthPair;

typedef struct HthPairs {
    HthPair *pairs; /* [count] owned; in the order of the tables, layer by layer */
    size_t count;
    const char *arch;
    uint32_t rank_min, rank_max;
} HthPairs;

/* Every tensor of the file is half of a pair for a matrix that the model has, in its shape. Drop
 * *out. EINVAL: it is for another model; ENOTSUP: another tensor, a family that is not imported;
 * EFORMAT, ENOMEM. */
HTH_MUST_CHECK HthStatus hth_peft_pairs(HthPairs *out, const HthSafe *file, const HthGguf *base,
                                        HthErr *err);
void hth_peft_drop(HthPairs *p);

#endif
