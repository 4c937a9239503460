/* keyring.c - see keyring.h: making it, opening it, slots.
 *
 * Thread: any; whoever writes has the folder locked, and reads again what is there first. */
#include "vault/keyring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/file_fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "crypt/secret.h"
#include "vault/keyring_int.h"
#include "base/shred.h"

enum { FILE_MAX = 1 << 16 };
static const char what[] = "the keyring";

HthStatus hth_ring_path(HthBuf *out, const char *folder, const char *name, HthErr *err) {
    hth_buf_init(out, PATH_MAX - 1);
    return hth_buf_printf(out, err, "%s/%s", folder, name);
}

/* *there false: there is none. What a crash left of an older one is ended; with the folder locked.
 */
static HthStatus read_ring(HthRing *out, const char *folder, bool *there, HthErr *err) {
    HthBuf path, bytes;
    hth_buf_init(&bytes, FILE_MAX);
    HthStatus status = hth_ring_path(&path, folder, "keyring", err);
    *there = false;
    if (status == HTH_OK) status = hth_file_there(there, path.p, err);
    if (status == HTH_OK && *there) {
        status = hth_shred_left_over(path.p, err);
        if (status == HTH_OK) status = hth_file_read(&bytes, path.p, err);
        if (status == HTH_OK) status = hth_ring_parse(out, hth_buf_str(&bytes), err);
    }
    hth_buf_drop(&bytes);
    hth_buf_drop(&path);
    return status;
}

static HthStatus write_ring(const HthRing *r, const char *folder, const uint8_t *root,
                            HthErr *err) {
    HthBuf path, bytes;
    hth_buf_init(&bytes, FILE_MAX);
    HthStatus status = hth_ring_path(&path, folder, "keyring", err);
    if (status == HTH_OK) status = hth_ring_print(&bytes, r, root, err);
    if (status == HTH_OK) status = hth_shred_replace(path.p, bytes.p, bytes.n, err);
    hth_buf_drop(&bytes);
    hth_buf_drop(&path);
    return status;
}

/* ---- key files ------------------------------------------------------------------------------- */

static HthStatus read_key_fd(uint8_t key[HTH_RING_KEY_BYTES], int fd, const char *path,
                             HthErr *err) {
    struct stat st;
    uint8_t more;
    HTH_REQUIRE(!fstat(fd, &st) && S_ISREG(st.st_mode), err, HTH_EFORMAT,
                "%.150s is not a file, and a key is wanted there", path);
    HTH_REQUIRE((st.st_uid == geteuid() || st.st_uid == 0) && !(st.st_mode & 077), err, HTH_EDENIED,
                "others may read or write the key file %.150s, or it is another user's (chmod 600)",
                path);
    const ssize_t n = hth_file_fault() ? -1 : read(fd, key, HTH_RING_KEY_BYTES);
    HTH_REQUIRE(n >= 0, err, HTH_EIO, "cannot read the key file %.150s: %s", path, strerror(errno));
    HTH_REQUIRE(n == HTH_RING_KEY_BYTES && read(fd, &more, 1) == 0, err, HTH_EFORMAT,
                "the key file %.150s has not %d bytes: it is not one, or it was cut off", path,
                HTH_RING_KEY_BYTES);
    return HTH_OK;
}

/* *there false: there is no such file. */
static HthStatus read_key(uint8_t key[HTH_RING_KEY_BYTES], const char *path, bool *there,
                          HthErr *err) {
    const int fd =
        hth_file_fault() ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    *there = fd >= 0;
    if (fd < 0 && errno == ENOENT) return HTH_OK;
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "cannot open the key file %.150s: %s", path,
                strerror(errno));
    const HthStatus status = read_key_fd(key, fd, path, err);
    close(fd);
    return status;
}

static bool put_key(const uint8_t key[HTH_RING_KEY_BYTES], const char *path) {
    (void)unlink(path); /* of a crash */
    const int fd = hth_file_fault()
                       ? -1
                       : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return false;
    const bool ok = !hth_file_fault() && write(fd, key, HTH_RING_KEY_BYTES) == HTH_RING_KEY_BYTES &&
                    !hth_file_fault() && fsync(fd) == 0;
    const int why = errno;
    close(fd);
    errno = why;
    return ok;
}

