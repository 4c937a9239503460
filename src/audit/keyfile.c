/* keyfile.c - see keyfile.h. */
#include "audit/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/file_fault.h"
#include "base/mem.h"
#include "base/shred.h"
#include "crypt/aead.h"
#include "crypt/hash.h"
#include "crypt/secret.h"

/* In front of a line, by whether the seed is sealed. */
static const char *const heads[2] = { "PRIVATE+KEY+", "SEALED+KEY+" };
enum {
    KEY_LINE_MAX = 512,
    ED25519 = 1,
    ID_DIGITS = 8,
    PLAIN = 1 + HTH_SEED_BYTES, /* behind base64: type, seed */
    SEALED = 1 + HTH_XCHACHA_NONCE_BYTES + HTH_SEED_BYTES + HTH_AEAD_TAG_BYTES
};

void hth_vkey_id(char out[HTH_KEY_ID_TEXT], const HthVkey *v) {
    snprintf(out, HTH_KEY_ID_TEXT, "%s+%08x", v->name, v->id);
}

/* ---- the line ------------------------------------------------------------------------------- */

/* seal: NULL for a plain one.  What stands before base64 is what the seal is bound to. */
static HthStatus print(HthBuf *out, const HthSigner *s, const HthVkey *v, const uint8_t *seal,
                       HthErr *err) {
    char id[HTH_KEY_ID_TEXT];
    uint8_t typed[SEALED] = { ED25519 };
    hth_vkey_id(id, v);
    HthStatus st = hth_buf_printf(out, err, "%s%s+", heads[seal != NULL], id);
    if (st == HTH_OK && seal) {
        hth_random(typed + 1, HTH_XCHACHA_NONCE_BYTES);
        hth_seal(HTH_XCHACHA, typed + 1 + HTH_XCHACHA_NONCE_BYTES, hth_signer_seed(s),
                 HTH_SEED_BYTES, out->p, out->n, typed + 1, seal);
    } else {
        memcpy(typed + 1, hth_signer_seed(s), HTH_SEED_BYTES);
    }
    if (st == HTH_OK) st = hth_base64(out, HTH_BASE64, typed, seal ? SEALED : PLAIN, err);
    if (st == HTH_OK) st = hth_buf_add_char(out, '\n', err);
    hth_secret_wipe(typed, sizeof typed);
    return st;
}

/* The signer and the vkey of a name and a seed. */
static HthStatus open_pair(HthSigner **out, HthVkey *vkey, HthStr name, const uint8_t *seed,
                           HthErr *err) {
    HthSigner *s = NULL;
    HTH_TRY(hth_signer_open(&s, seed, err));
    const HthStatus st = hth_vkey_make(vkey, name, hth_signer_public(s), err);
    if (st == HTH_OK)
        *out = s;
    else
        hth_signer_close(&s);
    return st;
}

typedef struct Line {
    bool sealed;
    HthStr front, name, id, data; /* front: all before data */
} Line;

/* false: not a line of that form. */
static bool split(Line *out, HthStr line) {
    if (line.n && line.p[line.n - 1] == '\n') line.n--;
    out->sealed = hth_str_starts(line, hth_str(heads[1]));
    const HthStr head = hth_str(heads[out->sealed]);
    if (!hth_str_starts(line, head)) return false;
    const HthStr rest = hth_str_sub(line, head.n, SIZE_MAX);
    const size_t a = hth_str_find(rest, HTH_STR("+")), data = a + 1 + ID_DIGITS + 1;
    if (a == SIZE_MAX || rest.n <= data || rest.p[data - 1] != '+') return false;
    out->front = hth_str_sub(line, 0, head.n + data);
    out->name = hth_str_sub(rest, 0, a);
    out->id = hth_str_sub(rest, a + 1, ID_DIGITS);
    out->data = hth_str_sub(rest, data, SIZE_MAX);
    return true;
}

/* The bytes behind base64; what was in between is wiped. false in *good: it is not that. */
static HthStatus decode(uint8_t *typed, size_t n, HthStr text, bool *good, HthErr *err) {
    HthBuf raw;
    hth_buf_init(&raw, KEY_LINE_MAX);
    HthStatus st = hth_buf_reserve(&raw, KEY_LINE_MAX, err);
    if (st == HTH_OK) {
        *good = hth_unbase64(&raw, HTH_BASE64, text, NULL) == HTH_OK && raw.n == n &&
                raw.p[0] == ED25519;
        if (*good) memcpy(typed, raw.p, n);
        hth_secret_wipe(raw.p, raw.cap);
    }
    hth_buf_drop(&raw);
    return st;
}

