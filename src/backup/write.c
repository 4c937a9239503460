/* write.c - see backup.h: what goes into a backup, in which order.
 *
 * Databases first, then the log, then the keyring: what a database says happened is in the log
 * that is copied after it, and whatever is sealed for a subject in either finds its key, unless the
 * subject was erased meanwhile.
 *
 * Thread: one at a time. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/keyfile.h"
#include "audit/log.h"
#include "backup/backup.h"
#include "backup/inventory.h"
#include "backup/tar.h"
#include "base/clock.h"
#include "base/file_fault.h"
#include "base/mem.h"
#include "base/shred.h"
#include "crypt/secret.h"
#include "vault/copy.h"

enum { PIECE = 256 << 10, DEPTH_MAX = 4 };
#define LOCK_NAME ".lock"

typedef struct Out {
    const HthBackupCfg *cfg;
    HthAgeOut *age;
    HthInventory list;
    HthBackupReport report;
    uint8_t *piece; /* [PIECE] */
    uint8_t database[HTH_RING_KEY_BYTES]; /* in secret memory with the rest of this */
} Out;

static HthStatus path_of(char out[PATH_MAX], const char *folder, const char *name, HthErr *err) {
    const int n = snprintf(out, PATH_MAX, "%s/%s", folder, name);
    HTH_REQUIRE(n > 0 && n < PATH_MAX, err, HTH_ELIMIT, "a path is too long: %.150s", folder);
    return HTH_OK;
}

/* ---- one object ------------------------------------------------------------------------------ */

static HthStatus pour(Out *o, HthObject *obj, const void *bytes, size_t n, HthErr *err) {
    hth_object_add(obj, bytes, n);
    o->report.bytes += n;
    HTH_REQUIRE(!o->cfg->progress || o->cfg->progress(o->cfg->payload, o->report.bytes), err,
                HTH_ECANCELED, "the backup was stopped");
    return hth_age_out_add(o->age, bytes, n, err);
}

static HthStatus head(Out *o, const char *name, uint64_t bytes, HthErr *err) {
    uint8_t block[HTH_TAR_BLOCK];
    HTH_TRY(hth_tar_print(block, hth_str(name), bytes, o->report.made_s, err));
    return hth_age_out_add(o->age, block, sizeof block, err);
}

static HthStatus pad(Out *o, uint64_t bytes, HthErr *err) {
    static const uint8_t zeros[2 * HTH_TAR_BLOCK];
    const unsigned n = bytes == UINT64_MAX ? sizeof zeros : hth_tar_padding(bytes);
    return hth_age_out_add(o->age, zeros, n, err);
}

static HthStatus finish(Out *o, HthObject *obj, const char *name, HthErr *err) {
    HTH_TRY(pad(o, obj->bytes, err));
    HTH_TRY(hth_object_end(obj, hth_str(name), o->list.objects, err));
    o->report.files++;
    return HTH_OK;
}

static HthStatus put_bytes(Out *o, const char *name, const void *bytes, size_t n, HthErr *err) {
    HthObject obj;
    HTH_TRY(head(o, name, n, err));
    HTH_TRY(hth_object_begin(&obj, err));
    HthStatus status = HTH_OK;
    for (size_t at = 0; status == HTH_OK && at < n; at += PIECE) {
        const size_t take = n - at < PIECE ? n - at : PIECE;
        status = pour(o, &obj, (const uint8_t *)bytes + at, take, err);
    }
    if (status == HTH_OK) status = finish(o, &obj, name, err);
    hth_object_drop(&obj);
    return status;
}

static HthStatus stream(Out *o, HthObject *obj, int fd, uint64_t bytes, const char *path,
                        HthErr *err) {
    while (obj->bytes < bytes) {
        const uint64_t left = bytes - obj->bytes;
        const ssize_t n =
            hth_file_fault() ? -1 : read(fd, o->piece, left < PIECE ? (size_t)left : PIECE);
        if (n < 0 && errno == EINTR) continue;
        HTH_REQUIRE(n >= 0, err, HTH_EIO, "cannot read %.150s: %s", path, strerror(errno));
        HTH_REQUIRE(n > 0, err, HTH_EIO, "%.150s became shorter while it was read", path);
        HTH_TRY(pour(o, obj, o->piece, (size_t)n, err));
    }
    return HTH_OK;
}

