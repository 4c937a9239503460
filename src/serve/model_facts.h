/* model_facts.h - what a model file says of itself, for lists and for `show`.
 *
 * The only place of this floor that opens model files; they are untrusted, and reading them checks
 * everything (gguf/gguf.h).
 *
 * Thread: any. */
#ifndef HTH_SERVE_MODEL_FACTS_H
#define HTH_SERVE_MODEL_FACTS_H

#include "gguf/gguf.h"
#include "serve/json_out.h"
#include "vault/store.h"

/* An HthModelFactsFn: give it to hth_store_open. payload is not used. */
HthStatus hth_model_facts(void *payload, const char *path, HthStr memory, HthModelFacts *out,
                          HthErr *err);

/* Opens what a stored model is; EFORMAT with its error when it is none. */
HTH_MUST_CHECK HthStatus hth_model_facts_open(HthGguf **out, const HthStored *model, HthErr *err);
/* An object of the metadata, but for the name and the template; arrays of more than five elements
 * are empty unless verbose. */
void hth_model_facts_info(HthOut *o, const HthGguf *g, const HthModelFacts *facts, bool verbose);
/* [{name, type, shape}] */
void hth_model_facts_tensors(HthOut *o, const HthGguf *g);
HthStr hth_model_facts_text(const HthGguf *g, const char *key); /* empty: absent, or no text */

#endif
