/* far.h - the engine's side of the two processes: requests arrive from a front, answers go there.
 *
 * What http.h gives a handler, without a socket: the same exchanges (HthX), the same helper
 * threads, the same sources, which a loop thread asks for bytes while the client takes them.
 *
 * Thread: as said at each call. */
#ifndef HTH_SERVE_FAR_H
#define HTH_SERVE_FAR_H

#include "serve/link.h"

typedef struct HthFar HthFar;
typedef struct HthFarCfg {
    const HthLinkMap *map;
    uint32_t prep_threads; /* 0: 4 */
    uint32_t requests_waiting_max; /* 0: 256 */
    size_t body_max, bodies_max; /* bytes of one, of all; 0: 64 MiB, 1 GiB */
    /* As in HthHttpCfg; upload may be NULL. */
    void (*handle)(void *payload, HthX *x);
    void (*upload)(void *payload, HthX *x);
    void (*refusal)(void *payload, HthStr path, int status, const char *sentence, HthBuf *out);
    void (*done)(void *payload, const HthX *x);
    /* Loop thread, once: the front does not keep to the protocol. An engine ends then. */
    void (*broken)(void *payload, const char *sentence);
    void *payload;
} HthFarCfg;

HTH_MUST_CHECK HthStatus hth_far_open(HthFar **out, const HthFarCfg *cfg, HthErr *err);
void hth_far_close(HthFar **f); /* cuts what is still open */
HthHttpStats hth_far_stats(const HthFar *f); /* the front's numbers, as it says; any thread */

#endif