/* A regular file as it is now; one that is not there (any more) is left out. */
static HthStatus put_file(Out *o, const char *name, const char *path, HthErr *err) {
    struct stat st;
    HthObject obj;
    const int fd = hth_file_fault() ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) return HTH_OK;
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "cannot open %.150s: %s", path, strerror(errno));
    HthStatus status = HTH_OK;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        status = HTH_FAIL(err, HTH_EIO, "%.150s is not a regular file", path);
    if (status == HTH_OK) status = head(o, name, (uint64_t)st.st_size, err);
    if (status == HTH_OK) status = hth_object_begin(&obj, err);
    if (status == HTH_OK) {
        status = stream(o, &obj, fd, (uint64_t)st.st_size, path, err);
        if (status == HTH_OK) status = finish(o, &obj, name, err);
        hth_object_drop(&obj);
    }
    close(fd);
    return status;
}

/* ---- the state folder ------------------------------------------------------------------------ */

static const char *const key_files[] = { "keyring", "keyring.key", "subjects" };

static bool ends(const char *name, const char *end) {
    return hth_str_ends(hth_str(name), hth_str(end));
}

/* What is there for a moment only, or follows from the rest, or comes in its own turn. */
static bool passed_over(const char *name) {
    static const char *const tails[] = { "-wal", "-shm", "-old",  "-sealing", ".lock",
                                         "lock", ".tmp", ".part", ".db",      ".restoring" };
    if (name[0] == '.') return true;
    for (size_t i = 0; i < HTH_COUNT(tails); i++)
        if (ends(name, tails[i])) return true;
    for (size_t i = 0; i < HTH_COUNT(key_files); i++)
        if (strcmp(name, key_files[i]) == 0) return true;
    return false;
}

static HthStatus put_database(Out *o, const char *name, HthErr *err) {
    char from[PATH_MAX], work[PATH_MAX], to[PATH_MAX], as[PATH_MAX];
    HTH_TRY(path_of(from, o->cfg->state, name, err));
    HTH_TRY(path_of(work, o->cfg->state, HTH_BACKUP_WORK, err));
    HTH_TRY(path_of(to, work, name, err));
    snprintf(as, sizeof as, HTH_BACKUP_STATE "%.200s", name);
    HthStatus status = hth_sealed_copy(from, to, o->database, name, err);
    if (status == HTH_OK) status = put_file(o, as, to, err);
    unlink(to);
    return status;
}

/* Calls each for every entry of a folder; one that is not there has none. */
typedef HthStatus (*EachFn)(Out *o, const char *folder, const char *name, void *payload,
                            HthErr *err);