/* Not by hth_file_write: that would leave the key in memory it has given back. */
static HthStatus make_key(uint8_t key[HTH_RING_KEY_BYTES], const char *path, HthErr *err) {
    char beside[PATH_MAX];
    const int n = snprintf(beside, sizeof beside, "%s-new", path);
    HTH_REQUIRE(n > 0 && (size_t)n < sizeof beside, err, HTH_ELIMIT,
                "the path of the key file is too long");
    hth_random(key, HTH_RING_KEY_BYTES);
    HTH_REQUIRE(put_key(key, beside) && !hth_file_fault() && !rename(beside, path), err, HTH_EIO,
                "cannot write the key file %.150s: %s", path, strerror(errno));
    return hth_file_sync_beside(path, err);
}

/* ---- what was plain once --------------------------------------------------------------------- */

static bool is_plain(int folder, const char *name) {
    static const char sqlite[16] = "SQLite format 3";
    char head[sizeof sqlite];
    if (strcmp(name, "keys.json") == 0) return true;
    if (!hth_str_ends(hth_str(name), HTH_STR(".db"))) return false;
    const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    const bool is = fd >= 0 && read(fd, head, sizeof head) == sizeof head &&
                    memcmp(head, sqlite, sizeof head) == 0;
    if (fd >= 0) close(fd);
    return is;
}

/* A file of the folder that an older hearth would have left, and this one would take over.
 * name[0] 0: there is none. */
static HthStatus find_plain(char name[NAME_MAX + 1], const char *folder, HthErr *err) {
    DIR *d = hth_file_fault() ? NULL : opendir(folder);
    HTH_REQUIRE(d, err, HTH_EIO, "cannot read the folder %.150s: %s", folder, strerror(errno));
    name[0] = 0;
    for (struct dirent *e; !name[0] && (e = readdir(d)) != NULL;)
        if (is_plain(dirfd(d), e->d_name)) (void)snprintf(name, NAME_MAX + 1, "%s", e->d_name);
    closedir(d);
    return HTH_OK;
}

/* Who cannot write what is sealed could put a plain one in its place: with a user of his own. */
static HthStatus nothing_plain(const HthRing *r, const char *folder, HthErr *err) {
    char name[NAME_MAX + 1] = "";
    if (r->sealed_only) HTH_TRY(find_plain(name, folder, err));
    HTH_REQUIRE(!name[0], err, HTH_EDENIED,
                "%.60s in %.150s is plain, and all of this keyring is sealed: somebody has put it "
                "there; move it away",
                name, folder);
    return HTH_OK;
}

static HthStatus settle_plain(HthRing *r, const char *folder, HthErr *err) {
    char name[NAME_MAX + 1] = "";
    if (!r->sealed_only) HTH_TRY(find_plain(name, folder, err));
    r->sealed_only = !name[0];
    return HTH_OK;
}

/* ---- sealing the root for a slot ------------------------------------------------------------- */

static void slot_key_of_file(uint8_t out[HTH_RING_KEY_BYTES], const uint8_t *key,
                             const HthRingSlot *s) {
    hth_hkdf(out, HTH_RING_KEY_BYTES, key, HTH_RING_KEY_BYTES, s->salt, sizeof s->salt,
             HTH_STR("hearth keyring v1 key file"));
}

static HthStatus slot_key_of_words(uint8_t out[HTH_RING_KEY_BYTES], HthStr words,
                                   const HthRingSlot *s, HthErr *err) {
    return hth_argon2id(out, HTH_RING_KEY_BYTES, words, s->salt, s->cost, err);
}

HthStatus hth_slot_new(HthRingSlot **out, HthRing *r, HthSlotKind kind, HthErr *err) {
    HTH_REQUIRE(r->count < HTH_SLOTS_MAX, err, HTH_ELIMIT, "the keyring has no more than %d slots",
                HTH_SLOTS_MAX);
    HthRingSlot *s = &r->slots[r->count];
    *s = (HthRingSlot){ .face = { .kind = kind, .number = 1, .created_s = hth_clock_unix_s() } };
    for (uint32_t i = 0; i < r->count; i++)
        if (r->slots[i].face.number >= s->face.number) s->face.number = r->slots[i].face.number + 1;
    if (kind == HTH_SLOT_PASSPHRASE) s->cost = hth_argon_default;
    hth_random(s->salt, sizeof s->salt);
    hth_random(s->nonce, sizeof s->nonce);
    r->count++;
    *out = s;
    return HTH_OK;
}

