/* weights.h - all tensors of a model: one file, or many and their index.
 *
 * model.safetensors.index.json says which file holds which tensor; where there is none it is
 * model.safetensors.  Index and files must agree: no tensor missing, twice, or unnamed.  Private to
 * import.
 *
 * Thread: immutable after open; any. */
#ifndef HTH_IMPORT_WEIGHTS_H
#define HTH_IMPORT_WEIGHTS_H

#include "import/folder.h"
#include "import/safetensors.h"

enum { HTH_IMPORT_FILES_MAX = 1024 };

typedef struct HthWeights HthWeights;

/* EFORMAT, ENOTSUP: the folder has weights of another kind; ELIMIT, EDENIED, EIO, ENOMEM. */
HTH_MUST_CHECK HthStatus hth_weights_open(HthWeights **out, const HthImportFolder *folder,
                                          HthErr *err);
void hth_weights_close(HthWeights **w);

size_t hth_weights_files(const HthWeights *w);
size_t hth_weights_count(const HthWeights *w);
const HthSafeTensor *hth_weights_at(const HthWeights *w, size_t i);
/* The place of a tensor; count: there is none of that name. */
size_t hth_weights_find(const HthWeights *w, HthStr name);
/* n bytes of tensor i at p are done with. Advice. */
void hth_weights_let_go(const HthWeights *w, size_t i, const uint8_t *p, size_t n);

#endif
