/* evidence_in.h - what the files of evidence share; private to them.
 *
 * Thread: as evidence.h. */
#ifndef HTH_SERVE_EVIDENCE_IN_H
#define HTH_SERVE_EVIDENCE_IN_H

#include "audit/log.h"
#include "base/thread.h"
#include "serve/evidence.h"

typedef struct HthTicket HthTicket;
typedef struct HthTicketEntry { /* one entry of a ticket */
    HthTicket *ticket;
    uint64_t index; /* in the log */
    HthBuf entry, proof; /* where proofs are wanted */
} HthTicketEntry;

/* Held by the log until its entries are on disk, by the prover while it proves, and by the trail
 * until that is closed; the last one frees it.  Behind the gate, all of it but entries and proofs,
 * which are the holder's of the moment. */
struct HthTicket {
    HthEvidence *e;
    void (*wake)(void *payload);
    void *payload;
    size_t pending; /* entries that the log still holds */
    HthStatus status; /* the first that failed */
    bool left; /* the trail is closed */
    bool prove; /* proofs are wanted, and not there yet */
    HthTicket *next; /* that waits for the prover */
    size_t count;
    HthTicketEntry slots[]; /* [count] */
};

struct HthEvidence {
    HthAudit *log;
    char *folder; /* owned */
    HthContent content;
    HthContentKeys keys;
    HthGate *gate; /* of all below, and of tickets */
    HthErr failed; /* the first time the log said no; status HTH_OK: it never did */
    bool events_sure; /* whatever waits in the file of users is not in the log */
    uint64_t refused_s; /* the second that is counted, and refusals in it */
    uint32_t refused;
    HthThread *prover; /* NULL: nobody wanted a proof yet */
    HthTicket *proving; /* wait for it, the last one first */
    bool stop;
};

HTH_MUST_CHECK HthStatus hth_evidence_put_waiting(HthEvidence *e, const HthEntry *entry,
                                                  HthErr *err);

/* evidence_proof.c */
HTH_MUST_CHECK HthStatus hth_evidence_prover(HthEvidence *e, HthErr *err); /* starts it, once */
void hth_evidence_prover_stop(HthEvidence *e); /* what waits is told that there will be none */
void hth_ticket_free(HthTicket *ticket);

/* Inside the gate: what became of an entry. */
void hth_evidence_hear(HthEvidence *e, HthStatus status);
/* Takes the entry, with what lies beside it. done NULL: nobody waits. As hth_audit_append;
 * where nothing can be refused any more a failure is hth_evidence_well's to tell. */
HthStatus hth_evidence_put(HthEvidence *e, const HthEntry *entry, HthStr sealed, HthAuditDone done,
                           void *payload, HthErr *err);

#endif