void hth_slot_seal(const HthRing *r, HthRingSlot *s, const uint8_t *slot_key, const uint8_t *root) {
    uint8_t bound[HTH_SLOT_BOUND];
    hth_slot_bound(bound, r, s);
    hth_seal(HTH_XCHACHA, s->sealed, root, HTH_RING_KEY_BYTES, bound, sizeof bound, s->nonce,
             slot_key);
}

bool hth_slot_unseal(const HthRing *r, const HthRingSlot *s, const uint8_t *slot_key,
                     uint8_t *root) {
    uint8_t bound[HTH_SLOT_BOUND];
    hth_slot_bound(bound, r, s);
    return hth_unseal(HTH_XCHACHA, root, s->sealed, sizeof s->sealed, bound, sizeof bound, s->nonce,
                      slot_key);
}

/* ---- opening --------------------------------------------------------------------------------- */

static HthStatus desk_open(HthRingDesk **out, HthErr *err) {
    void *p = NULL;
    HTH_TRY(hth_secret_alloc(&p, sizeof(HthRingDesk), err));
    *out = p;
    return HTH_OK;
}

static bool has(const HthRing *r, HthSlotKind kind) {
    for (uint32_t i = 0; i < r->count; i++)
        if (r->slots[i].face.kind == kind) return true;
    return false;
}

static HthStatus try_file(HthKeyring *k, HthRingDesk *d, const HthRing *r, bool *open,
                          HthErr *err) {
    bool there = false;
    if (!has(r, HTH_SLOT_FILE)) return HTH_OK;
    HTH_TRY(read_key(d->file, k->key_file, &there, err));
    for (uint32_t i = 0; there && !*open && i < r->count; i++) {
        if (r->slots[i].face.kind != HTH_SLOT_FILE) continue;
        slot_key_of_file(d->slot, d->file, &r->slots[i]);
        *open = hth_slot_unseal(r, &r->slots[i], d->slot, k->root);
    }
    return HTH_OK;
}

static HthStatus try_words(HthKeyring *k, HthRingDesk *d, const HthRing *r,
                           const HthKeyringCfg *cfg, bool *open, HthErr *err) {
    if (!has(r, HTH_SLOT_PASSPHRASE) || !cfg->ask) return HTH_OK;
    HTH_TRY(cfg->ask(cfg->payload, d->words, &d->words_n, err));
    HTH_ASSERT(d->words_n <= sizeof d->words);
    for (uint32_t i = 0; !*open && i < r->count; i++) {
        if (r->slots[i].face.kind != HTH_SLOT_PASSPHRASE) continue;
        HTH_TRY(slot_key_of_words(d->slot, (HthStr){ d->words, d->words_n }, &r->slots[i], err));
        *open = hth_slot_unseal(r, &r->slots[i], d->slot, k->root);
    }
    HTH_REQUIRE(*open, err, HTH_EDENIED, "the passphrase does not open the keyring in %.150s",
                k->folder);
    return HTH_OK;
}

/* Each thing that could have opened it, and why it did not. */
static HthStatus locked(const HthKeyring *k, const HthRing *r, const HthErr *tpm, HthErr *err) {
    const char *const why[] = {
        has(r, HTH_SLOT_FILE) ? "its key file is not there or is another's" : "",
        has(r, HTH_SLOT_TPM) ? tpm->text : "",
        has(r, HTH_SLOT_PASSPHRASE) ? "nobody was asked for the passphrase" : "",
    };
    char all[sizeof err->text] = "";
    for (size_t i = 0, n = 0; i < HTH_COUNT(why) && n < sizeof all; i++)
        if (why[i][0])
            n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", n ? "; " : "", why[i]);
    return HTH_FAIL(err, HTH_EDENIED, "the keyring in %.60s is locked: %s", k->folder, all);
}

static HthStatus unlock(HthKeyring *k, HthRingDesk *d, const HthRing *r, const HthKeyringCfg *cfg,
                        HthErr *err) {
    bool open = false;
    HthErr tpm = { 0 };
    HTH_TRY(try_file(k, d, r, &open, err));
    if (!open) HTH_TRY(hth_ring_try_tpm(k, d, r, cfg, &open, &tpm, err));
    if (!open && tpm.text[0] && has(r, HTH_SLOT_PASSPHRASE) && cfg->ask)
        hth_log(HTH_LOG_WARN, "the keyring's slot of the TPM does not open it: %s", tpm.text);
    if (!open) HTH_TRY(try_words(k, d, r, cfg, &open, err));
    if (!open) return locked(k, r, &tpm, err);
    HTH_REQUIRE(hth_ring_mac_ok(r, k->root), err, HTH_EFORMAT,
                "the keyring was changed by somebody who does not have its key");
    memcpy(k->id, r->id, sizeof k->id);
    return HTH_OK;
}

