/* pooling.h - how a text's rows become one vector, as the folders of sentence-transformers say it:
 * modules.json, and what stands in the folders it names.
 *
 * Private to import.
 *
 * Thread: any. */
#ifndef HTH_IMPORT_POOLING_H
#define HTH_IMPORT_POOLING_H

#include "import/config.h"
#include "import/folder.h"

/* Sets c's pooling, cut and lower; without modules.json nothing. A model that ranks has its own.
 * ENOTSUP: something that a GGUF file cannot say; EFORMAT; EDENIED: a name leads out. */
HTH_MUST_CHECK HthStatus hth_import_pooling(HthConfig *c, const HthImportFolder *folder,
                                            HthErr *err);

/* The same of what is parsed already. modules: the list in modules.json; *path_out: the folder of
 * its pooling, borrowed, empty where there is none. */
HTH_MUST_CHECK HthStatus hth_import_pooling_in(const json_t *modules, HthStr *path_out,
                                               HthErr *err);
HTH_MUST_CHECK HthStatus hth_import_pooling_of(const json_t *config, uint32_t n_embd, uint32_t *out,
                                               HthErr *err);

#endif
