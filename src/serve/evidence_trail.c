/* evidence_trail.c - the trail of one exchange; see evidence.h.
 *
 * Whoever waits is woken behind the gate, so that closing means: no more wakes.
 *
 * Thread: as evidence.h. */
#include <stdio.h>

#include "audit/proof.h"
#include "base/clock.h"
#include "base/mem.h"
#include "serve/evidence_in.h"

enum { TRAIL_NAME = 128 };

struct HthTrail {
    HthEvidence *e;
    HthTrailCfg cfg; /* names in: */
    char user[TRAIL_NAME], key[TRAIL_NAME];
    HthTicket *ticket; /* NULL: not finished yet, or nothing to wait for */
    bool accepted, finished, prove;
};

enum { REFUSED_MAX = 100 /* recorded in one second: nobody fills a disk by knocking */ };

/* ---- opening --------------------------------------------------------------------------------- */

HthStatus hth_trail_open(HthTrail **out, HthEvidence *e, const HthTrailCfg *cfg, HthErr *err) {
    HthTrail *t = hth_calloc(1, sizeof *t);
    HTH_REQUIRE(t, err, HTH_ENOMEM, "no memory for an entry of the log");
    t->e = e;
    t->cfg = *cfg;
    snprintf(t->user, sizeof t->user, "%.*s", HTH_STR_ARG(cfg->user));
    snprintf(t->key, sizeof t->key, "%.*s", HTH_STR_ARG(cfg->key));
    t->cfg.user = hth_str(t->user);
    t->cfg.key = hth_str(t->key);
    *out = t;
    return HTH_OK;
}

static void leave(HthTrail *t) {
    HthTicket *ticket = t->ticket;
    HthEvidence *e = t->e;
    if (!ticket) return;
    hth_gate_enter(e->gate);
    ticket->left = true;
    const bool last = ticket->pending == 0 && !ticket->prove;
    hth_gate_leave(e->gate);
    if (last) hth_ticket_free(ticket);
    t->ticket = NULL;
}

void hth_trail_close(HthTrail **trail) {
    HthTrail *t = *trail;
    if (!t) return;
    const HthTrailEnd end = { .finish = HTH_STR("left") };
    if (t->accepted && !t->finished) (void)hth_trail_finish(t, &end, 1, NULL, NULL, NULL);
    leave(t);
    hth_free(t);
    *trail = NULL;
}

/* ---- tickets --------------------------------------------------------------------------------- */

/* Inside the gate: n entries more are on disk, or never will be. True: free it, outside. */
static bool count_down(HthTicket *ticket, size_t n, HthStatus status) {
    if (status != HTH_OK && ticket->status == HTH_OK) ticket->status = status;
    ticket->pending -= n;
    if (ticket->pending) return false;
    if (ticket->left || ticket->status != HTH_OK) ticket->prove = false;
    if (ticket->prove) {
        ticket->next = ticket->e->proving;
        ticket->e->proving = ticket;
        hth_gate_ring(ticket->e->gate);
        return false;
    }
    if (!ticket->left && ticket->wake) ticket->wake(ticket->payload);
    return ticket->left;
}

static void on_disk(void *payload, HthStatus status, uint64_t index) { /* the log's thread */
    HthTicketEntry *slot = payload;
    HthTicket *ticket = slot->ticket;
    HthGate *gate = ticket->e->gate;
    hth_gate_enter(gate);
    slot->index = index;
    hth_evidence_hear(ticket->e, status);
    const bool last = count_down(ticket, 1, status);
    hth_gate_leave(gate);
    if (last) hth_ticket_free(ticket);
}

/* ---- entries --------------------------------------------------------------------------------- */

static void text_if(HthEntry *e, HthEntryField field, HthStr text) {
    if (text.n) hth_entry_text(e, field, text);
}

static void number_if(HthEntry *e, HthEntryField field, uint64_t number) {
    if (number) hth_entry_number(e, field, number);
}