static HthStatus make_ring(HthKeyring *k, HthRingDesk *d, HthErr *err) {
    HthRing r = { 0 };
    bool there = false;
    HTH_TRY(read_key(d->file, k->key_file, &there, err)); /* of a keyring that was not finished */
    if (!there) HTH_TRY(make_key(d->file, k->key_file, err));
    HTH_TRY(settle_plain(&r, k->folder, err));
    hth_random(r.id, sizeof r.id);
    hth_random(k->root, HTH_RING_KEY_BYTES);
    HthRingSlot *s = NULL;
    HTH_TRY(hth_slot_new(&s, &r, HTH_SLOT_FILE, err));
    slot_key_of_file(d->slot, d->file, s);
    hth_slot_seal(&r, s, d->slot, k->root);
    memcpy(k->id, r.id, sizeof k->id);
    return write_ring(&r, k->folder, k->root, err);
}

static HthStatus set_up(HthKeyring *k, HthRingDesk *d, const HthKeyringCfg *cfg, HthErr *err) {
    HthRing r;
    HthBuf path;
    bool there = false;
    HthStatus status = hth_ring_path(&path, cfg->folder, "keyring.key", err);
    if (status == HTH_OK) {
        k->folder = hth_strdup(cfg->folder);
        k->key_file = hth_strdup(cfg->key_file ? cfg->key_file : path.p);
    }
    hth_buf_drop(&path);
    HTH_TRY(status);
    void *root = NULL;
    HTH_REQUIRE(k->folder && k->key_file, err, HTH_ENOMEM, "out of memory for the keyring");
    HTH_TRY(hth_secret_alloc(&root, HTH_RING_KEY_BYTES, err));
    k->root = root;
    HTH_TRY(read_ring(&r, k->folder, &there, err));
    if (there) {
        HTH_TRY(unlock(k, d, &r, cfg, err));
        return nothing_plain(&r, k->folder, err);
    }
    HTH_REQUIRE(cfg->make, err, HTH_EINVAL, "there is no keyring in %.150s", k->folder);
    return make_ring(k, d, err);
}

HthStatus hth_keyring_open(HthKeyring **out, const HthKeyringCfg *cfg, HthErr *err) {
    HthRingDesk *d = NULL;
    int folder = -1;
    HthKeyring *k = hth_calloc(1, sizeof *k);
    HTH_REQUIRE(k, err, HTH_ENOMEM, "out of memory for the keyring");
    pthread_mutex_init(&k->lock, NULL);
    HthStatus status = desk_open(&d, err);
    if (status == HTH_OK) status = hth_folder_lock(&folder, cfg->folder, what, err);
    if (status == HTH_OK) status = set_up(k, d, cfg, err);
    if (folder >= 0) close(folder);
    hth_secret_free(d);
    if (status == HTH_OK)
        *out = k;
    else
        hth_keyring_close(&k);
    return status;
}

void hth_keyring_close(HthKeyring **k) {
    if (!*k) return;
    hth_buf_drop(&(*k)->subjects);
    hth_secret_free((*k)->root);
    hth_free((*k)->folder);
    hth_free((*k)->key_file);
    pthread_mutex_destroy(&(*k)->lock);
    hth_free(*k);
    *k = NULL;
}

void hth_keyring_key(const HthKeyring *k, HthPurpose purpose, uint8_t out[HTH_RING_KEY_BYTES]) {
    static const char *const names[HTH_KEY_PURPOSES] = {
        [HTH_KEY_DATABASE] = "hearth key v1 database",
        [HTH_KEY_CONTENT] = "hearth key v1 content",
        [HTH_KEY_SPILL] = "hearth key v1 spill",
        [HTH_KEY_SIGNER] = "hearth key v1 signer",
    };
    hth_ring_derive(k->root, k->id, names[purpose], out);
}

/* ---- changing slots -------------------------------------------------------------------------- */

HthStatus hth_keyring_slots(const char *folder, HthKeySlot out[HTH_SLOTS_MAX], uint32_t *count,
                            HthErr *err) {
    HthRing r = { 0 };
    bool there;
    int fd = -1;
    HTH_TRY(hth_folder_lock(&fd, folder, what, err));
    const HthStatus status = read_ring(&r, folder, &there, err);
    close(fd);
    HTH_TRY(status);
    *count = r.count;
    for (uint32_t i = 0; i < r.count; i++) out[i] = r.slots[i].face;
    return HTH_OK;
}

