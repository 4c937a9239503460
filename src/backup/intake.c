/* intake.c - see intake.h.
 *
 * Thread: one at a time. */
#include "backup/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/keyfile.h"
#include "backup/backup.h"
#include "backup/tar.h"
#include "base/file_fault.h"
#include "base/mem.h"

enum { PIECE = 256 << 10, VKEYS_MAX = 4096 };

typedef struct Reader {
    HthIntake *in;
    HthAgeIn *age;
    json_t *seen; /* rows as in the list */
    HthBuf vkeys, manifest;
    uint8_t *piece; /* [PIECE] */
} Reader;

static HthStatus exactly(Reader *r, void *out, size_t n, HthErr *err) {
    uint8_t *p = out;
    while (n) {
        size_t got;
        HTH_TRY(hth_age_in_read(r->age, p, n, &got, err));
        HTH_REQUIRE(got, err, HTH_EFORMAT, "the archive in the backup ends too early");
        p += got;
        n -= got;
    }
    return HTH_OK;
}

static HthStatus zeros(Reader *r, size_t n, HthErr *err) {
    uint8_t block[HTH_TAR_BLOCK];
    HTH_TRY(exactly(r, block, n, err));
    for (size_t i = 0; i < n; i++)
        HTH_REQUIRE(!block[i], err, HTH_EFORMAT, "the archive in the backup is damaged");
    return HTH_OK;
}

/* ---- where a file goes ----------------------------------------------------------------------- */

static HthStatus make_folders(char *path, size_t root_n, HthErr *err) {
    for (char *p = path + root_n + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = 0;
        const bool ok = !hth_file_fault() && (!mkdir(path, 0700) || errno == EEXIST);
        const int why = errno;
        *p = '/';
        HTH_REQUIRE(ok, err, HTH_EIO, "cannot make a folder in %.150s: %s", path, strerror(why));
    }
    return HTH_OK;
}

/* *fd -1: it is only looked at. */
static HthStatus open_target(Reader *r, const char *name, int *fd, HthErr *err) {
    const HthStr s = hth_str(name);
    const bool state = hth_str_starts(s, HTH_STR(HTH_BACKUP_STATE)),
               model = hth_str_starts(s, HTH_STR(HTH_BACKUP_MODELS));
    char path[PATH_MAX];
    *fd = -1;
    HTH_REQUIRE(state || model, err, HTH_EFORMAT,
                "the backup holds a file that belongs nowhere: it was written by a newer hearth");
    const char *root = state ? r->in->state : r->in->models;
    if (!root) return HTH_OK;
    const int n = snprintf(path, sizeof path, "%s/%s", root, strchr(name, '/') + 1);
    HTH_REQUIRE(n > 0 && (size_t)n < sizeof path, err, HTH_ELIMIT, "a path is too long");
    HTH_TRY(make_folders(path, strlen(root), err));
    if (!hth_file_fault())
        *fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    HTH_REQUIRE(*fd >= 0, err, HTH_EIO, "cannot make %.150s: %s", path, strerror(errno));
    r->in->report.models += model;
    return HTH_OK;
}

static HthStatus put(int fd, const uint8_t *p, size_t n, HthErr *err) {
    while (fd >= 0 && n) {
        const ssize_t got = hth_file_fault() ? -1 : write(fd, p, n);
        if (got < 0 && errno == EINTR) continue;
        HTH_REQUIRE(got > 0, err, HTH_EIO, "cannot write what is restored: %s", strerror(errno));
        p += got;
        n -= (size_t)got;
    }
    return HTH_OK;
}

/* ---- one file -------------------------------------------------------------------------------- */

static HthStatus content(Reader *r, HthObject *obj, uint64_t bytes, int fd, HthBuf *keep,
                         HthErr *err) {
    const HthRestoreCfg *cfg = r->in->cfg;
    while (obj->bytes < bytes) {
        const uint64_t left = bytes - obj->bytes;
        size_t n;
        HTH_TRY(hth_age_in_read(r->age, r->piece, left < PIECE ? (size_t)left : PIECE, &n, err));
        HTH_REQUIRE(n, err, HTH_EFORMAT, "the archive in the backup ends too early");
        hth_object_add(obj, r->piece, n);
        if (keep) HTH_TRY(hth_buf_add(keep, r->piece, n, err));
        HTH_TRY(put(fd, r->piece, n, err));
        r->in->report.bytes += n;
        HTH_REQUIRE(!cfg->progress || cfg->progress(cfg->payload, r->in->report.bytes), err,
                    HTH_ECANCELED, "the restore was stopped");
    }
    return zeros(r, hth_tar_padding(bytes), err);
}