static void begin(HthEntry *e, HthEntryType type, const HthTrailCfg *cfg) {
    hth_entry_begin(e, type);
    text_if(e, HTH_FIELD_REQUEST, hth_str(cfg->id));
    text_if(e, HTH_FIELD_USER, cfg->user);
    text_if(e, HTH_FIELD_KEY, cfg->key);
}

/* "POST /api/chat"; room: 64 bytes. */
static HthStr route(const HthTrailCfg *cfg, char room[64]) {
    const int n =
        snprintf(room, 64, "%.*s %.*s", HTH_STR_ARG(cfg->method), HTH_STR_ARG(cfg->route));
    return (HthStr){ room, n < 64 ? (size_t)n : 63 };
}

/* The entry, and beside it what may be said of the text. */
static HthStatus put(const HthTrail *t, HthEntry *entry, HthStr text, HthTicketEntry *slot,
                     HthErr *err) {
    HthBuf sealed;
    HthStatus status = HTH_OK;
    hth_buf_init(&sealed, (size_t)64 << 20);
    if (text.n && t->cfg.user.n && t->e->content != HTH_CONTENT_NONE)
        status =
            hth_content_put(entry, &sealed, t->e->content, t->cfg.user, text, &t->e->keys, err);
    if (status == HTH_OK && slot && slot->ticket->prove)
        status = hth_entry_write(&slot->entry, entry, err);
    if (status == HTH_OK)
        status =
            hth_evidence_put(t->e, entry, hth_buf_str(&sealed), slot ? on_disk : NULL, slot, err);
    hth_buf_drop(&sealed);
    return status;
}

HthStatus hth_trail_accept(HthTrail *t, const HthTrailAsk *ask, HthErr *err) {
    HthEntry entry;
    char room[64];
    HTH_ASSERT(!t->accepted);
    begin(&entry, HTH_ENTRY_ACCEPTED, &t->cfg);
    hth_entry_text(&entry, HTH_FIELD_ROUTE, route(&t->cfg, room));
    text_if(&entry, HTH_FIELD_MODEL, ask->model);
    text_if(&entry, HTH_FIELD_ADAPTERS, ask->adapters);
    number_if(&entry, HTH_FIELD_PROMPT_TOKENS, ask->prompt_tokens);
    HTH_TRY(put(t, &entry, ask->text, NULL, err));
    t->accepted = true;
    return HTH_OK;
}

const char *hth_trail_id(const HthTrail *t) {
    return t->cfg.id;
}

bool hth_trail_accepted(const HthTrail *t) {
    return t && t->accepted;
}

bool hth_trail_finished(const HthTrail *t) {
    return t && t->finished;
}

/* ---- the end --------------------------------------------------------------------------------- */

static HthStatus put_end(const HthTrail *t, const HthTrailEnd *end, HthTicketEntry *slot,
                         HthErr *err) {
    HthEntry entry;
    begin(&entry, HTH_ENTRY_FINISHED, &t->cfg);
    hth_entry_text(&entry, HTH_FIELD_FINISH, end->finish);
    text_if(&entry, HTH_FIELD_MODEL, end->model);
    text_if(&entry, HTH_FIELD_ADAPTERS, end->adapters);
    if (end->output) hth_entry_digest(&entry, HTH_FIELD_OUTPUT, end->output);
    number_if(&entry, HTH_FIELD_PROMPT_TOKENS, end->prompt_tokens);
    number_if(&entry, HTH_FIELD_OUTPUT_TOKENS, end->output_tokens);
    number_if(&entry, HTH_FIELD_STATUS, end->status);
    return put(t, &entry, end->text, slot, err);
}