static HthStatus change_locked(HthRingChange *c, HthRingEdit edit, HthErr *err) {
    HthRing r;
    bool there = false;
    HTH_TRY(read_ring(&r, c->k->folder, &there, err));
    HTH_REQUIRE(
        there && memcmp(r.id, c->k->id, sizeof r.id) == 0 && hth_ring_mac_ok(&r, c->k->root), err,
        HTH_EFORMAT, "the keyring in %.150s is another one than was opened", c->k->folder);
    HTH_TRY(edit(&r, c, err));
    HTH_TRY(settle_plain(&r, c->k->folder, err));
    r.generation++;
    return write_ring(&r, c->k->folder, c->k->root, err);
}

HthStatus hth_ring_change(HthRingChange *c, HthRingEdit edit, HthErr *err) {
    int folder = -1;
    HTH_TRY(desk_open(&c->d, err));
    HthStatus status = hth_folder_lock(&folder, c->k->folder, what, err);
    if (status == HTH_OK) status = change_locked(c, edit, err);
    if (folder >= 0) close(folder);
    hth_secret_free(c->d);
    return status;
}

static void drop_slots(HthRing *r, HthSlotKind kind, uint32_t number) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        const HthKeySlot *s = &r->slots[i].face;
        if (number ? s->number != number : s->kind != kind) r->slots[kept++] = r->slots[i];
    }
    r->count = kept;
}

static HthStatus edit_words(HthRing *r, HthRingChange *c, HthErr *err) {
    HthRingSlot *s = NULL;
    if (c->only)
        r->count = 0;
    else
        drop_slots(r, HTH_SLOT_PASSPHRASE, 0);
    HTH_TRY(hth_slot_new(&s, r, HTH_SLOT_PASSPHRASE, err));
    HTH_TRY(slot_key_of_words(c->d->slot, c->words, s, err));
    hth_slot_seal(r, s, c->d->slot, c->k->root);
    return HTH_OK;
}

HthStatus hth_keyring_passphrase(HthKeyring *k, HthStr passphrase, bool only, HthErr *err) {
    HTH_REQUIRE(passphrase.n > 0 && passphrase.n <= HTH_PASSPHRASE_MAX, err, HTH_EINVAL,
                "a passphrase has 1 to %d bytes", HTH_PASSPHRASE_MAX);
    HthRingChange c = { .k = k, .words = passphrase, .only = only };
    HTH_TRY(hth_ring_change(&c, edit_words, err));
    return only ? hth_shred_file(k->key_file, err) : HTH_OK;
}

static HthStatus edit_add_file(HthRing *r, HthRingChange *c, HthErr *err) {
    HthRingSlot *s = NULL;
    HTH_REQUIRE(access(c->path, F_OK) != 0, err, HTH_EINVAL,
                "%.150s is there already; a new key file needs a name of its own", c->path);
    HTH_TRY(hth_slot_new(&s, r, HTH_SLOT_FILE, err));
    HTH_TRY(make_key(c->d->file, c->path, err));
    slot_key_of_file(c->d->slot, c->d->file, s);
    hth_slot_seal(r, s, c->d->slot, c->k->root);
    return HTH_OK;
}

HthStatus hth_keyring_add_file(HthKeyring *k, const char *path, HthErr *err) {
    HthRingChange c = { .k = k, .path = path };
    return hth_ring_change(&c, edit_add_file, err);
}

static HthStatus edit_remove(HthRing *r, HthRingChange *c, HthErr *err) {
    const uint32_t before = r->count;
    HTH_REQUIRE(c->number, err, HTH_EINVAL, "slots are numbered from 1");
    drop_slots(r, HTH_SLOT_FILE, c->number);
    HTH_REQUIRE(r->count < before, err, HTH_EINVAL, "the keyring has no slot %u", c->number);
    HTH_REQUIRE(r->count > 0, err, HTH_EINVAL,
                "slot %u is the last that opens the keyring; make another one first", c->number);
    return HTH_OK;
}

HthStatus hth_keyring_remove(HthKeyring *k, uint32_t number, HthErr *err) {
    HthRingChange c = { .k = k, .number = number };
    return hth_ring_change(&c, edit_remove, err);
}
