/* model_impl.h - what the files of model/ share.  Private to model/.
 *
 * Thread: one owner while opening, immutable after. */
#ifndef HTH_MODEL_MODEL_IMPL_H
#define HTH_MODEL_MODEL_IMPL_H

#include "base/arena.h"
#include "model/model.h"

struct HthModel {
    HthGguf *gguf; /* owned */
    HthVocab *vocab; /* owned, may be NULL: see vocab_err */
    HthErr vocab_err;
    const HthArch *arch;
    HthShape shape;
    HthArena *arena; /* owned: everything below */
    const HthGgufTensor **tensors; /* [n_layer][HTH_W_COUNT]; layerless slots at layer 0 */
    HthWeight *weights; /* the same, resolved */
    HthProgram prog;
};

/* Reads and checks every size. EFORMAT: missing or absurd; ENOTSUP: real, but not ours yet. */
HTH_MUST_CHECK HthStatus hth_shape_read(HthShape *out, const HthGguf *g, const HthArch *arch,
                                        HthErr *err);
/* Fills tensors and weights. */
HTH_MUST_CHECK HthStatus hth_model_bind(HthModel *m, HthErr *err);
/* Unrolls and plans the program over the bound weights. */
HTH_MUST_CHECK HthStatus hth_model_lower(HthModel *m, HthErr *err);
/* Is the slot one of the layers' (its name has a %u)? */
bool hth_slot_in_layers(const HthArch *arch, HthSlot slot);

#endif
