/* keyring_subject.c - see keyring.h: a random key for each subject, destroyed to erase him.
 *
 * The file is written anew for every change (there are as many changes as users come and go), and
 * what it replaces is shredded: a key that is gone is in no log and no free page.  Names are not in
 * it: a subject is found by an HMAC of his name.
 *
 * Thread: the keyring's lock; programs lock the folder to write. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "crypt/secret.h"
#include "vault/bytes.h"
#include "vault/keyring_int.h"
#include "base/shred.h"

enum {
    VERSION = 1,
    TAIL = HTH_HASH_BYTES,
    FILE_MAX = HTH_SUBJECTS_HEAD + HTH_SUBJECTS_MAX * HTH_SUBJECT_BYTES + TAIL
};
static const char magic[16] = "hearth subjects", what[] = "the keys of subjects";

HthStatus hth_subjects_check(HthStr bytes, uint32_t *count, HthErr *err) {
    const uint8_t *p = (const uint8_t *)bytes.p;
    HTH_REQUIRE(bytes.n >= HTH_SUBJECTS_HEAD + TAIL && memcmp(p, magic, sizeof magic) == 0, err,
                HTH_EFORMAT, "the file of subjects' keys is not one of hearth's, or was cut off");
    HTH_REQUIRE(hth_le32(p + 16) == VERSION, err, HTH_EFORMAT,
                "the file of subjects' keys was written by a newer hearth (version %u, this one "
                "knows %d)",
                hth_le32(p + 16), VERSION);
    const uint32_t n = hth_le32(p + 20);
    HTH_REQUIRE(n <= HTH_SUBJECTS_MAX &&
                    bytes.n == HTH_SUBJECTS_HEAD + (size_t)n * HTH_SUBJECT_BYTES + TAIL,
                err, HTH_EFORMAT,
                "the count in the file of subjects' keys is not that of its length");
    const uint8_t *record = p + HTH_SUBJECTS_HEAD;
    for (uint32_t i = 1; i < n; i++, record += HTH_SUBJECT_BYTES)
        HTH_REQUIRE(memcmp(record, record + HTH_SUBJECT_BYTES, HTH_SUBJECT_TAG) < 0, err,
                    HTH_EFORMAT, "the file of subjects' keys is not in order");
    *count = n;
    return HTH_OK;
}

static void mac_of(const HthKeyring *k, const HthBuf *b, uint8_t out[HTH_HASH_BYTES]) {
    uint8_t key[HTH_RING_KEY_BYTES];
    hth_ring_derive(k->root, k->id, "hearth keyring v1 subjects", key);
    hth_hmac_sha256(out, key, sizeof key, b->p, b->n - TAIL);
    hth_secret_wipe(key, sizeof key);
}

static HthStatus check(const HthKeyring *k, const HthBuf *b, HthErr *err) {
    uint8_t mac[HTH_HASH_BYTES];
    uint32_t n;
    HTH_TRY(hth_subjects_check(hth_buf_str(b), &n, err));
    mac_of(k, b, mac);
    HTH_REQUIRE(hth_secret_equal(mac, b->p + b->n - TAIL, sizeof mac), err, HTH_EFORMAT,
                "the file of subjects' keys is damaged, or is another keyring's");
    return HTH_OK;
}

static HthStatus empty(HthKeyring *k, HthErr *err) {
    HthBuf *b = &k->subjects;
    uint8_t head[HTH_SUBJECTS_HEAD + TAIL] = { 0 };
    memcpy(head, magic, sizeof magic);
    hth_put_le32(head + 16, VERSION);
    memcpy(head + 32, k->id, sizeof k->id);
    return hth_buf_add(b, head, sizeof head, err);
}

static bool same_time(struct timespec a, struct timespec b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* The file as it is now is in memory afterwards. */
static HthStatus load(HthKeyring *k, const char *path, HthErr *err) {
    struct stat st;
    bool there;
    HTH_TRY(hth_file_there(&there, path, err));
    HTH_REQUIRE(!there || !stat(path, &st), err, HTH_EIO, "cannot examine %s: %s", path,
                strerror(errno));
    if (there && k->subjects.n && st.st_ino == k->subjects_inode &&
        same_time(st.st_mtim, k->subjects_time))
        return HTH_OK;
    hth_buf_drop(&k->subjects);
    hth_buf_init(&k->subjects, FILE_MAX);
    HthStatus status = there ? hth_file_read(&k->subjects, path, err) : empty(k, err);
    if (status == HTH_OK && there) status = check(k, &k->subjects, err);
    if (status != HTH_OK) hth_buf_clear(&k->subjects);
    HTH_TRY(status);
    k->subjects_inode = there ? st.st_ino : 0;
    k->subjects_time = there ? st.st_mtim : (struct timespec){ 0 };
    return HTH_OK;
}

