/* serve_audit.c - hearth serve: the audit log, opened before anything may be asked.
 *
 * Thread: the main thread. */
#include <unistd.h>

#include "base/clock.h"
#include "cli/audit_keys.h"
#include "cli/receipt.h"
#include "cli/serve_parts.h"
#include "cli/state.h"

bool hth_serve_audit_content(HthServe *s, const char *name) {
    if (hth_content_parse(&s->audit_content, hth_str(name))) return true;
    hth_cli_usage("serve", "option --audit-content is none, commit or encrypted");
    return false;
}

enum { HELD_MS = 10000, LOOK_MS = 50 };

/* The engine of a server that was killed ends some time after its first process, above all where
 * the machine is busy, and holds the log until then. */
static HthStatus open_when_free(HthAudit **log, const char *folder, HthKeyring *ring, HthErr *err) {
    const uint64_t end_ns = hth_clock_ns() + (uint64_t)HELD_MS * 1000000u;
    HthStatus st;
    while ((st = hth_cli_audit_open(log, folder, ring, err)) == HTH_EAGAIN &&
           hth_clock_ns() < end_ns)
        (void)usleep(LOOK_MS * 1000);
    return st;
}

static HthStatus open_log(HthServe *s, const char *folder, HthErr *err) {
    uint8_t test[HTH_HASH_BYTES];
    HthEvidenceCfg cfg = { .folder = folder, .content = s->audit_content, .cage = s->cage };
    if (hth_unhex(test, sizeof test, hth_str(s->desk.cage))) cfg.cage_test = test;
    cfg.keys = hth_audit_keys(s->ring);
    HTH_TRY(open_when_free(&cfg.log, folder, s->ring, err));
    return hth_evidence_open(&s->evidence, &cfg, err);
}

HthStatus hth_serve_audit_open(HthServe *s, HthErr *err) {
    HthBuf folder;
    if (s->no_audit) {
        fputs("hearth: no audit log is kept (--no-audit)\n", stderr);
        return HTH_OK;
    }
    hth_buf_init(&folder, 4096);
    HthStatus status = hth_state_file(&folder, "audit", true, err);
    if (status == HTH_OK) status = open_log(s, folder.p, err);
    hth_buf_drop(&folder);
    s->house.evidence = s->evidence;
    return status == HTH_OK ? hth_evidence_users(s->evidence, s->users, err) : status;
}

/* Receipts are signed with the key of hearth run's. */
HthStatus hth_serve_desk_open(HthServe *s, HthErr *err) {
    HthVkey vkey;
    HTH_TRY(hth_digests_program(&s->desk.engine, err));
    HTH_TRY(hth_cli_receipt_key(&s->desk.signer, &vkey, s->ring, err));
    hth_vkey_id(s->desk.id, &vkey);
    s->house.desk = &s->desk;
    return HTH_OK;
}

/* What cannot be told now is told later; said once. */
void hth_serve_audit_tick(HthServe *s) {
    HthErr err = { 0 };
    const HthStatus status = hth_evidence_users(s->evidence, s->users, &err);
    if (status != HTH_OK && !s->tick_failed) fprintf(stderr, "hearth: %s\n", err.text);
    s->tick_failed = status != HTH_OK;
}

void hth_serve_audit_close(HthServe *s) {
    HthErr err = { 0 };
    if (s->evidence && s->users) hth_serve_audit_tick(s);
    if (hth_evidence_close(&s->evidence, &err) != HTH_OK) fprintf(stderr, "hearth: %s\n", err.text);
}
