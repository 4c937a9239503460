/* store_digest.c - digests of model files: computed once, without the lock, and remembered.
 *
 * Thread: any. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file_fault.h"
#include "base/mem.h"
#include "crypt/hash.h"
#include "vault/store_int.h"

/* Progress over all parts. */
typedef struct Sum {
    HthDigestProgress progress;
    void *payload;
    uint64_t before, total;
} Sum;

static bool tell(void *payload, uint64_t done, uint64_t total) {
    const Sum *s = payload;
    (void)total;
    return !s->progress || s->progress(s->payload, s->before + done, s->total);
}

static HthStatus add_part(HthHash *h, const char *path, Sum *sum, HthIdent *id, HthErr *err) {
    const int fd = hth_file_fault() ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "cannot open %s: %s", path, strerror(errno));
    struct stat st = { 0 };
    HthStatus status = hth_hash_add_fd(h, fd, path, tell, sum, err);
    if (fstat(fd, &st)) status = HTH_FAIL(err, HTH_EIO, "cannot examine %s", path);
    const HthIdent part = hth_ident_of(&st);
    close(fd);
    if (id->ino == 0) *id = (HthIdent){ part.dev, part.ino, 0, part.mtime_ns };
    id->bytes += part.bytes;
    if (part.mtime_ns > id->mtime_ns) id->mtime_ns = part.mtime_ns;
    sum->before += part.bytes;
    return status;
}

/* `id` is what the bytes that were read belong to. */
static HthStatus sum_file(const HthStored *f, Sum *sum, HthIdent *id, uint8_t out[HTH_HASH_BYTES],
                          HthErr *err) {
    HthHash h = { 0 };
    HthBuf path;
    hth_buf_init(&path, 8192);
    *id = (HthIdent){ 0 };
    HTH_TRY(hth_hash_begin(&h, HTH_SHA256, err));
    HthStatus status = HTH_OK;
    for (uint32_t i = 1; status == HTH_OK && i <= f->parts; i++) {
        if (f->parts > 1) status = hth_store_part(&path, f, i, err);
        if (status == HTH_OK) status = add_part(&h, f->parts > 1 ? path.p : f->path, sum, id, err);
    }
    hth_hash_end(&h, status == HTH_OK ? out : NULL);
    hth_buf_drop(&path);
    return status;
}

static void remember(HthStore *m, const HthIdent *id, const char *hex) {
    pthread_mutex_lock(&m->lock);
    HthFact *f = hth_fact_of(m, id, true);
    if (f) {
        memcpy(f->digest, hex, 65);
        m->facts_dirty = true;
        hth_facts_save(m);
    }
    pthread_mutex_unlock(&m->lock);
}

HthStatus hth_store_check_blob(const HthStore *m, const char *path, const char *hex, HthErr *err) {
    static const char in[] = "/blobs/sha256-";
    const size_t n = m->home ? strlen(m->home) : 0;
    if (!n || !path || strncmp(path, m->home, n) != 0) return HTH_OK;
    if (strncmp(path + n, in, sizeof in - 1) != 0) return HTH_OK;
    const char *name = path + n + sizeof in - 1;
    HTH_REQUIRE(strcmp(name, hex) == 0, err, HTH_EFORMAT,
                "its file was changed or is damaged: blob sha256-%.12s... has the digest %.12s...; "
                "make the model again",
                name, hex);
    return HTH_OK;
}

static HthStatus check_claim(const HthStored *info, const char *hex, HthErr *err) {
    const json_t *claim = json_object_get(info->settings, "sha256");
    if (!json_is_string(claim)) return HTH_OK;
    const char *text = json_string_value(claim);
    if (!strncmp(text, "sha256:", 7)) text += 7;
    HTH_REQUIRE(!strcmp(text, hex), err, HTH_EFORMAT,
                "%s is not the file its manifest speaks of: its SHA-256 is %.16s..., and %.16s... "
                "is wanted",
                info->full, hex, text);
    return HTH_OK;
}

HthStatus hth_store_digest_of(HthStore *m, const HthStored *f, HthDigestProgress progress,
                              void *payload, char hex[65], HthErr *err) {
    char text[65] = "";
    if (f->digest[0]) {
        memcpy(text, f->digest, sizeof text);
    } else if (f->error[0]) {
        return HTH_FAIL(err, HTH_EFORMAT, "%s", f->error);
    } else {
        Sum sum = { progress, payload, 0, f->bytes };
        uint8_t bytes[HTH_HASH_BYTES];
        HthIdent id;
        HTH_TRY(sum_file(f, &sum, &id, bytes, err));
        hth_hex(text, bytes, sizeof bytes);
        remember(m, &id, text);
    }
    HTH_TRY(hth_store_check_blob(m, f->path, text, err));
    HTH_TRY(check_claim(f, text, err));
    memcpy(hex, text, sizeof text);
    return HTH_OK;
}

HthStatus hth_store_digest(HthStore *m, HthStr name, HthDigestProgress progress, void *payload,
                           char hex[65], HthErr *err) {
    HthStoreList *l = NULL;
    HTH_TRY(hth_store_find(m, name, &l, err));
    const HthStatus status = l->count
                                 ? hth_store_digest_of(m, &l->items[0], progress, payload, hex, err)
                                 : HTH_FAIL(err, HTH_EINVAL, "there is no such model");
    hth_store_list_close(&l);
    return status;
}

HthStatus hth_store_digest_next(HthStore *m, HthDigestProgress progress, void *payload, bool *more,
                                HthErr *err) {
    HthStoreList *l = NULL;
    char hex[65];
    *more = false;
    HTH_TRY(hth_store_list(m, &l, err));
    HthStatus status = HTH_OK;
    for (size_t i = 0; i < l->count; i++) {
        if (l->items[i].digest[0] || l->items[i].error[0]) continue;
        status = hth_store_digest_of(m, &l->items[i], progress, payload, hex, err);
        *more = status != HTH_EIO; /* one that cannot be read is not in the way of the others */
        if (*more) break;
    }
    hth_store_list_close(&l);
    return status;
}
