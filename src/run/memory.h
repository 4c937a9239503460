/* memory.h - what a model at work holds in memory, by what it is for.
 *
 * The sums that open a session or an engine are these: whoever plans reads them before anything is
 * taken.  Counted is what is resident at most: once every page of the cache has been used, every
 * weight read.  Not counted is the program itself (its code, its libraries, its stacks).
 *
 * Thread: any. */
#ifndef HTH_RUN_MEMORY_H
#define HTH_RUN_MEMORY_H

#include "hearth/hearth.h"
#include "op/paging.h"

typedef enum HthMemoryPart {
    HTH_MEMORY_WEIGHTS, /* of the file, where they lie or rearranged in their place */
    HTH_MEMORY_PANELS, /* rearranged, beside the file's */
    HTH_MEMORY_TABLES, /* tokenizer, names, vectors: there once the model is open */
    HTH_MEMORY_ADAPTERS, /* there once they are open */
    HTH_MEMORY_CACHE, /* keys and values */
    HTH_MEMORY_SCRATCH,
    HTH_MEMORY_LOGITS, /* and room to draw from them */
    HTH_MEMORY_LISTS, /* of who waits, whose the pages are, and of tokens */
    HTH_MEMORY_COUNT
} HthMemoryPart;
const char *hth_memory_name(HthMemoryPart part); /* "weights" */

typedef struct HthMemory {
    uint64_t bytes[HTH_MEMORY_COUNT];
} HthMemory;

uint64_t hth_memory_total(const HthMemory *m);
/* The parts that come with the model, whoever runs it: weights, panels, tables. */
void hth_memory_of_model(HthMemory *m, const HthModel *model, bool no_pack);
/* Which weights stay where a plan's other parts are taken (paging.h). */
void hth_memory_paging(HthPagingPlan *out, const HthMemory *m, const HthModel *model);

#endif
