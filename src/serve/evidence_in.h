/* evidence_in.h - what the files of evidence share; private to them.
 *
 * Thread: as evidence.h. */
#ifndef HTH_SERVE_EVIDENCE_IN_H
#define HTH_SERVE_EVIDENCE_IN_H

#include "audit/log.h"
#include "base/thread.h"
#include "serve/evidence.h"

struct HthEvidence {
    HthAudit *log;
    HthContent content;
    HthContentKeys keys;
    HthGate *gate; /* of all below, and of every trail's tickets */
    HthErr failed; /* the first time the log said no; status HTH_OK: it never did */
    uint64_t refused_s; /* the second that is counted, and refusals in it */
    uint32_t refused;
};

/* Inside the gate: what became of an entry. */
void hth_evidence_hear(HthEvidence *e, HthStatus status);
/* Takes the entry, with what lies beside it. done NULL: nobody waits. As hth_audit_append;
 * where nothing can be refused any more a failure is hth_evidence_well's to tell. */
HthStatus hth_evidence_put(HthEvidence *e, const HthEntry *entry, HthStr sealed, HthAuditDone done,
                           void *payload, HthErr *err);

#endif
