/* model.h - a GGUF file bound to an architecture program.
 *
 * Open = map, find the architecture, fill the shape, bind every weight slot with its dimensions
 * checked, plan.  The result never changes.
 *
 * Thread: immutable after open; any. */
#ifndef HTH_MODEL_MODEL_H
#define HTH_MODEL_MODEL_H

#include "gguf/gguf.h"
#include "hearth/hearth.h"
#include "model/arch.h"
#include "text/vocab.h"

const HthGguf *hth_model_gguf(const HthModel *model);
const HthArch *hth_model_arch(const HthModel *model);
const HthShape *hth_model_shape(const HthModel *model);
/* The tensor bound to a slot of a layer (layer 0 for layerless slots), or NULL when optional and
 * absent. A tied output returns the embedding tensor. */
const HthGgufTensor *hth_model_weight(const HthModel *model, HthSlot slot, uint32_t layer);

#endif
