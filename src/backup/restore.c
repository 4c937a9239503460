/* restore.c - see restore.h: what is kept of the present, what comes from the backup.
 *
 * Thread: one at a time. */
#include "backup/restore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/entry.h"
#include "audit/log.h"
#include "audit/verify.h"
#include "backup/intake.h"
#include "backup/swap.h"
#include "base/mem.h"
#include "base/shred.h"
#include "crypt/secret.h"
#include "vault/copy.h"

typedef struct Job {
    const HthRestoreCfg *cfg;
    HthSwap swap;
    HthIntake in;
    HthKeyring *ring; /* of what is restored */
    char models[PATH_MAX]; /* where models lie until they are put in place */
    uint8_t *seal; /* [32] what keys that sign are sealed with; secret memory */
} Job;

static HthStatus at(char out[PATH_MAX], const char *folder, const char *name, HthErr *err) {
    const int n = snprintf(out, PATH_MAX, "%s/%s", folder, name);
    HTH_REQUIRE(n > 0 && n < PATH_MAX, err, HTH_ELIMIT, "a path is too long: %.150s", folder);
    return HTH_OK;
}

static bool there(const char *folder, const char *name) {
    char path[PATH_MAX];
    HthErr ignored;
    return at(path, folder, name, &ignored) == HTH_OK && access(path, F_OK) == 0;
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* In place of what is staged, which is shredded. */
static HthStatus take_present(const Job *job, const char *name, HthErr *err) {
    char from[PATH_MAX], to[PATH_MAX];
    HTH_TRY(at(from, job->swap.path, name, err));
    HTH_TRY(at(to, job->swap.stage, name, err));
    HTH_TRY(hth_shred_file(to, err));
    return hth_copy_file(from, to, err);
}

/* The id of a keyring: bytes 32 to 47 of its file. */
static bool ring_id(uint8_t out[16], const char *folder) {
    char path[PATH_MAX];
    HthErr ignored;
    if (at(path, folder, "keyring", &ignored) != HTH_OK) return false;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const bool ok = fd >= 0 && pread(fd, out, 16, 32) == 16;
    if (fd >= 0) close(fd);
    return ok;
}

static bool subjects_hold(HthKeyring *ring, const char *folder) {
    uint8_t key[HTH_RING_KEY_BYTES];
    bool is = false;
    HthErr ignored;
    const bool ok = there(folder, "subjects") &&
                    hth_subject_key(ring, HTH_STR("-"), false, key, &is, &ignored) == HTH_OK;
    hth_secret_wipe(key, sizeof key);
    return ok;
}

/* The present keyring stays where it opens and is the same one; with it, if it holds, the present
 * list of subjects, in which nobody is who was erased.  What it seals shows whether its key is the
 * backup's: the databases are read with it. */
static HthStatus settle_keys(Job *job, HthErr *err) {
    static const char *const names[] = { "keyring", "keyring.key" };
    HthKeyring *present = NULL;
    HthErr ignored;
    uint8_t mine[16], its[16];
    bool same = job->swap.there && ring_id(mine, job->swap.path) && ring_id(its, job->swap.stage) &&
                !memcmp(mine, its, sizeof mine);
    if (same)
        same = job->cfg->open(job->cfg->payload, job->swap.path, &present, &ignored) == HTH_OK;
    if (same) {
        const bool subjects = subjects_hold(present, job->swap.path);
        hth_keyring_close(&present);
        for (size_t i = 0; i < HTH_COUNT(names); i++) HTH_TRY(take_present(job, names[i], err));
        if (subjects) HTH_TRY(take_present(job, "subjects", err));
        job->in.report.ring_kept = subjects;
    }
    HTH_TRY(job->cfg->open(job->cfg->payload, job->swap.stage, &job->ring, err));
    void *seal = NULL;
    HTH_TRY(hth_secret_alloc(&seal, HTH_RING_KEY_BYTES, err));
    job->seal = seal;
    hth_keyring_key(job->ring, HTH_KEY_SIGNER, job->seal);
    return HTH_OK;
}

/* ---- the log --------------------------------------------------------------------------------- */

static bool same_roots(const HthLogEnd *a, const HthLogEnd *b) {
    return a->entries == b->entries && memcmp(a->root, b->root, sizeof a->root) == 0;
}

/* The staged log is what was signed, and holds. */
static HthStatus check_log(const Job *job, HthErr *err) {
    char audit[PATH_MAX];
    HthAuditReport report;
    HthAuditReader r = { 0 };
    HthLogEnd end;
    HTH_TRY(at(audit, job->swap.stage, "audit", err));
    HTH_TRY(hth_audit_verify(&report, audit, NULL, 0, err));
    HTH_TRY(hth_audit_reader_open(&r, audit, err));
    hth_log_end(&end, &r, UINT64_MAX);
    hth_audit_reader_close(&r);
    HTH_REQUIRE(same_roots(&end, &job->in.list.log), err, HTH_EFORMAT,
                "the audit log in the backup is not the one that was signed");
    return HTH_OK;
}

/* A copy of the present log, repaired if its end was torn. */
static HthStatus copy_log(const Job *job, const char *to, HthErr *err) {
    static const char *const names[] = { "log", "key", "vkey", "sha3/checkpoint",
                                         "sha256/checkpoint" };
    char from[PATH_MAX], into[PATH_MAX];
    HTH_REQUIRE(!mkdir(to, 0700), err, HTH_EIO, "cannot make %.150s: %s", to, strerror(errno));
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
        HTH_TRY(at(into, to, hth_audit_trees[t].folder, err));
        HTH_REQUIRE(!mkdir(into, 0700), err, HTH_EIO, "cannot make %.150s: %s", into,
                    strerror(errno));
    }
    HTH_TRY(at(from, job->swap.path, "audit", err));
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        char a[PATH_MAX];
        HTH_TRY(at(a, from, names[i], err));
        HTH_TRY(at(into, to, names[i], err));
        HTH_TRY(hth_copy_file(a, into, err));
    }
    HthAudit *log = NULL;
    HTH_TRY(hth_audit_open(&log, to, &(HthAuditCfg){ .key = job->seal }, err));
    return hth_audit_close(&log, err);
}