/* ---- records --------------------------------------------------------------------------------- */

typedef struct Spot {
    uint8_t tag[HTH_SUBJECT_TAG];
    size_t at; /* where his record begins, or would */
    bool there;
} Spot;

static uint32_t count_of(const HthKeyring *k) {
    return hth_le32(k->subjects.p + 20);
}

static Spot find(const HthKeyring *k, HthStr subject) {
    Spot s = { .at = 0 };
    uint8_t key[HTH_RING_KEY_BYTES], mac[HTH_HASH_BYTES];
    hth_ring_derive(k->root, k->id, "hearth keyring v1 subject names", key);
    hth_hmac_sha256(mac, key, sizeof key, subject.p, subject.n);
    hth_secret_wipe(key, sizeof key);
    memcpy(s.tag, mac, sizeof s.tag);
    uint32_t low = 0, high = count_of(k);
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2;
        const char *p = k->subjects.p + HTH_SUBJECTS_HEAD + (size_t)mid * HTH_SUBJECT_BYTES;
        if (memcmp(p, s.tag, sizeof s.tag) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    s.at = HTH_SUBJECTS_HEAD + (size_t)low * HTH_SUBJECT_BYTES;
    s.there = low < count_of(k) && memcmp(k->subjects.p + s.at, s.tag, sizeof s.tag) == 0;
    return s;
}

enum { BOUND = HTH_RING_ID + HTH_SUBJECT_TAG };
static void bound_of(uint8_t out[BOUND], const HthKeyring *k, const uint8_t *tag) {
    memcpy(out, k->id, HTH_RING_ID);
    memcpy(out + HTH_RING_ID, tag, HTH_SUBJECT_TAG);
}

static void record_seal(const HthKeyring *k, const Spot *s, const uint8_t *key, uint8_t *out) {
    uint8_t bound[BOUND];
    bound_of(bound, k, s->tag);
    memcpy(out, s->tag, sizeof s->tag);
    hth_random(out + HTH_SUBJECT_TAG, HTH_RING_NONCE);
    hth_seal(HTH_XCHACHA, out + HTH_SUBJECT_TAG + HTH_RING_NONCE, key, HTH_RING_KEY_BYTES, bound,
             sizeof bound, out + HTH_SUBJECT_TAG, k->root);
}

static HthStatus record_unseal(const HthKeyring *k, const Spot *s, uint8_t *out, HthErr *err) {
    uint8_t bound[BOUND];
    const uint8_t *p = (const uint8_t *)k->subjects.p + s->at + HTH_SUBJECT_TAG;
    bound_of(bound, k, s->tag);
    HTH_REQUIRE(hth_unseal(HTH_XCHACHA, out, p + HTH_RING_NONCE, HTH_RING_SEALED, bound,
                           sizeof bound, p, k->root),
                err, HTH_EFORMAT, "a subject's key is damaged");
    return HTH_OK;
}

/* The bytes in memory with one record more at s (record), or without the one at s (NULL); on the
 * disk first. */
static HthStatus rewrite(HthKeyring *k, const char *path, const Spot *s, const uint8_t *record,
                         HthErr *err) {
    HthBuf b;
    const HthBuf *old = &k->subjects;
    const size_t skip = record ? 0 : HTH_SUBJECT_BYTES;
    hth_buf_init(&b, FILE_MAX);
    HthStatus status = hth_buf_add(&b, old->p, s->at, err);
    if (status == HTH_OK && record) status = hth_buf_add(&b, record, HTH_SUBJECT_BYTES, err);
    if (status == HTH_OK)
        status = hth_buf_add(&b, old->p + s->at + skip, old->n - s->at - skip, err);
    if (status == HTH_OK) {
        uint8_t *p = (uint8_t *)b.p;
        hth_put_le32(p + 20, count_of(k) + (record ? 1 : -1U));
        hth_put_le64(p + 24, hth_le64(p + 24) + 1);
        mac_of(k, &b, p + b.n - TAIL);
        status = hth_shred_replace(path, b.p, b.n, err);
        hth_buf_clear(&k->subjects); /* read again, whatever came of it */
    }
    hth_buf_drop(&b);
    return status;
}

/* ---- for others ------------------------------------------------------------------------------ */

typedef struct Job {
    HthStr subject;
    uint8_t *out; /* NULL: erase */
    bool make, there;
} Job;

static HthStatus add(HthKeyring *k, const char *path, const Spot *s, uint8_t *out, HthErr *err) {
    uint8_t record[HTH_SUBJECT_BYTES];
    HTH_REQUIRE(count_of(k) < HTH_SUBJECTS_MAX, err, HTH_ELIMIT,
                "there are %d subjects with keys, and there can be no more", HTH_SUBJECTS_MAX);
    hth_random(out, HTH_RING_KEY_BYTES);
    record_seal(k, s, out, record);
    const HthStatus status = rewrite(k, path, s, record, err);
    if (status != HTH_OK) hth_secret_wipe(out, HTH_RING_KEY_BYTES);
    return status;
}

static HthStatus work(HthKeyring *k, const char *path, Job *job, bool locked, bool *again,
                      HthErr *err) {
    if (locked) HTH_TRY(hth_shred_left_over(path, err));
    HTH_TRY(load(k, path, err));
    const Spot s = find(k, job->subject);
    job->there = s.there;
    if (job->out && s.there) return record_unseal(k, &s, job->out, err);
    *again = !locked && (!job->out || job->make);
    if (*again) return HTH_OK;
    if (job->out && job->make) {
        job->there = true;
        return add(k, path, &s, job->out, err);
    }
    return !job->out && s.there ? rewrite(k, path, &s, NULL, err) : HTH_OK;
}

static HthStatus run(HthKeyring *k, Job *job, HthErr *err) {
    HthBuf path;
    bool again = false;
    int folder = -1;
    HTH_REQUIRE(job->subject.n > 0 && job->subject.n <= HTH_SUBJECT_MAX, err, HTH_EINVAL,
                "the name of a subject has 1 to %d bytes", HTH_SUBJECT_MAX);
    HthStatus status = hth_ring_path(&path, k->folder, "subjects", err);
    pthread_mutex_lock(&k->lock);
    if (status == HTH_OK) status = work(k, path.p, job, false, &again, err);
    if (status == HTH_OK && again) {
        status = hth_folder_lock(&folder, k->folder, what, err);
        if (status == HTH_OK) status = work(k, path.p, job, true, &again, err);
    }
    pthread_mutex_unlock(&k->lock);
    if (folder >= 0) close(folder);
    hth_buf_drop(&path);
    return status;
}

HthStatus hth_subject_key(HthKeyring *k, HthStr subject, bool make, uint8_t out[HTH_RING_KEY_BYTES],
                          bool *there, HthErr *err) {
    Job job = { .subject = subject, .out = out, .make = make };
    const HthStatus status = run(k, &job, err);
    if (status == HTH_OK) *there = job.there;
    return status;
}

HthStatus hth_subject_erase(HthKeyring *k, HthStr subject, bool *there, HthErr *err) {
    Job job = { .subject = subject };
    const HthStatus status = run(k, &job, err);
    if (status == HTH_OK) *there = job.there;
    return status;
}