HthStatus hth_trail_finish(HthTrail *t, const HthTrailEnd *ends, size_t n,
                           void (*wake)(void *payload), void *payload, HthErr *err) {
    HTH_ASSERT(t->accepted && !t->finished && n > 0);
    HthTicket *ticket = hth_calloc(1, sizeof *ticket + n * sizeof ticket->slots[0]);
    HTH_REQUIRE(ticket, err, HTH_ENOMEM, "no memory for an entry of the log");
    *ticket = (HthTicket){ .e = t->e, .wake = wake, .payload = payload, .pending = n, .count = n };
    ticket->prove = t->prove;
    t->ticket = ticket;
    t->finished = true;
    HthStatus status = HTH_OK;
    for (size_t i = 0; i < n; i++) {
        HthTicketEntry *slot = &ticket->slots[i];
        *slot = (HthTicketEntry){ .ticket = ticket };
        hth_buf_init(&slot->entry, HTH_LEAF_MAX);
        hth_buf_init(&slot->proof, HTH_PROOF_FILE_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        status = put_end(t, &ends[i], &ticket->slots[i], err);
        if (status == HTH_OK) continue;
        hth_gate_enter(t->e->gate);
        (void)count_down(ticket, n - i, status); /* the trail holds it still */
        hth_gate_leave(t->e->gate);
        break;
    }
    return status;
}

void hth_trail_unwatch(HthTrail *t) {
    if (!t || !t->ticket) return;
    hth_gate_enter(t->e->gate);
    t->ticket->wake = NULL;
    hth_gate_leave(t->e->gate);
}

HthStatus hth_trail_look(const HthTrail *t, HthErr *err) {
    const HthTicket *ticket = t->ticket;
    HTH_ASSERT(ticket);
    hth_gate_enter(t->e->gate);
    const HthStatus st = ticket->pending || ticket->prove ? HTH_EAGAIN : ticket->status;
    hth_gate_leave(t->e->gate);
    HTH_REQUIRE(st == HTH_OK || st == HTH_EAGAIN, err, HTH_EIO,
                "the audit log could not be written, so this answer is not given; /health says "
                "whether anything is accepted still");
    return st;
}

HthStatus hth_trail_prove(HthTrail *t, HthErr *err) {
    HTH_ASSERT(!t->finished);
    t->prove = true;
    return hth_evidence_prover(t->e, err);
}

HthStr hth_trail_proof(const HthTrail *t, size_t which) {
    return hth_buf_str(&t->ticket->slots[which].proof);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static HthStr reason_of(uint32_t status) {
    static const struct {
        uint32_t status;
        const char *reason;
    } reasons[] = { { 400, "not valid" }, { 401, "no credential" },     { 403, "not allowed" },
                    { 404, "not there" }, { 405, "not this method" },   { 408, "too slow" },
                    { 413, "too large" }, { 429, "too many" },          { 431, "too large" },
                    { 499, "left" },      { 503, "not at the moment" }, { 507, "no memory" } };
    for (size_t i = 0; i < HTH_COUNT(reasons); i++)
        if (reasons[i].status == status) return hth_str(reasons[i].reason);
    return status < 500 ? HTH_STR("not valid") : HTH_STR("a fault");
}

/* How many went unrecorded in the last full second, and whether this one is to be recorded. */
static bool may_record(HthEvidence *e, uint32_t *passed_over) {
    const uint64_t now_s = hth_clock_ns() / 1000000000u;
    hth_gate_enter(e->gate);
    if (now_s != e->refused_s) {
        *passed_over = e->refused > REFUSED_MAX ? e->refused - REFUSED_MAX : 0;
        e->refused_s = now_s;
        e->refused = 0;
    }
    const bool may = ++e->refused <= REFUSED_MAX;
    hth_gate_leave(e->gate);
    return may;
}

void hth_evidence_refused(HthEvidence *e, const HthTrailCfg *about, uint32_t status) {
    HthEntry entry;
    char room[64], reason[64];
    uint32_t passed_over = 0;
    if (!may_record(e, &passed_over)) return;
    begin(&entry, HTH_ENTRY_REFUSED, about);
    if (about->route.n) hth_entry_text(&entry, HTH_FIELD_ROUTE, route(about, room));
    const int n = snprintf(reason, sizeof reason, "%s", reason_of(status).p);
    if (passed_over)
        snprintf(reason + n, sizeof reason - (size_t)n, "; %u before it not recorded", passed_over);
    hth_entry_text(&entry, HTH_FIELD_REASON, hth_str(reason));
    hth_entry_number(&entry, HTH_FIELD_STATUS, status);
    (void)hth_evidence_put(e, &entry, HTH_STR(""), NULL, NULL, NULL);
}