/* Does the log in `audit` hold, and begin with the backup's? */
static bool goes_on(const Job *job, const char *audit) {
    char pin[PATH_MAX];
    const char *pins[] = { pin };
    HthAuditReport report;
    HthAuditReader r = { 0 };
    HthLogEnd end;
    HthErr ignored;
    if (at(pin, job->swap.stage, "audit/sha3/checkpoint", &ignored) != HTH_OK) return false;
    const size_t n = access(pin, F_OK) == 0;
    if (hth_audit_verify(&report, audit, pins, n, &ignored) != HTH_OK ||
        hth_audit_reader_open(&r, audit, &ignored) != HTH_OK)
        return false;
    hth_log_end(&end, &r, job->in.list.log.entries);
    hth_audit_reader_close(&r);
    return same_roots(&end, &job->in.list.log);
}

static HthStatus same_hearth(const Job *job, HthErr *err) {
    char audit[PATH_MAX];
    HthVkey v[HTH_AUDIT_TREES];
    HthErr ignored;
    HTH_TRY(at(audit, job->swap.path, "audit", err));
    if (hth_audit_read_vkeys(v, audit, &ignored) != HTH_OK) return HTH_OK;
    const HthVkey *mine = &v[hth_audit_tree_of(HTH_SHA256)], *its = &job->in.list.vkey;
    HTH_REQUIRE(mine->id == its->id && !memcmp(mine->key, its->key, sizeof mine->key), err,
                HTH_EINVAL,
                "%.150s belongs to another hearth than the backup does: its log is signed by "
                "another key. Restore --into another folder, or move this one away first",
                job->swap.path);
    return HTH_OK;
}

static HthStatus settle_log(Job *job, HthErr *err) {
    char present[PATH_MAX], audit[PATH_MAX];
    HthErr why = { 0 };
    job->in.report.log = HTH_LOG_BACKUPS;
    HTH_TRY(check_log(job, err));
    if (!job->swap.there || !there(job->swap.path, "audit/log")) return HTH_OK;
    HTH_TRY(at(present, job->swap.stage, "audit.present", err));
    HTH_TRY(at(audit, job->swap.stage, "audit", err));
    if (copy_log(job, present, &why) == HTH_OK && goes_on(job, present)) {
        hth_remove_tree(audit);
        HTH_REQUIRE(!rename(present, audit), err, HTH_EIO, "cannot rename %.150s: %s", present,
                    strerror(errno));
        HTH_TRY(take_present(job, "audit.pin", err));
        job->in.report.log = HTH_LOG_PRESENT;
        return HTH_OK;
    }
    HTH_REQUIRE(why.status != HTH_ENOMEM && why.status != HTH_ELIMIT, err, why.status, "%s",
                why.text);
    hth_remove_tree(present);
    job->in.report.log = HTH_LOG_REPLACED;
    return HTH_OK;
}