/* typed's seed, where it is sealed. */
static HthStatus unseal(uint8_t seed[HTH_SEED_BYTES], const uint8_t typed[SEALED], const Line *l,
                        const uint8_t *seal, const char *path, HthErr *err) {
    const uint8_t *nonce = typed + 1, *sealed = nonce + HTH_XCHACHA_NONCE_BYTES;
    HTH_REQUIRE(seal, err, HTH_EDENIED,
                "the key %s is sealed with a keyring, and that was not opened", path);
    HTH_REQUIRE(hth_unseal(HTH_XCHACHA, seed, sealed, HTH_SEED_BYTES + HTH_AEAD_TAG_BYTES,
                           l->front.p, l->front.n, nonce, seal),
                err, HTH_EDENIED,
                "the key %s was sealed with another keyring than this one, or it was changed: put "
                "back the keyring that it belongs to, or a copy of the key",
                path);
    return HTH_OK;
}

static HthStatus parse(HthSigner **out, HthVkey *vkey, const Line *l, const uint8_t *seal,
                       const char *path, HthErr *err) {
    uint8_t typed[SEALED], seed[HTH_SEED_BYTES];
    char id[ID_DIGITS + 1];
    HthSigner *s = NULL;
    HthVkey v;
    bool good = false;
    HTH_TRY(decode(typed, l->sealed ? SEALED : PLAIN, l->data, &good, err));
    HthStatus st = HTH_OK;
    if (good && l->sealed)
        st = unseal(seed, typed, l, seal, path, err);
    else if (good)
        memcpy(seed, typed + 1, sizeof seed);
    if (good && st == HTH_OK) st = open_pair(&s, &v, l->name, seed, err);
    hth_secret_wipe(typed, sizeof typed);
    hth_secret_wipe(seed, sizeof seed);
    if (st != HTH_OK && st != HTH_EINVAL) return st; /* EINVAL: a name that no key has */
    if (s) snprintf(id, sizeof id, "%08x", v.id);
    if (!s || !hth_str_eq(hth_str(id), l->id)) {
        hth_signer_close(&s);
        return HTH_FAIL(err, HTH_EFORMAT, "%s is not a key of hearth's, or it was changed", path);
    }
    *out = s;
    *vkey = v;
    return HTH_OK;
}

/* ---- the file ------------------------------------------------------------------------------- */

static HthStatus read_line(HthBuf *out, int fd, const char *path, HthErr *err) {
    struct stat st;
    HTH_REQUIRE(fstat(fd, &st) == 0 && S_ISREG(st.st_mode), err, HTH_EFORMAT,
                "%s is not a file, and a key is wanted there", path);
    HTH_REQUIRE(st.st_uid == geteuid() && !(st.st_mode & 077), err, HTH_EDENIED,
                "others may read or write the key %s, or it is another user's: chmod 600, if you "
                "know who did; otherwise remove it, and a new one is made",
                path);
    HTH_TRY(
        hth_buf_reserve(out, KEY_LINE_MAX, err)); /* once: nothing of the key is left elsewhere */
    const ssize_t n = hth_file_fault() ? -1 : read(fd, out->p, KEY_LINE_MAX);
    HTH_REQUIRE(n >= 0, err, HTH_EIO, "cannot read %s: %s", path, strerror(errno));
    HTH_REQUIRE(n < KEY_LINE_MAX, err, HTH_EFORMAT, "%s is too long for a key", path);
    out->n = (size_t)n;
    out->p[n] = '\0';
    return HTH_OK;
}

/* HTH_EAGAIN: there is no such file. */
static HthStatus read_key(HthSigner **out, HthVkey *vkey, bool *sealed, const char *path,
                          const uint8_t *seal, HthErr *err) {
    HthBuf text;
    Line l;
    const int fd = hth_file_fault() ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) return HTH_EAGAIN;
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "cannot open the key %s: %s", path, strerror(errno));
    hth_buf_init(&text, KEY_LINE_MAX);
    HthStatus st = read_line(&text, fd, path, err);
    close(fd);
    if (st == HTH_OK && !split(&l, hth_buf_str(&text)))
        st = HTH_FAIL(err, HTH_EFORMAT, "%s is not a key of hearth's, or it was changed", path);
    if (st == HTH_OK) st = parse(out, vkey, &l, seal, path, err);
    if (st == HTH_OK) *sealed = l.sealed;
    if (text.p) hth_secret_wipe(text.p, text.cap);
    hth_buf_drop(&text);
    return st;
}

