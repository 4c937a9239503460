/* llamacpp.h - what the readers and faces of llama.cpp's own endpoints share.
 *
 * Thread: as ask.h. */
#ifndef HTH_SERVE_LLAMACPP_H
#define HTH_SERVE_LLAMACPP_H

#include "serve/ask.h"

HthStatus hth_llamacpp_open(HthFace **out, const HthAsk *ask, const HthFacts *facts, HthErr *err);
HthStatus hth_llamacpp_error(int status, const HthErr *e, HthBuf *out); /* {"error": {code, ...}} */

#endif
