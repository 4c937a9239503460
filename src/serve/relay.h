/* relay.h - the front's side of the two processes: requests go over, answers come back.
 *
 * It stands where a handler stands (HthHttpCfg): each request is written to the link, and a source
 * is left that reads what the engine answers.  An answer that a client does not take is not asked
 * for: at most HTH_LINK_WINDOW bytes of it are here.
 *
 * Thread: as said at each call. */
#ifndef HTH_SERVE_RELAY_H
#define HTH_SERVE_RELAY_H

#include "serve/link.h"

typedef struct HthRelay HthRelay;
typedef struct HthRelayCfg {
    const HthLinkMap *map;
    /* Loop thread, once: the engine does not keep to the protocol. A front ends then. */
    void (*broken)(void *payload, const char *sentence);
    void *payload;
    /* As HthHttpCfg.refusal, with NULL as payload. NULL: http's own words. */
    void (*refusal)(void *none, HthStr path, int status, const char *sentence, HthBuf *out);
} HthRelayCfg;
HTH_MUST_CHECK HthStatus hth_relay_open(HthRelay **out, const HthRelayCfg *cfg, HthErr *err);
/* Fills handle, upload, refusal, done, also, also_fd, payload. */
void hth_relay_cfg(HthRelay *r, HthHttpCfg *http);
void hth_relay_serve(HthRelay *r, HthHttp *http); /* after opening it: its numbers cross, too */
void hth_relay_stop(HthRelay *r); /* any thread: nobody waits for the engine; before http's close */
void hth_relay_close(HthRelay **r); /* after http's close */

#endif
