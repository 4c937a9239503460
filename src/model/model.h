/* model.h - a GGUF file bound to an architecture program.
 *
 * Open = map, find the architecture, fill the shape, bind every weight slot with its dimensions
 * checked, plan.  The result never changes.
 *
 * Thread: immutable after open; any. */
#ifndef HTH_MODEL_MODEL_H
#define HTH_MODEL_MODEL_H

#include "base/file.h"
#include "gguf/gguf.h"
#include "hearth/hearth.h"
#include "model/arch.h"
#include "op/program.h"
#include "text/vocab.h"

const HthGguf *hth_model_gguf(const HthModel *model);
const HthArch *hth_model_arch(const HthModel *model);
const HthShape *hth_model_shape(const HthModel *model);
const HthProgram *hth_model_program(const HthModel *model); /* unrolled and planned */
/* OK where it has next words; ENOTSUP, with a sentence that says what it has instead: an encoder,
 * or a model that ranks. */
HTH_MUST_CHECK HthStatus hth_model_speaks(const HthModel *model, HthErr *err);
/* Every matrix of the layers is F32, F16 or BF16: nothing was quantised. */
bool hth_model_is_float(const HthModel *model);
/* Bytes of the tensors the program reads; a tied output counts once. */
size_t hth_model_weight_bytes(const HthModel *model);
/* Bytes of the panels there is room for (op/packed.h); 0: none will be made. */
size_t hth_model_pack_bytes(const HthModel *model);
/* Of these, bytes that stand beside their rows: those somebody else reads, or that are in no file.
 * The others take their rows' place. */
size_t hth_model_pack_beside(const HthModel *model);
size_t hth_model_packed_bytes(const HthModel *model); /* made so far */
/* Beside the weights: the tokenizer, names, tables and vectors on the heap, and what of the file is
 * no tensor. All of it is there once the model is open. */
size_t hth_model_table_bytes(const HthModel *model);
/* The same bytes as hth_model_weight_bytes(), by what they are for. */
typedef enum HthWeightClass {
    HTH_WEIGHTS_EMBED,
    HTH_WEIGHTS_ATTEND,
    HTH_WEIGHTS_FORWARD,
    HTH_WEIGHTS_EXPERT,
    HTH_WEIGHTS_OUTPUT,
    HTH_WEIGHTS_VECTOR, /* norms, biases, scales */
    HTH_WEIGHTS_COUNT
} HthWeightClass;
const char *hth_weight_class_name(HthWeightClass which);
void hth_model_class_bytes(const HthModel *model, size_t out[HTH_WEIGHTS_COUNT]);
/* The mapped files its matrices are in, panels included; the last is NULL. NULL: they stay in
 * memory, locked or as panels of their own. */
const HthFileMap *const *hth_model_files(const HthModel *model);
/* HTH_OK where hth_model_vocab() is there, otherwise the reason: the file has no tokenizer, or one
 * hearth does not know (the model still computes). */
HTH_MUST_CHECK HthStatus hth_model_vocab_status(const HthModel *model, HthErr *err);
/* Does the program read this tensor? */
bool hth_model_uses(const HthModel *model, const HthGgufTensor *tensor);
/* The tensor bound to a slot of a layer (layer 0 for layerless slots), or NULL when optional and
 * absent. A tied output returns the embedding tensor. */
const HthGgufTensor *hth_model_weight(const HthModel *model, HthSlot slot, uint32_t layer);

#endif