/* ---- erasures -------------------------------------------------------------------------------- */

static HthStatus erase_again(Job *job, const HthRecord *rec, HthBuf *room, HthErr *err) {
    HthEntry e;
    HthErr why = { 0 };
    bool was = false;
    hth_buf_clear(room);
    const HthStatus read = hth_entry_read(&e, room, rec->entry, &why);
    HTH_REQUIRE(read != HTH_ENOMEM, err, read, "%s", why.text);
    if (read != HTH_OK || e.type != HTH_ENTRY_ERASE) return HTH_OK;
    HTH_TRY(hth_subject_erase(job->ring, e.v[HTH_FIELD_SUBJECT].text, &was, err));
    job->in.report.erased += was;
    return HTH_OK;
}

/* Whoever the present log says was erased, or was about to be, after the backup; of a log that is
 * not the backup's, whoever it names. What is damaged in it is passed over, to the next whole
 * entry. Where the present list of subjects stays there is nobody. */
static HthStatus replay_erasures(Job *job, HthErr *err) {
    char audit[PATH_MAX];
    HthAuditReader r = { 0 };
    HthRecord rec;
    HthLogEnd end;
    HthBuf room;
    HthErr why = { 0 };
    if (job->in.report.ring_kept || !job->swap.there) return HTH_OK;
    HTH_TRY(at(audit, job->swap.path, "audit", err));
    const HthStatus opened = hth_audit_reader_open(&r, audit, &why);
    HTH_REQUIRE(opened != HTH_ENOMEM, err, opened, "%s", why.text);
    if (opened != HTH_OK) return HTH_OK; /* the log is the backup's then, and that is said */
    hth_log_end(&end, &r, job->in.list.log.entries);
    const uint64_t from = same_roots(&end, &job->in.list.log) ? end.entries : 0;
    hth_buf_init(&room, 2 * HTH_LEAF_MAX);
    HthStatus status = HTH_OK;
    for (size_t at = r.at, n; status == HTH_OK && at < r.map.n; at += n ? n : 1) {
        n = hth_record_get(&rec, r.map.data + at, r.map.n - at);
        if (n && rec.index >= from) status = erase_again(job, &rec, &room, err);
    }
    hth_buf_drop(&room);
    hth_audit_reader_close(&r);
    return status;
}

static HthStatus say(const Job *job, HthErr *err) {
    static const char *const actions[] = { [HTH_LOG_BACKUPS] = "first",
                                           [HTH_LOG_PRESENT] = "continued",
                                           [HTH_LOG_REPLACED] = "replaced" };
    char audit[PATH_MAX];
    HthAudit *log = NULL;
    HthEntry e;
    HthBuf text;
    HTH_TRY(at(audit, job->swap.stage, "audit", err));
    hth_entry_begin(&e, HTH_ENTRY_RESTORED);
    hth_entry_text(&e, HTH_FIELD_ACTION, hth_str(actions[job->in.report.log]));
    hth_entry_number(&e, HTH_FIELD_SIZE, job->in.list.log.entries);
    hth_entry_digest(&e, HTH_FIELD_ROOT_SHA3,
                     job->in.list.log.root[hth_audit_tree_of(HTH_SHA3_256)]);
    hth_entry_digest(&e, HTH_FIELD_ROOT_SHA256,
                     job->in.list.log.root[hth_audit_tree_of(HTH_SHA256)]);
    hth_buf_init(&text, HTH_LEAF_MAX);
    HthStatus status = hth_entry_write(&text, &e, err);
    if (status == HTH_OK)
        status = hth_audit_open(&log, audit, &(HthAuditCfg){ .key = job->seal }, err);
    if (status == HTH_OK)
        status = hth_audit_append_wait(log, hth_buf_str(&text), HTH_STR(""), NULL, err);
    HthErr ignored;
    if (log) {
        const HthStatus closed = hth_audit_close(&log, status == HTH_OK ? err : &ignored);
        if (status == HTH_OK) status = closed;
    }
    hth_buf_drop(&text);
    return status;
}

/* ---- databases, models ----------------------------------------------------------------------- */

