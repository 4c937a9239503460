/* docs.h - the documents of a source, one by one, as the text a model shall learn.
 *
 * Thread: any; the callback runs on the caller. */
#ifndef HTH_TUNE_DOCS_H
#define HTH_TUNE_DOCS_H

#include "tune/recipe.h"

/* doc is borrowed for the call; it holds no document separator. */
typedef HthStatus HthDocFn(void *ctx, HthStr doc, HthErr *err);

/* Files in name order, documents in file order; the same for the same files. EIO when no file
 * matches. */
HTH_MUST_CHECK HthStatus hth_docs_each(const HthRecipe *r, const HthSource *s, const char *corpus,
                                       HthDocFn *fn, void *ctx, HthErr *err);
/* The same over one file's bytes. */
HTH_MUST_CHECK HthStatus hth_docs_parse(const HthRecipe *r, const HthSource *s, HthStr bytes,
                                        HthDocFn *fn, void *ctx, HthErr *err);

#endif
