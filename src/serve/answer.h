/* answer.h - one exchange that draws words: ask, prompt, jobs, and the answer in its API's manner.
 *
 * The ask is read, its prompt rendered and its jobs submitted on a prep thread; from then on the
 * exchange is a source (http.h) that turns the jobs' events into bytes when the client can take
 * them.  When the client leaves, its jobs end with the step they are in.
 *
 * Thread: as said. */
#ifndef HTH_SERVE_ANSWER_H
#define HTH_SERVE_ANSWER_H

#include "serve/house_in.h"

/* Prep thread: answers x, or leaves a source that will. */
void hth_answer_start(HthHouse *h, HthX *x, const HthApi *api, const HthWho *who);

#endif
