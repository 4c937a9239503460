/* panel_file.h - a model's panels on disk, beside the model: MODEL.panels.
 *
 * docs/formats/panels.md.  The file is a permutation of the model's matrices, mapped when the model
 * opens, so that nothing is packed in memory and processes share it.
 *
 * Thread: write and verify: any, the model is immutable. */
#ifndef HTH_MODEL_PANEL_FILE_H
#define HTH_MODEL_PANEL_FILE_H

#include "model/model.h"

/* Called now and then with bytes done and in all; nonzero stops with HTH_ECANCELED. May be NULL. */
typedef int HthPanelProgress(size_t done, size_t total);

/* "MODEL.panels"; ELIMIT: the path is too long. */
HTH_MUST_CHECK HthStatus hth_panels_path(char *out, size_t n, const char *model, HthErr *err);
/* Writes the file: whole or not at all. ENOTSUP: the model has no matrix that panels are for. */
HTH_MUST_CHECK HthStatus hth_panels_write(const HthModel *model, const char *path,
                                          HthPanelProgress *progress, HthErr *err);
/* Unpacks every panel and compares it with the model, byte for byte. EFORMAT: not the same, or not
 * made from this file. */
HTH_MUST_CHECK HthStatus hth_panels_verify(const HthModel *model, const char *path,
                                           HthPanelProgress *progress, HthErr *err);

#endif
