/* evidence.c - see evidence.h: the log as the server holds it, and what is no exchange.
 *
 * Thread: as evidence.h. */
#include "serve/evidence.h"

#include "audit/statement.h"
#include "audit/tree.h"
#include "base/log.h"
#include "base/mem.h"
#include "hearth/hearth.h"
#include "serve/evidence_in.h"

enum { MODEL_MAX = 300 /* bytes of a model's name in an entry */ };

/* ---- what the log says no to ----------------------------------------------------------------- */

void hth_evidence_hear(HthEvidence *e, HthStatus status) {
    if (status == HTH_OK || e->failed.status != HTH_OK) return;
    (void)HTH_FAIL(&e->failed, HTH_EIO,
                   "the audit log cannot be written; nothing is accepted until the disk takes it "
                   "and hearth is started again");
    hth_log(HTH_LOG_ERROR, "serve: %s", e->failed.text);
}

static void hear(void *payload, HthStatus status, uint64_t index) { /* the log's thread */
    HthEvidence *e = payload;
    (void)index;
    hth_gate_enter(e->gate);
    hth_evidence_hear(e, status);
    hth_gate_leave(e->gate);
}

HthStatus hth_evidence_well(HthEvidence *e, HthErr *err) {
    if (!e) return HTH_OK;
    hth_gate_enter(e->gate);
    const HthErr failed = e->failed;
    hth_gate_leave(e->gate);
    if (failed.status != HTH_OK && err) *err = failed;
    return failed.status;
}

HthStatus hth_evidence_put(HthEvidence *e, const HthEntry *entry, HthStr sealed, HthAuditDone done,
                           void *payload, HthErr *err) {
    HthBuf text;
    hth_buf_init(&text, HTH_LEAF_MAX);
    HthStatus status = hth_entry_write(&text, entry, err);
    if (status == HTH_OK)
        status = hth_audit_append(e->log, hth_buf_str(&text), sealed, done ? done : hear,
                                  done ? payload : e, err);
    hth_buf_drop(&text);
    if (status == HTH_EIO) hear(e, status, 0);
    return status;
}

/* ---- opening, closing ------------------------------------------------------------------------ */

HthStatus hth_evidence_put_waiting(HthEvidence *e, const HthEntry *entry, HthErr *err) {
    HthBuf text;
    hth_buf_init(&text, HTH_LEAF_MAX);
    HthStatus status = hth_entry_write(&text, entry, err);
    if (status == HTH_OK)
        status = hth_audit_append_wait(e->log, hth_buf_str(&text), HTH_STR(""), NULL, err);
    hth_buf_drop(&text);
    return status;
}

static HthStatus say_start(HthEvidence *e, const HthEvidenceCfg *cfg, HthErr *err) {
    HthEntry entry;
    HthDigests program;
    HTH_TRY(hth_digests_program(&program, err));
    hth_entry_begin(&entry, HTH_ENTRY_START);
    hth_entry_digest(&entry, HTH_FIELD_BUILD, program.sha3_256);
    hth_entry_text(&entry, HTH_FIELD_VERSION, hth_str(hth_version()));
    hth_entry_text(&entry, HTH_FIELD_CAGE, hth_str(cfg->cage));
    if (cfg->cage_test) hth_entry_digest(&entry, HTH_FIELD_CAGE_TEST, cfg->cage_test);
    return hth_evidence_put_waiting(e, &entry, err);
}

HthStatus hth_evidence_open(HthEvidence **out, const HthEvidenceCfg *cfg, HthErr *err) {
    HthEvidence *e = hth_calloc(1, sizeof *e);
    if (!e) {
        HthAudit *log = cfg->log;
        (void)hth_audit_close(&log, NULL);
        return HTH_FAIL(err, HTH_ENOMEM, "no memory for the audit log");
    }
    e->log = cfg->log;
    e->content = cfg->content;
    e->keys = cfg->keys;
    e->folder = hth_strdup(cfg->folder);
    HthStatus status = hth_gate_open(&e->gate, err);
    if (status == HTH_OK && !e->folder)
        status = HTH_FAIL(err, HTH_ENOMEM, "no memory for the audit log");
    if (status == HTH_OK) status = say_start(e, cfg, err);
    if (status == HTH_OK) {
        *out = e;
        return HTH_OK;
    }
    (void)hth_audit_close(&e->log, NULL);
    hth_gate_close(&e->gate);
    hth_free(e->folder);
    hth_free(e);
    return status;
}

HthStatus hth_evidence_close(HthEvidence **evidence, HthErr *err) {
    HthEvidence *e = *evidence;
    HthErr own = { 0 };
    HthEntry entry;
    if (!e) return HTH_OK;
    hth_evidence_prover_stop(e);
    hth_entry_begin(&entry, HTH_ENTRY_STOP);
    HthStatus status = hth_evidence_put(e, &entry, HTH_STR(""), NULL, NULL, &own);
    const HthStatus closed = hth_audit_close(&e->log, status == HTH_OK ? &own : NULL);
    if (status == HTH_OK) status = closed;
    hth_gate_close(&e->gate);
    hth_free(e->folder);
    hth_free(e);
    *evidence = NULL;
    if (status != HTH_OK && err) *err = own;
    return status;
}

/* ---- what is no exchange --------------------------------------------------------------------- */

HthStatus hth_evidence_reloaded(HthEvidence *e, HthErr *err) {
    HthEntry entry;
    if (!e) return HTH_OK;
    hth_entry_begin(&entry, HTH_ENTRY_POLICY);
    hth_entry_text(&entry, HTH_FIELD_ACTION, HTH_STR("reload"));
    return hth_evidence_put(e, &entry, HTH_STR(""), NULL, NULL, err);
}

/* A file's name as a field may have it. room: MODEL_MAX bytes. */
static HthStr plain_name(HthStr name, char *room) {
    const size_t n = name.n < MODEL_MAX ? name.n : MODEL_MAX;
    const bool utf8 = hth_utf8_valid((HthStr){ name.p, n });
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)name.p[i];
        room[i] = c < 0x20 || c == 0x7F || (c >= 0x80 && !utf8) ? '?' : name.p[i];
    }
    return n ? (HthStr){ room, n } : HTH_STR("?");
}

HthStatus hth_evidence_loaded(HthEvidence *e, HthStr model, const char *sha256, HthErr *err) {
    HthEntry entry;
    char room[MODEL_MAX];
    uint8_t digest[HTH_HASH_BYTES];
    if (!e) return HTH_OK;
    hth_entry_begin(&entry, HTH_ENTRY_LOAD);
    hth_entry_text(&entry, HTH_FIELD_MODEL, plain_name(model, room));
    if (hth_unhex(digest, sizeof digest, hth_str(sha256)))
        hth_entry_digest(&entry, HTH_FIELD_MODEL_SHA256, digest);
    return hth_evidence_put(e, &entry, HTH_STR(""), NULL, NULL, err);
}

void hth_evidence_unloaded(HthEvidence *e, HthStr model) {
    HthEntry entry;
    char room[MODEL_MAX];
    if (!e) return;
    hth_entry_begin(&entry, HTH_ENTRY_UNLOAD);
    hth_entry_text(&entry, HTH_FIELD_MODEL, plain_name(model, room));
    (void)hth_evidence_put(e, &entry, HTH_STR(""), NULL, NULL, NULL);
}
