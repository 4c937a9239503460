/* evidence_proof.c - proofs that entries are in the log: a thread that signs and reads, for many at
 * once.
 *
 * A proof needs a signed checkpoint that covers its entry.  Whoever waits shares one: while it is
 * made, others gather for the next.
 *
 * Thread: the prover's; starting and stopping as said. */
#include "audit/verify.h"
#include "base/mem.h"
#include "serve/evidence_in.h"

void hth_ticket_free(HthTicket *ticket) {
    for (size_t i = 0; i < ticket->count; i++) {
        hth_buf_drop(&ticket->slots[i].entry);
        hth_buf_drop(&ticket->slots[i].proof);
    }
    hth_free(ticket);
}

static HthStatus prove(const HthEvidence *e, HthTicket *ticket, HthErr *err) {
    for (size_t i = 0; i < ticket->count; i++) {
        HthTicketEntry *s = &ticket->slots[i];
        HTH_TRY(hth_audit_prove_entry(&s->proof, e->folder, HTH_SHA256, s->index,
                                      hth_buf_str(&s->entry), err));
    }
    return HTH_OK;
}

static void tell(HthTicket *ticket, HthStatus status) {
    HthGate *gate = ticket->e->gate;
    hth_gate_enter(gate);
    ticket->prove = false;
    ticket->status = status;
    const bool left = ticket->left;
    if (!left && ticket->wake) ticket->wake(ticket->payload);
    hth_gate_leave(gate);
    if (left) hth_ticket_free(ticket);
}

static void prover_main(void *evidence) {
    HthEvidence *e = evidence;
    for (;;) {
        HthErr err = { 0 };
        hth_gate_enter(e->gate);
        while (!e->proving && !e->stop) hth_gate_wait(e->gate, UINT64_MAX);
        HthTicket *list = e->proving;
        const bool stop = e->stop;
        e->proving = NULL;
        hth_gate_leave(e->gate);
        if (stop && !list) return;
        const HthStatus signed_now = hth_audit_checkpoint(e->log, &err);
        while (list) {
            HthTicket *ticket = list;
            list = ticket->next;
            tell(ticket, signed_now == HTH_OK ? prove(e, ticket, &err) : signed_now);
        }
    }
}

HthStatus hth_evidence_prover(HthEvidence *e, HthErr *err) {
    HthStatus status = HTH_OK;
    hth_gate_enter(e->gate);
    if (!e->prover) status = hth_thread_open(&e->prover, prover_main, e, err);
    hth_gate_leave(e->gate);
    return status;
}

void hth_evidence_prover_stop(HthEvidence *e) {
    if (!e->prover) return;
    hth_gate_enter(e->gate);
    e->stop = true;
    hth_gate_ring(e->gate);
    hth_gate_leave(e->gate);
    hth_thread_join(&e->prover);
}
