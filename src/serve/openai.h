/* openai.h - what the OpenAI faces lend to each other and to llama.cpp's.
 *
 * Thread: as ask.h. */
#ifndef HTH_SERVE_OPENAI_H
#define HTH_SERVE_OPENAI_H

#include "serve/ask.h"
#include "serve/json_out.h"

HthStatus hth_openai_read_chat(json_t *body, HthAsk *out, HthErr *err);
HthStatus hth_openai_open(HthFace **out, const HthAsk *ask, const HthFacts *facts, HthErr *err);
/* {"error": {message, type, param, code}} */
HthStatus hth_openai_error(int status, const HthErr *e, HthBuf *out);
void hth_openai_error_object(HthOut *o, int status, const HthErr *e); /* the inner object */

#endif
