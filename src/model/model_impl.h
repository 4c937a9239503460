/* model_impl.h - what the files of model/ share.  Private to model/.
 *
 * Thread: one owner while opening, immutable after. */
#ifndef HTH_MODEL_MODEL_IMPL_H
#define HTH_MODEL_MODEL_IMPL_H

#include "base/arena.h"
#include "base/file.h"
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
    size_t table_bytes; /* hth_model_table_bytes() */
    const HthFileMap **files; /* hth_model_files() */
    uint8_t *room; /* owned: for panels (pack.c); NULL: none */
    size_t room_bytes;
    HthFileMap panels; /* owned: MODEL.panels (panel_file.c); zero: none */
};

/* Reads and checks every size. EFORMAT: missing or absurd; ENOTSUP: real, but not ours yet. */
HTH_MUST_CHECK HthStatus hth_shape_read(HthShape *out, const HthGguf *g, const HthArch *arch,
                                        HthErr *err);
/* The checks of that; fills what follows of layers with states. */
HTH_MUST_CHECK HthStatus hth_shape_check(HthShape *s, const HthArch *arch, HthErr *err);
/* Fills tensors and weights. */
HTH_MUST_CHECK HthStatus hth_model_bind(HthModel *m, HthErr *err);
/* Gives matrices room for panels; does nothing where memory is short. mapped: the weights are in a
 * file's mapping. ENOMEM: for the tables only. */
HTH_MUST_CHECK HthStatus hth_model_pack(HthModel *m, bool mapped, HthErr *err);
/* The matrix at place i of weights if panels are for it, and the bytes they take; else NULL. */
HthWeight *hth_model_packable(const HthModel *m, size_t i, size_t *bytes);
/* Maps the panels beside the model at path, if there are any that fit. ENOMEM: for tables only. */
HTH_MUST_CHECK HthStatus hth_model_panels_open(HthModel *m, const char *path, bool *found,
                                               HthErr *err);
/* Unrolls and plans the program over the bound weights. */
HTH_MUST_CHECK HthStatus hth_model_lower(HthModel *m, HthErr *err);
/* Is the slot one of the layers' (its name has a %u)? */
bool hth_slot_in_layers(const HthArch *arch, HthSlot slot);

#endif
