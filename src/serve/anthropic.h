/* anthropic.h - what Anthropic's reader and face share.
 *
 * Thread: as ask.h. */
#ifndef HTH_SERVE_ANTHROPIC_H
#define HTH_SERVE_ANTHROPIC_H

#include "serve/ask.h"

HthStatus hth_anthropic_open(HthFace **out, const HthAsk *ask, const HthFacts *facts, HthErr *err);
/* {"type": "error", "error": {type, message}} */
HthStatus hth_anthropic_error(int status, const HthErr *e, HthBuf *out);

#endif
