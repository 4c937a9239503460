/* store_blob.c - uploaded files: written beside, checked by digest, then given their name.
 *
 * A temporary file is locked by whoever writes it; those that nobody locks are remains of a crash
 * and go when the next one is begun.
 *
 * Thread: one at a time per blob; any for the store. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file_fault.h"
#include "base/mem.h"
#include "base/rng.h"
#include "crypt/hash.h"
#include "vault/beneath.h"
#include "vault/store_int.h"

struct HthBlob {
    HthStore *m;
    int folder, fd; /* home/blobs, the temporary file */
    HthHash hash;
    uint64_t added; /* bytes through hth_blob_add */
    char hex[65], temp[96], name[80];
};

static HthStatus open_blobs(HthStore *m, bool make, int *out, HthErr *err) {
    int home;
    *out = -1;
    if (!make && (!m->home || (home = hth_folder_open(m->home, false)) < 0)) return HTH_OK;
    if (make) {
        HTH_TRY(hth_home_open(m, &home, err));
        if (hth_beneath_mkdirs(home, "blobs/")) {
            close(home);
            return HTH_FAIL(err, HTH_EIO, "cannot make the folder for blobs: %s", strerror(errno));
        }
    }
    *out = hth_beneath_open_nolinks(home, "blobs", O_RDONLY | O_DIRECTORY, 0);
    const int why = errno;
    close(home);
    HTH_REQUIRE(*out >= 0 || !make, err, HTH_EIO, "cannot open the folder for blobs: %s",
                strerror(why));
    return HTH_OK;
}

HthStatus hth_blob_has(HthStore *m, HthStr digest, bool *there, uint64_t *bytes, HthErr *err) {
    char hex[65], name[80];
    struct stat st;
    int folder;
    HTH_TRY(hth_digest_parse(hex, digest, err));
    HTH_TRY(open_blobs(m, false, &folder, err));
    snprintf(name, sizeof name, "sha256-%s", hex);
    *there = folder >= 0 && !fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode);
    if (*there && bytes) *bytes = (uint64_t)st.st_size;
    if (folder >= 0) close(folder);
    return HTH_OK;
}

/* Temporary files of processes that are gone. */
static void sweep(int folder) {
    const int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir && fd >= 0) close(fd);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        if (!hth_str_starts(hth_str(e->d_name), HTH_STR(".upload-"))) continue;
        const int old = openat(folder, e->d_name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        if (old < 0) continue;
        if (!flock(old, LOCK_EX | LOCK_NB)) unlinkat(folder, e->d_name, 0);
        close(old);
    }
    if (dir) closedir(dir);
}