static HthStatus check_databases(const Job *job, HthErr *err) {
    void *key = NULL;
    DIR *d = opendir(job->swap.stage);
    HTH_REQUIRE(d, err, HTH_EIO, "cannot read %.150s: %s", job->swap.stage, strerror(errno));
    HthStatus status = hth_secret_alloc(&key, HTH_RING_KEY_BYTES, err);
    if (status == HTH_OK) hth_keyring_key(job->ring, HTH_KEY_DATABASE, key);
    for (struct dirent *e; status == HTH_OK && (e = readdir(d)) != NULL;) {
        char path[PATH_MAX];
        if (!hth_str_ends(hth_str(e->d_name), HTH_STR(".db"))) continue;
        status = at(path, job->swap.stage, e->d_name, err);
        if (status == HTH_OK) status = hth_sealed_check(path, key, e->d_name, err);
    }
    hth_secret_free(key);
    closedir(d);
    return status;
}

/* Models that are not there yet; what is there stays as it is. */
static HthStatus put_models(Job *job, const char *from, const char *to, HthErr *err) {
    HthStatus status = HTH_OK;
    DIR *d = opendir(from);
    if (!d) return HTH_OK;
    HTH_REQUIRE(!mkdir(to, 0755) || errno == EEXIST, err, HTH_EIO, "cannot make %.150s: %s", to,
                strerror(errno));
    for (struct dirent *e; status == HTH_OK && (e = readdir(d)) != NULL;) {
        char a[PATH_MAX], b[PATH_MAX];
        struct stat st;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        status = at(a, from, e->d_name, err);
        if (status == HTH_OK) status = at(b, to, e->d_name, err);
        if (status != HTH_OK || lstat(a, &st)) continue;
        if (S_ISDIR(st.st_mode)) {
            status = put_models(job, a, b, err);
        } else if (!renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_NOREPLACE)) {
            job->in.report.models++;
        } else if (errno != EEXIST) {
            status = HTH_FAIL(err, HTH_EIO, "cannot put %.150s in place: %s", b, strerror(errno));
        }
    }
    closedir(d);
    return status == HTH_OK ? hth_file_sync_folder(to, to, err) : status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static HthStatus stage(Job *job, HthErr *err) {
    job->in.state = job->swap.stage;
    HTH_TRY(hth_intake(&job->in, err));
    job->in.report.models = 0;
    if (job->swap.there) HTH_TRY(same_hearth(job, err));
    HTH_TRY(settle_keys(job, err));
    HTH_TRY(check_databases(job, err));
    HTH_TRY(settle_log(job, err));
    HTH_TRY(replay_erasures(job, err));
    return say(job, err);
}

static HthStatus run(Job *job, HthErr *err) {
    const HthRestoreCfg *cfg = job->cfg;
    int lock = -1;
    HTH_TRY(hth_swap_begin(&job->swap, cfg->state, err));
    HTH_TRY(hth_state_idle(job->swap.path, &lock, err));
    HthStatus status = HTH_OK;
    if (cfg->models && !cfg->dry) {
        status = at(job->models, cfg->models, ".restoring", err);
        hth_remove_tree(job->models);
        job->in.models = job->models;
    }
    if (status == HTH_OK) status = stage(job, err);
    if (status == HTH_OK && job->in.models && there(job->models, ""))
        status = hth_sync_tree(job->models, err);
    if (status == HTH_OK && job->in.models) status = put_models(job, job->models, cfg->models, err);
    hth_keyring_close(&job->ring);
    int again = -1;
    if (lock >= 0) close(lock);
    if (status == HTH_OK) status = hth_state_idle(job->swap.path, &again, err);
    if (status == HTH_OK && !cfg->dry)
        status = hth_swap_commit(&job->swap, job->in.report.before, err);
    if (again >= 0) close(again);
    return status;
}

HthStatus hth_restore(HthRestoreReport *out, const HthRestoreCfg *cfg, HthErr *err) {
    Job *job = hth_calloc(1, sizeof *job);
    HTH_REQUIRE(job, err, HTH_ENOMEM, "out of memory for restoring a backup");
    job->cfg = job->in.cfg = cfg;
    job->swap.lock = -1;
    const HthStatus status = run(job, err);
    if (status == HTH_OK) *out = job->in.report;
    hth_keyring_close(&job->ring);
    hth_secret_free(job->seal);
    hth_swap_end(&job->swap);
    if (job->models[0]) hth_remove_tree(job->models);
    hth_inventory_drop(&job->in.list);
    hth_free(job);
    return status;
}

HthStatus hth_backup_check(HthRestoreReport *out, const HthRestoreCfg *cfg, HthErr *err) {
    HthIntake in = { .cfg = cfg };
    const HthStatus status = hth_intake(&in, err);
    if (status == HTH_OK) *out = in.report;
    hth_inventory_drop(&in.list);
    return status;
}