static HthStatus walk(Out *o, const char *folder, EachFn each, void *payload, HthErr *err) {
    HthStatus status = HTH_OK;
    DIR *d = hth_file_fault() ? NULL : opendir(folder);
    if (!d && errno == ENOENT) return HTH_OK;
    HTH_REQUIRE(d, err, HTH_EIO, "cannot read the folder %.150s: %s", folder, strerror(errno));
    for (struct dirent *e; status == HTH_OK && (e = readdir(d)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            status = each(o, folder, e->d_name, payload, err);
    closedir(d);
    return status;
}

static bool is_file(const char *path) {
    struct stat st;
    return !lstat(path, &st) && S_ISREG(st.st_mode);
}

static HthStatus each_database(Out *o, const char *folder, const char *name, void *payload,
                               HthErr *err) {
    char path[PATH_MAX];
    (void)payload;
    HTH_TRY(path_of(path, folder, name, err));
    return ends(name, ".db") && name[0] != '.' && is_file(path) ? put_database(o, name, err)
                                                                : HTH_OK;
}

/* prefix: what the folder is called in the archive. */
static HthStatus each_plain(Out *o, const char *folder, const char *name, void *prefix,
                            HthErr *err) {
    char path[PATH_MAX], as[PATH_MAX];
    HTH_TRY(path_of(path, folder, name, err));
    if (passed_over(name) || !is_file(path)) return HTH_OK;
    const int n = snprintf(as, sizeof as, "%s%s", (const char *)prefix, name);
    HTH_REQUIRE(n > 0 && (size_t)n < sizeof as, err, HTH_ELIMIT, "a path is too long");
    return put_file(o, as, path, err);
}

static HthStatus put_state_files(Out *o, HthErr *err) {
    char ca[PATH_MAX], as[] = HTH_BACKUP_STATE, as_ca[] = HTH_BACKUP_STATE "ca/";
    HTH_TRY(path_of(ca, o->cfg->state, "ca", err));
    HTH_TRY(walk(o, o->cfg->state, each_database, NULL, err));
    HTH_TRY(walk(o, o->cfg->state, each_plain, as, err));
    return walk(o, ca, each_plain, as_ca, err);
}

/* The checkpoints first: the log that is read after them is at least as long. */
static HthStatus put_log(Out *o, const char *folder, HthErr *err) {
    char path[PATH_MAX], as[PATH_MAX];
    HthAuditReader r = { 0 };
    HTH_TRY(hth_log_holds(folder, &o->list.vkey, err)); /* or no restore would take it */
    for (unsigned t = 0; t < HTH_AUDIT_TREES; t++) {
        HTH_TRY(hth_audit_path(path, folder, hth_audit_trees[t].folder, "checkpoint", err));
        snprintf(as, sizeof as, HTH_BACKUP_STATE "audit/%s/checkpoint", hth_audit_trees[t].folder);
        HTH_TRY(put_file(o, as, path, err));
    }
    static const char *const names[] = { "key", "vkey" };
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        HTH_TRY(hth_audit_path(path, folder, NULL, names[i], err));
        snprintf(as, sizeof as, HTH_BACKUP_STATE "audit/%s", names[i]);
        HTH_TRY(put_file(o, as, path, err));
    }
    HTH_TRY(hth_audit_reader_open(&r, folder, err));
    hth_log_end(&o->list.log, &r, UINT64_MAX);
    o->report.log_entries = o->list.log.entries;
    const HthStatus status =
        put_bytes(o, HTH_BACKUP_STATE "audit/log", r.map.data, (size_t)o->list.log.bytes, err);
    hth_audit_reader_close(&r);
    return status;
}

/* Texts are sealed with what is in it: a copy of a damaged one is no copy of them. */
static HthStatus subjects_hold(const Out *o, HthErr *err) {
    uint8_t key[HTH_RING_KEY_BYTES];
    bool is = false;
    const HthStatus status = hth_subject_key(o->cfg->ring, HTH_STR("-"), false, key, &is, err);
    hth_secret_wipe(key, sizeof key);
    return status;
}

/* While nobody changes them: the three belong together. */
static HthStatus put_keys(Out *o, HthErr *err) {
    char path[PATH_MAX], as[64];
    int lock = -1;
    HTH_TRY(subjects_hold(o, err));
    HthStatus status = hth_folder_lock(&lock, o->cfg->state, "the keyring", err);
    for (size_t i = 0; status == HTH_OK && i < HTH_COUNT(key_files); i++) {
        snprintf(as, sizeof as, HTH_BACKUP_STATE "%s", key_files[i]);
        status = path_of(path, o->cfg->state, key_files[i], err);
        if (status == HTH_OK) status = put_file(o, as, path, err);
    }
    if (lock >= 0) close(lock);
    return status;
}

/* ---- models ---------------------------------------------------------------------------------- */

typedef struct Level {
    const char *as; /* the folder in the archive, with a slash */
    unsigned depth;
} Level;

static HthStatus each_model(Out *o, const char *folder, const char *name, void *payload,
                            HthErr *err) {
    const Level *level = payload;
    char path[PATH_MAX], as[PATH_MAX];
    struct stat st;
    HTH_TRY(path_of(path, folder, name, err));
    if (name[0] == '.' || lstat(path, &st)) return HTH_OK;
    const bool dir = S_ISDIR(st.st_mode);
    const int n = snprintf(as, sizeof as, "%s%s%s", level->as, name, dir ? "/" : "");
    HTH_REQUIRE(n > 0 && (size_t)n < sizeof as, err, HTH_ELIMIT, "a path is too long");
    if (dir && level->depth < DEPTH_MAX) {
        Level below = { as, level->depth + 1 };
        return walk(o, path, each_model, &below, err);
    }
    const bool settings = ends(name, ".json") && !ends(name, "facts.json"),
               model = ends(name, ".gguf") || hth_str_starts(hth_str(name), HTH_STR("sha256-"));
    if (!S_ISREG(st.st_mode) || passed_over(name)) return HTH_OK;
    return settings || (model && o->cfg->model_files) ? put_file(o, as, path, err) : HTH_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static HthStatus put_manifest(Out *o, const HthSigner *signer, HthErr *err) {
    HthBuf text;
    hth_buf_init(&text, HTH_INVENTORY_MAX * (size_t)2);
    HthStatus status = hth_inventory_print(&text, &o->list, signer, err);
    if (status == HTH_OK) status = head(o, HTH_INVENTORY_NAME, text.n, err);
    if (status == HTH_OK) status = hth_age_out_add(o->age, text.p, text.n, err);
    if (status == HTH_OK) status = pad(o, text.n, err);
    if (status == HTH_OK) status = pad(o, UINT64_MAX, err); /* the archive's end */
    hth_buf_drop(&text);
    return status;
}

static HthStatus put_all(Out *o, const char *audit, const HthSigner *signer, HthErr *err) {
    Level top = { HTH_BACKUP_MODELS, 0 };
    if (o->cfg->models) HTH_TRY(walk(o, o->cfg->models, each_model, &top, err));
    HTH_TRY(put_state_files(o, err));
    HTH_TRY(put_log(o, audit, err));
    HTH_TRY(put_keys(o, err));
    HTH_TRY(put_manifest(o, signer, err));
    HthAgeOut *age = o->age;
    o->age = NULL;
    return hth_age_out_end(&age, err);
}

/* The key that signs the log. Where there is no log yet, one is begun. */
static HthStatus open_signer(HthSigner **out, HthVkey *vkey, const char *audit,
                             const HthKeyring *ring, HthErr *err) {
    char path[PATH_MAX];
    void *seal = NULL;
    HTH_TRY(hth_audit_path(path, audit, NULL, "log", err));
    HTH_TRY(hth_secret_alloc(&seal, HTH_RING_KEY_BYTES, err));
    hth_keyring_key(ring, HTH_KEY_SIGNER, seal);
    HthStatus status = HTH_OK;
    if (!hth_audit_there(path)) {
        HthAudit *log = NULL;
        status = hth_audit_open(&log, audit, &(HthAuditCfg){ .key = seal }, err);
        if (status == HTH_OK) status = hth_audit_close(&log, err);
    }
    if (status == HTH_OK) status = hth_audit_path(path, audit, NULL, "key", err);
    if (status == HTH_OK) status = hth_keyfile_open(out, vkey, path, HTH_STR(""), seal, err);
    hth_secret_free(seal);
    return status;
}

static HthStatus remove_one(Out *o, const char *folder, const char *name, void *payload,
                            HthErr *err) {
    char path[PATH_MAX];
    (void)o;
    (void)payload;
    HTH_TRY(path_of(path, folder, name, err));
    if (strcmp(name, LOCK_NAME) != 0) unlink(path);
    return HTH_OK;
}

/* The folder that copies lie in, empty, and nobody else's: *lock. Its lock is a file: opening a
 * sealed database locks the folder. */
static HthStatus begin_work(Out *o, char work[PATH_MAX], int *lock, HthErr *err) {
    char path[PATH_MAX];
    struct stat st;
    HTH_TRY(path_of(work, o->cfg->state, HTH_BACKUP_WORK, err));
    HTH_TRY(path_of(path, work, LOCK_NAME, err));
    HTH_REQUIRE(!hth_file_fault() && (!mkdir(work, 0700) || errno == EEXIST), err, HTH_EIO,
                "cannot make the folder %.150s: %s", work, strerror(errno));
    *lock = hth_file_fault() ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    HTH_REQUIRE(*lock >= 0, err, HTH_EIO, "cannot open %.150s: %s", path, strerror(errno));
    if (flock(*lock, LOCK_EX | LOCK_NB) || fstat(*lock, &st) || !st.st_nlink) {
        close(*lock);
        *lock = -1;
        return HTH_FAIL(err, HTH_EAGAIN, "another backup is being made; try again when it is done");
    }
    return walk(o, work, remove_one, NULL, err);
}

static void end_work(Out *o, const char *work, int lock) {
    char path[PATH_MAX];
    HthErr ignored;
    if (lock < 0) return;
    (void)!walk(o, work, remove_one, NULL, &ignored);
    if (path_of(path, work, LOCK_NAME, &ignored) == HTH_OK) unlink(path);
    rmdir(work);
    close(lock);
}

static HthStatus run(Out *o, HthErr *err) {
    char audit[PATH_MAX], work[PATH_MAX];
    HthSigner *signer = NULL;
    int lock = -1;
    HTH_TRY(path_of(audit, o->cfg->state, "audit", err));
    HthStatus status = begin_work(o, work, &lock, err);
    if (status == HTH_OK) status = open_signer(&signer, &o->list.vkey, audit, o->cfg->ring, err);
    if (status == HTH_OK) status = hth_age_out_open(&o->age, &o->cfg->to, err);
    if (status == HTH_OK) status = put_all(o, audit, signer, err);
    hth_age_out_abort(&o->age);
    hth_signer_close(&signer);
    end_work(o, work, lock);
    return status;
}

HthStatus hth_backup_write(HthBackupReport *out, const HthBackupCfg *cfg, HthErr *err) {
    void *room = NULL;
    HTH_TRY(hth_secret_alloc(&room, sizeof(Out), err));
    Out *o = room;
    o->cfg = cfg;
    o->list.made_s = o->report.made_s = hth_clock_unix_s();
    o->list.objects = json_array();
    o->piece = hth_calloc(1, PIECE);
    hth_keyring_key(cfg->ring, HTH_KEY_DATABASE, o->database);
    HthStatus status = HTH_OK;
    if (!o->piece || !o->list.objects)
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for a backup");
    if (status == HTH_OK) status = run(o, err);
    if (status == HTH_OK) *out = o->report;
    hth_inventory_drop(&o->list);
    hth_free(o->piece);
    hth_secret_free(room);
    return status;
}