static HthStatus open_temp(HthBlob *b, HthErr *err) {
    for (int i = 0; i < 100; i++) {
        snprintf(b->temp, sizeof b->temp, ".upload-%016llx", (unsigned long long)hth_rng_entropy());
        b->fd = hth_file_fault() ? -1
                                 : openat(b->folder, b->temp,
                                          O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (b->fd >= 0 && !flock(b->fd, LOCK_EX | LOCK_NB)) return HTH_OK;
        if (b->fd >= 0) close(b->fd); /* swept between the two calls */
        b->fd = -1;
        if (errno != EEXIST && errno != EWOULDBLOCK) break;
    }
    b->temp[0] = '\0';
    return HTH_FAIL(err, HTH_EIO, "cannot create a file in the folder for blobs: %s",
                    strerror(errno));
}

HthStatus hth_blob_begin(HthStore *m, HthStr digest, HthBlob **out, HthErr *err) {
    char hex[65];
    HTH_TRY(hth_digest_parse(hex, digest, err));
    HthBlob *b = hth_calloc(1, sizeof *b);
    HTH_REQUIRE(b, err, HTH_ENOMEM, "out of memory for a blob");
    b->m = m;
    b->folder = b->fd = -1;
    memcpy(b->hex, hex, sizeof hex);
    snprintf(b->name, sizeof b->name, "sha256-%s", hex);
    HthStatus status = open_blobs(m, true, &b->folder, err);
    if (status == HTH_OK) {
        sweep(b->folder);
        status = open_temp(b, err);
    }
    if (status == HTH_OK) status = hth_hash_begin(&b->hash, HTH_SHA256, err);
    if (status != HTH_OK)
        hth_blob_abort(&b);
    else
        *out = b;
    return status;
}

HthStatus hth_blob_add(HthBlob *b, const void *bytes, size_t n, HthErr *err) {
    HTH_REQUIRE(n <= b->m->blob_max - b->added, err, HTH_ELIMIT,
                "the file is longer than the limit of %llu bytes",
                (unsigned long long)b->m->blob_max);
    const char *p = bytes;
    for (size_t left = n; left;) {
        const ssize_t put = hth_file_fault() ? -1 : write(b->fd, p, left);
        if (put < 0 && errno == EINTR) continue;
        HTH_REQUIRE(put > 0, err, HTH_EIO, "cannot write the uploaded file: %s",
                    put < 0 ? strerror(errno) : "nothing was taken");
        p += put;
        left -= (size_t)put;
    }
    hth_hash_add(&b->hash, bytes, n);
    b->added += n;
    return HTH_OK;
}

uint64_t hth_blob_max(const HthBlob *b) {
    return b->m->blob_max;
}

int hth_blob_fd(const HthBlob *b) {
    return b->fd;
}

static HthStatus publish(HthBlob *b, HthErr *err) {
    struct stat st;
    uint8_t sum[HTH_HASH_BYTES];
    char hex[65];
    HTH_REQUIRE(!fstat(b->fd, &st), err, HTH_EIO, "cannot examine the uploaded file: %s",
                strerror(errno));
    HTH_REQUIRE((uint64_t)st.st_size <= b->m->blob_max, err, HTH_ELIMIT,
                "the file is longer than the limit of %llu bytes",
                (unsigned long long)b->m->blob_max);
    if (b->added)
        hth_hash_end(&b->hash, sum);
    else
        HTH_TRY(hth_hash_fd(HTH_SHA256, b->fd, "the uploaded file", NULL, NULL, sum, err));
    hth_hex(hex, sum, sizeof sum);
    const bool right = !strcmp(hex, b->hex) && (!b->added || b->added == (uint64_t)st.st_size);
    HTH_REQUIRE(right, err, HTH_EINVAL,
                "the uploaded file has another digest, sha256:%s; was it changed on the way?", hex);
    const bool synced = !hth_file_fault() && !fsync(b->fd);
    HTH_REQUIRE(synced, err, HTH_EIO, "cannot make the uploaded file durable: %s", strerror(errno));
    const bool renamed = !hth_file_fault() && !renameat(b->folder, b->temp, b->folder, b->name);
    HTH_REQUIRE(renamed, err, HTH_EIO, "cannot put the uploaded file in place: %s",
                strerror(errno));
    b->temp[0] = '\0';
    const bool durable = !hth_file_fault() && (!fsync(b->folder) || errno == EINVAL);
    HTH_REQUIRE(durable, err, HTH_EIO, "cannot make the uploaded file durable: %s",
                strerror(errno));
    return HTH_OK;
}

/* Whoever makes a model of it need not read it again, as long as it stays as it is. */
static void remember(const HthBlob *b) {
    struct stat st;
    if (fstat(b->fd, &st)) return;
    const HthIdent id = hth_ident_of(&st);
    pthread_mutex_lock(&b->m->lock);
    HthFact *f = hth_fact_of(b->m, &id, true);
    if (f) memcpy(f->digest, b->hex, sizeof b->hex);
    pthread_mutex_unlock(&b->m->lock);
}

HthStatus hth_blob_commit(HthBlob **b, HthErr *err) {
    const HthStatus status = publish(*b, err);
    if (status == HTH_OK) remember(*b);
    hth_blob_abort(b);
    return status;
}

void hth_blob_abort(HthBlob **b) {
    if (!*b) return;
    hth_hash_end(&(*b)->hash, NULL);
    if ((*b)->temp[0]) unlinkat((*b)->folder, (*b)->temp, 0);
    if ((*b)->fd >= 0) close((*b)->fd);
    if ((*b)->folder >= 0) close((*b)->folder);
    hth_free(*b);
    *b = NULL;
}