static HthStatus one_file(Reader *r, const HthTarHead *head, HthErr *err) {
    const bool vkeys = strcmp(head->name, HTH_BACKUP_STATE "audit/vkey") == 0;
    HthObject obj;
    int fd;
    HTH_TRY(open_target(r, head->name, &fd, err));
    HthStatus status = hth_object_begin(&obj, err);
    if (status == HTH_OK) {
        status = content(r, &obj, head->bytes, fd, vkeys ? &r->vkeys : NULL, err);
        if (status == HTH_OK) status = hth_object_end(&obj, hth_str(head->name), r->seen, err);
        hth_object_drop(&obj);
    }
    if (fd >= 0) close(fd);
    r->in->report.files++;
    return status;
}

static HthStatus take_manifest(Reader *r, uint64_t bytes, HthErr *err) {
    HTH_REQUIRE(bytes <= HTH_INVENTORY_MAX * UINT64_C(2), err, HTH_EFORMAT,
                "the list of the backup is too long");
    while (r->manifest.n < bytes) {
        const uint64_t left = bytes - r->manifest.n;
        const size_t n = left < PIECE ? (size_t)left : PIECE;
        HTH_TRY(exactly(r, r->piece, n, err));
        HTH_TRY(hth_buf_add(&r->manifest, r->piece, n, err));
    }
    HTH_TRY(zeros(r, hth_tar_padding(bytes), err));
    /* two blocks of zeros, and then nothing */
    HTH_TRY(zeros(r, HTH_TAR_BLOCK, err));
    HTH_TRY(zeros(r, HTH_TAR_BLOCK, err));
    size_t n;
    HTH_TRY(hth_age_in_read(r->age, r->piece, 1, &n, err));
    HTH_REQUIRE(!n, err, HTH_EFORMAT, "something follows the archive in the backup");
    return HTH_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static HthStatus read_archive(Reader *r, HthErr *err) {
    for (;;) {
        uint8_t block[HTH_TAR_BLOCK];
        HthTarHead head;
        HTH_TRY(exactly(r, block, sizeof block, err));
        HTH_TRY(hth_tar_parse(&head, block, err));
        HTH_REQUIRE(!head.end, err, HTH_EFORMAT, "the backup has no list of what is in it");
        if (strcmp(head.name, HTH_INVENTORY_NAME) == 0) return take_manifest(r, head.bytes, err);
        HTH_TRY(one_file(r, &head, err));
    }
}

/* By whom it has to be signed. */
static HthStatus signer(const Reader *r, HthVkey *out, HthErr *err) {
    HthVkey *all = NULL;
    size_t n = 0;
    HTH_TRY(hth_vkeys_parse(&all, &n, hth_buf_str(&r->vkeys), err));
    if (n == HTH_AUDIT_TREES) *out = all[hth_audit_tree_of(HTH_SHA256)];
    hth_free(all);
    HTH_REQUIRE(n == HTH_AUDIT_TREES, err, HTH_EFORMAT,
                "the backup does not hold the keys of its log");
    const HthVkey *want = r->in->cfg->vkey;
    HTH_REQUIRE(!want || (want->id == out->id && !memcmp(want->key, out->key, sizeof out->key)),
                err, HTH_EDENIED, "the backup was signed by another key than the one asked for");
    return HTH_OK;
}

static HthStatus check(Reader *r, HthErr *err) {
    HthIntake *in = r->in;
    HthVkey by;
    HTH_TRY(signer(r, &by, err));
    HTH_TRY(hth_inventory_read(&in->list, hth_buf_str(&r->manifest), &by, err));
    HTH_REQUIRE(json_equal(in->list.objects, r->seen), err, HTH_EFORMAT,
                "what is in the backup is not what was signed");
    in->report.made_s = in->list.made_s;
    in->report.log_entries = in->list.log.entries;
    memcpy(in->report.signer, by.name, sizeof by.name);
    return HTH_OK;
}

HthStatus hth_intake(HthIntake *in, HthErr *err) {
    Reader r = { .in = in, .seen = json_array(), .piece = hth_calloc(1, PIECE) };
    hth_buf_init(&r.vkeys, VKEYS_MAX);
    hth_buf_init(&r.manifest, HTH_INVENTORY_MAX * (size_t)2);
    HthStatus status = HTH_OK;
    if (!r.seen || !r.piece)
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for reading a backup");
    if (status == HTH_OK) status = hth_age_in_open(&r.age, &in->cfg->from, err);
    if (status == HTH_OK) status = read_archive(&r, err);
    if (status == HTH_OK) status = check(&r, err);
    hth_age_in_close(&r.age);
    hth_buf_drop(&r.manifest);
    hth_buf_drop(&r.vkeys);
    if (r.piece) hth_zero(r.piece, PIECE);
    hth_free(r.piece);
    json_decref(r.seen);
    return status;
}
