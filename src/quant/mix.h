/* mix.h - what a name such as Q4_K_M means: which type each tensor of a model gets.
 *
 * The names and their rules are the field's: a base type, and more bits where they help most.
 *
 * Thread: any; the table is constant. */
#ifndef HTH_QUANT_MIX_H
#define HTH_QUANT_MIX_H

#include "base/str.h"
#include "gguf/gguf.h"

typedef struct HthMix {
    const char *name; /* "Q4_K_M" */
    uint32_t file_type; /* general.file_type */
    uint32_t base; /* GGUF number of the type of whatever no rule names */
} HthMix;

/* Any case; NULL: there is none of that name. */
const HthMix *hth_mix_find(const char *name);
const HthMix *hth_mix_at(size_t i); /* NULL past the last */

/* What the rules want to know of a model; zeros where it does not say. */
typedef struct HthMixModel {
    uint32_t layers, heads_per_kv, experts;
    bool tied; /* the embedding is the output matrix too */
} HthMixModel;
void hth_mix_model(HthMixModel *out, const HthGguf *g);

/* The type of a tensor: its own where it stays as it is (vectors, norms, routers, small tables and
 * types that are no numbers to round). Rows that the wished block does not divide get a neighbour's
 * smaller one, or F16. */
const HthFmt *hth_mix_type(const HthMix *mix, const HthMixModel *model, const HthGgufTensor *t);
/* What has rows and a block size to fit: the type, its fallback, or F16. */
const HthFmt *hth_mix_fit(const HthFmt *wish, uint64_t row);
/* Whether a tensor is of those that are quantised at all. */
bool hth_mix_touches(const HthGgufTensor *t);

#endif
