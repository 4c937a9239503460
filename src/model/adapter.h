/* adapter.h - LoRA adapters: low-rank matrices beside a model's own, bound to its program.
 *
 * A GGUF file with general.type "adapter" and adapter.type "lora": the model's architecture,
 * adapter.lora.alpha, and for each matrix it changes two tensors, NAME.lora_a [cols][rank] and
 * NAME.lora_b [rank][rows] (docs/formats/adapter.md).  Everything is checked against the model and
 * turned to floats when it is opened; a tensor that would have no effect is refused, not passed
 * over.  What is added to a row is op/adapter.h's.
 *
 * Thread: immutable after open; any. */
#ifndef HTH_MODEL_ADAPTER_H
#define HTH_MODEL_ADAPTER_H

#include "hearth/hearth.h"
#include "model/model.h"
#include "op/adapter.h"

enum { HTH_ADAPTER_RANK_MAX = 4096 };
#define HTH_ADAPTER_FILE_MAX ((size_t)1 << 36) /* bytes of a file made in memory */

const HthAdapterParts *hth_adapter_parts(const HthAdapter *adapter);
const HthGguf *hth_adapter_gguf(const HthAdapter *adapter); /* its file, for digests and names */
size_t hth_adapter_bytes(const HthAdapter *adapter); /* held in memory */

/* Of a path that is no GGUF file (a folder, say) the bytes of one, appended to *out; *made false:
 * it is one. Somebody above has such a function; NULL: every path is a file. */
typedef HthStatus HthAdapterMake(HthBuf *out, const HthModel *model, const char *path, bool *made,
                                 HthErr *err);
/* As hth_adapter_open(); bytes that were made are held with it. */
HTH_MUST_CHECK HthStatus hth_adapter_open_made(HthAdapter **out, const HthModel *model,
                                               const char *path, HthAdapterMake *make, HthErr *err);
/* The first half of that: the file's tables are read and checked against the model, its values are
 * not taken, and it cannot be laid over anything yet. *need: what hth_adapter_bytes() will be; it
 * is what is held so far (bytes that were made). Errors as hth_adapter_open(), but for those of
 * values. Close it. */
HTH_MUST_CHECK HthStatus hth_adapter_begin(HthAdapter **out, size_t *need, const HthModel *model,
                                           const char *path, HthAdapterMake *make, HthErr *err);
/* The second half, of the same model: its values. A failure leaves it to be closed. */
HTH_MUST_CHECK HthStatus hth_adapter_finish(HthAdapter *adapter, const HthModel *model,
                                            HthErr *err);

typedef struct HthAdapterFacts {
    uint32_t matrices; /* how many of the model's it changes */
    uint32_t rank_min, rank_max;
    float alpha;
} HthAdapterFacts;
HthAdapterFacts hth_adapter_facts(const HthAdapter *adapter);

/* uses: of this model, each adapter once, scales finite; those of scale 0 are left out. EINVAL. */
HTH_MUST_CHECK HthStatus hth_adapter_set(HthAdapterSet *out, const HthModel *model,
                                         const HthAdapterUse *uses, uint32_t count, HthErr *err);
/* Bytes that the adapters of these uses hold, and floats of scratch a row needs for them. */
void hth_adapter_cost(const HthModel *model, const HthAdapterUse *uses, uint32_t count,
                      size_t *bytes, size_t *width);

#endif
