/* evidence.h - what the running server writes into the audit log, and when somebody may be told.
 *
 * An exchange has a trail: `accepted` before anything is done, `finished` at its end.  The last
 * byte of an answer goes out when its `finished` entries are on disk (hth_trail_look); an exchange
 * whose `accepted` cannot be taken is not begun.  What was never accepted is `refused`.  Nobody
 * waits on a thread of the server: the log's scribe wakes the exchange.
 *
 * Of texts the log says what `content` allows, under the key of the user who asked.
 *
 * Thread: any, but opening and closing; a trail belongs to its exchange. */
#ifndef HTH_SERVE_EVIDENCE_H
#define HTH_SERVE_EVIDENCE_H

#include "audit/content.h"
#include "vault/users.h"

typedef struct HthEvidence HthEvidence;

typedef struct HthEvidenceCfg {
    struct HthAudit *log; /* audit/log.h; taken over, also on failure */
    const char *folder; /* it lies in */
    HthContent content;
    HthContentKeys keys; /* used from any thread; not needed with HTH_CONTENT_NONE */
    const char *cage; /* its state in a few words: "none" */
    const uint8_t *cage_test; /* [HTH_HASH_BYTES] of its self-test; NULL: none */
} HthEvidenceCfg;

/* Writes `start`, and waits until it is on disk. EIO, ENOMEM. Main thread, as close. */
HTH_MUST_CHECK HthStatus hth_evidence_open(HthEvidence **out, const HthEvidenceCfg *cfg,
                                           HthErr *err);
/* Writes `stop`. There are no trails any more. err says what could not be written. */
HthStatus hth_evidence_close(HthEvidence **e, HthErr *err);
/* EIO: the disk refused, and nothing is accepted any more. */
HTH_MUST_CHECK HthStatus hth_evidence_well(HthEvidence *e, HthErr *err);

/* e is NULL: nothing is recorded, HTH_OK.  Not waited for; fails as hth_audit_append. */
HTH_MUST_CHECK HthStatus hth_evidence_reloaded(HthEvidence *e, HthErr *err);
/* sha256: hexadecimal, of the model's file; "": not known. */
HTH_MUST_CHECK HthStatus hth_evidence_loaded(HthEvidence *e, HthStr model, const char *sha256,
                                             HthErr *err);
void hth_evidence_unloaded(HthEvidence *e, HthStr model);
/* Tells of what was changed in the file of users since the last time, and waits for the disk. One
 * thread at a time. */
HTH_MUST_CHECK HthStatus hth_evidence_users(HthEvidence *e, HthUsers *users, HthErr *err);

/* ---- one exchange ---------------------------------------------------------------------------- */

typedef struct HthTrail HthTrail;
enum { HTH_TRAIL_ID = 33 }; /* hexadecimal, with NUL */

typedef struct HthTrailCfg {
    HthStr user, key; /* names, copied; empty: not known, none */
    HthStr method, route; /* the route table's words; borrowed */
    char id[HTH_TRAIL_ID]; /* of the request */
} HthTrailCfg;
HTH_MUST_CHECK HthStatus hth_trail_open(HthTrail **out, HthEvidence *e, const HthTrailCfg *cfg,
                                        HthErr *err);
/* What was accepted and never finished is finished now, as "left". */
void hth_trail_close(HthTrail **t);

typedef struct HthTrailAsk {
    HthStr model;
    HthStr adapters; /* that lie over it: "SHA3-256*scale ..."; empty: none */
    uint64_t prompt_tokens;
    HthStr text; /* of the prompt as the model sees it; empty: nothing is said of it */
} HthTrailAsk;
/* Any failure: it must not be begun. A subject's first key is made here, on disk. */
HTH_MUST_CHECK HthStatus hth_trail_accept(HthTrail *t, const HthTrailAsk *ask, HthErr *err);

typedef struct HthTrailEnd { /* of one answer */
    HthStr finish; /* "stop", "length", ..., "left", "error", "done" */
    HthStr model, adapters; /* as HthTrailAsk */
    const uint8_t *output; /* [HTH_HASH_BYTES] digest of the answer's token ids; NULL: none */
    uint64_t prompt_tokens, output_tokens;
    uint32_t status; /* 0: as it should be */
    HthStr text;
} HthTrailEnd;
/* Once.  wake: on the log's thread, when there is something to look at, and not after
 * hth_trail_unwatch or the trail's end; NULL: nobody looks, and a failure is
 * hth_evidence_well's to tell. */
HthStatus hth_trail_finish(HthTrail *t, const HthTrailEnd *ends, size_t n,
                           void (*wake)(void *payload), void *payload, HthErr *err);
/* Who would be woken is about to be freed: after this nobody is. NULL is fine. */
void hth_trail_unwatch(HthTrail *t);
/* EAGAIN: on their way; HTH_OK: on disk, all of them; EIO: they never will be. */
HTH_MUST_CHECK HthStatus hth_trail_look(const HthTrail *t, HthErr *err);
/* From now on the ends are proved, too, before anybody is woken: that each is in the log, as a
 * .tlog-proof of its SHA-256 tree. Before hth_trail_finish. ENOMEM. */
HTH_MUST_CHECK HthStatus hth_trail_prove(HthTrail *t, HthErr *err);
HthStr hth_trail_proof(const HthTrail *t, size_t which); /* after hth_trail_look's HTH_OK */
const char *hth_trail_id(const HthTrail *t);
bool hth_trail_accepted(const HthTrail *t); /* NULL: no */
bool hth_trail_finished(const HthTrail *t);

/* An exchange that was never accepted; all of about may be empty. Not waited for, and of so many in
 * one second that they would fill a disk only counted. */
void hth_evidence_refused(HthEvidence *e, const HthTrailCfg *about, uint32_t status);

#endif
