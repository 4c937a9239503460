/* ollama.h - what Ollama's readers and faces share.
 *
 * Thread: as ask.h. */
#ifndef HTH_SERVE_OLLAMA_H
#define HTH_SERVE_OLLAMA_H

#include "serve/ask.h"

HthStatus hth_ollama_open_chat(HthFace **out, const HthAsk *ask, const HthFacts *facts,
                               HthErr *err);
HthStatus hth_ollama_open_generate(HthFace **out, const HthAsk *ask, const HthFacts *facts,
                                   HthErr *err);
HthStatus hth_ollama_open_embed(HthFace **out, const HthAsk *ask, const HthFacts *facts,
                                HthErr *err);
HthStatus hth_ollama_open_embedding(HthFace **out, const HthAsk *ask, const HthFacts *facts,
                                    HthErr *err);
HthStatus hth_ollama_error(int status, const HthErr *e, HthBuf *out); /* {"error": "..."} */

#endif