/* In place of what is there, whose bytes are overwritten. */
static HthStatus write_key(const HthSigner *s, const HthVkey *v, const char *path,
                           const uint8_t *seal, HthErr *err) {
    HthBuf line;
    hth_buf_init(&line, KEY_LINE_MAX);
    HthStatus st = hth_buf_reserve(&line, KEY_LINE_MAX, err);
    if (st == HTH_OK) st = print(&line, s, v, seal, err);
    if (st == HTH_OK) st = hth_shred_replace(path, line.p, line.n, err);
    if (line.p) hth_secret_wipe(line.p, line.cap);
    hth_buf_drop(&line);
    return st;
}

/* With the folder locked: of two who find no key, one makes it and the other reads it. */
static HthStatus open_locked(HthSigner **out, HthVkey *vkey, const char *path, HthStr name,
                             const uint8_t *seal, HthErr *err) {
    HthSigner *s = NULL;
    HthVkey v;
    bool sealed = false;
    HTH_TRY(hth_shred_left_over(path, err));
    HthStatus st = read_key(&s, &v, &sealed, path, seal, err);
    const bool fresh = st == HTH_EAGAIN;
    if (fresh) {
        HTH_REQUIRE(name.n > 0, err, HTH_EINVAL, "there is no key %s", path);
        st = open_pair(&s, &v, name, NULL, err);
    }
    if (st == HTH_OK && (fresh || (seal && !sealed))) st = write_key(s, &v, path, seal, err);
    if (st == HTH_OK) {
        *out = s;
        *vkey = v;
    } else {
        hth_signer_close(&s);
    }
    return st;
}

HthStatus hth_keyfile_open(HthSigner **out, HthVkey *vkey, const char *path, HthStr name,
                           const uint8_t *seal, HthErr *err) {
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const size_t n = slash ? (size_t)(slash - path) + 1 : 1;
    int lock = -1;
    HTH_REQUIRE(n < sizeof dir, err, HTH_EINVAL, "the path of a key is too long");
    HTH_REQUIRE(name.n > 0 || access(path, F_OK) == 0, err, HTH_EINVAL, "there is no key %s", path);
    memcpy(dir, slash ? path : ".", n);
    dir[n] = '\0';
    HTH_TRY(hth_folder_lock(&lock, dir, "a key", err));
    const HthStatus st = open_locked(out, vkey, path, name, seal, err);
    close(lock);
    return st;
}

const char *hth_keyfile_look(const char *path) {
    char text[sizeof "PRIVATE+KEY+"] = "";
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return errno == ENOENT ? "none" : "not a key";
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n > 0 && hth_str_starts(hth_str(text), hth_str(heads[1]))) return "sealed";
    const bool plain = n > 0 && hth_str_starts(hth_str(text), hth_str(heads[0]));
    hth_secret_wipe(text, sizeof text);
    return plain ? "plain" : "not a key";
}

/* ---- lists ---------------------------------------------------------------------------------- */

static HthStatus parse_list(HthVkey *keys, size_t *count, HthStr text, HthErr *err) {
    size_t line = 0;
    *count = 0;
    while (text.n > 0) {
        const size_t end = hth_str_find(text, HTH_STR("\n"));
        const HthStr one = hth_str_trim(hth_str_sub(text, 0, end));
        text = end == SIZE_MAX ? HTH_STR("") : hth_str_sub(text, end + 1, SIZE_MAX);
        line++;
        if (one.n == 0 || one.p[0] == '#') continue;
        HthErr why = { 0 };
        const HthStatus st = hth_vkey_parse(&keys[*count], one, &why);
        if (st != HTH_OK)
            return HTH_FAIL(err, st == HTH_ENOMEM ? HTH_ENOMEM : HTH_EFORMAT,
                            "line %zu of the list of keys: %s", line, why.text);
        ++*count;
    }
    return HTH_OK;
}

HthStatus hth_vkeys_parse(HthVkey **out, size_t *count, HthStr text, HthErr *err) {
    HTH_REQUIRE(text.n <= HTH_VKEYS_FILE_MAX, err, HTH_ELIMIT, "the list of keys is too long");
    size_t lines = 1;
    for (size_t i = 0; i < text.n; i++) lines += text.p[i] == '\n';
    HthVkey *keys = hth_calloc(lines, sizeof *keys);
    HTH_REQUIRE(keys, err, HTH_ENOMEM, "out of memory for a list of keys");
    const HthStatus st = parse_list(keys, count, text, err);
    if (st == HTH_OK)
        *out = keys;
    else
        hth_free(keys);
    return st;
}
