/* adapter.h - a LoRA adapter as PEFT keeps it (a folder with adapter_config.json and
 * adapter_model.safetensors) to one GGUF file, for a model that is one already.
 *
 * The model's file says the architecture, and with it the family's names, the sizes that every pair
 * must have, and how many heads rows are sorted by.  What a GGUF adapter cannot say is refused by
 * name; the same folder and model give the same bytes.
 *
 * Thread: the caller's. */
#ifndef HTH_IMPORT_ADAPTER_H
#define HTH_IMPORT_ADAPTER_H

#include "import/import.h"
#include "model/adapter.h"

/* Is there an adapter_config.json in the folder? */
HTH_MUST_CHECK HthStatus hth_import_is_adapter(const char *folder, bool *is, HthErr *err);

/* base: the model's GGUF file. *said_out: what was made of it (an object: output, name, bytes,
 * architecture, matrices, rank, alpha), the caller's reference.  EFORMAT, ENOTSUP: the adapter
 * cannot be imported; EINVAL: it is not for this model, or `out` is there already; otherwise as
 * hth_import(). */
HTH_MUST_CHECK HthStatus hth_import_adapter(json_t **said_out, const char *folder, const char *base,
                                            const char *out, const HthImportOpt *opt, HthErr *err);

/* The same bytes that file would have (of the defaults: the types as they are, the folder's name),
 * appended. base: the model's file. Errors as above. */
HTH_MUST_CHECK HthStatus hth_import_adapter_bytes(HthBuf *out, const char *folder,
                                                  const HthGguf *base, HthErr *err);
/* hth_import_adapter_bytes() of a folder, as adapters are opened with; any other path is a file. */
HTH_MUST_CHECK HthStatus hth_import_adapter_make(HthBuf *out, const HthModel *model,
                                                 const char *path, bool *made, HthErr *err);

#endif
