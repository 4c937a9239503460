/* house_trail.c - which exchanges the audit log tells of, from the house's side; see evidence.h.
 *
 * Told of: whatever needs a credential, and logging in and out.  Not told of, unless it is refused:
 * what anybody may read (health, the page, the version).
 *
 * Thread: beginning: a prep thread; the end: the loop thread. */
#include "base/rng.h"
#include "serve/house_in.h"

void hth_house_id(char out[HTH_TRAIL_ID]) {
    static const char hex[] = "0123456789abcdef";
    for (int half = 0; half < 2; half++) {
        const uint64_t bits = hth_rng_entropy();
        for (int i = 0; i < 16; i++) out[16 * half + i] = hex[bits >> (4 * i) & 15];
    }
    out[HTH_TRAIL_ID - 1] = 0;
}

static bool is_told_of(HthRouteId at) {
    return hth_policy[at].verb || at == HTH_ROUTE_LOGIN || at == HTH_ROUTE_ENTER ||
           at == HTH_ROUTE_LOGOUT;
}

static HthTrailCfg about(const HthX *x) {
    const HthNote *note = hth_x_noted(x);
    return (HthTrailCfg){ .user = hth_str(note->user),
                          .method = hth_x_method(x),
                          .route = note->route };
}

bool hth_house_trail(HthHouse *h, HthX *x, const HthWho *who, HthRouteId at, bool draws) {
    HthNote *note = hth_x_note(x);
    HthErr err = { 0 };
    HthTrail *t = NULL;
    HthTrailCfg cfg = about(x);
    const HthTrailAsk ask = { 0 };
    if (who->grant.key_id) cfg.key = hth_str(who->grant.key_name);
    if (!h->cfg.evidence || !is_told_of(at)) return true;
    hth_house_id(cfg.id);
    HthStatus status = hth_evidence_well(h->cfg.evidence, &err);
    if (status == HTH_OK) status = hth_trail_open(&t, h->cfg.evidence, &cfg, &err);
    note->trail = t;
    if (status == HTH_OK && !draws) status = hth_trail_accept(t, &ask, &err);
    if (status == HTH_OK) return true;
    hth_reply_error(x, 503, &err);
    hth_auth_end(h->cfg.auth, who, 0);
    return false;
}

void hth_house_trail_end(HthHouse *h, const HthX *x) {
    const HthXResult result = hth_x_result(x);
    HthTrail *t = hth_x_noted(x)->trail;
    const HthTrailCfg cfg = about(x);
    if (!h->cfg.evidence) return;
    if (!hth_trail_accepted(t)) {
        if (result.status >= 400)
            hth_evidence_refused(h->cfg.evidence, &cfg, (uint32_t)result.status);
    } else if (!hth_trail_finished(t) && result.status) {
        const HthTrailEnd end = { .finish = hth_str(result.status < 400 ? "done" : "error"),
                                  .status = (uint32_t)result.status };
        (void)hth_trail_finish(t, &end, 1, NULL, NULL, NULL);
    }
    hth_trail_close(&t);
}
