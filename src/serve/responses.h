/* responses.h - what the Responses reader and face share.
 *
 * Thread: as ask.h. */
#ifndef HTH_SERVE_RESPONSES_H
#define HTH_SERVE_RESPONSES_H

#include "serve/ask.h"

HthStatus hth_responses_open(HthFace **out, const HthAsk *ask, const HthFacts *facts, HthErr *err);

#endif
