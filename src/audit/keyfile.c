/* keyfile.c - see keyfile.h. */
#include "audit/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/file_fault.h"
#include "base/mem.h"
#include "crypt/secret.h"

static const char head[] = "PRIVATE+KEY+";
enum { KEY_LINE_MAX = 512, ED25519 = 1, TYPED = 1 + HTH_SEED_BYTES };

void hth_vkey_id(char out[HTH_KEY_ID_TEXT], const HthVkey *v) {
    snprintf(out, HTH_KEY_ID_TEXT, "%s+%08x", v->name, v->id);
}

/* ---- the line ------------------------------------------------------------------------------- */

static HthStatus print(HthBuf *out, const HthSigner *s, const HthVkey *v, HthErr *err) {
    char id[HTH_KEY_ID_TEXT];
    uint8_t typed[TYPED] = { ED25519 };
    hth_vkey_id(id, v);
    memcpy(typed + 1, hth_signer_seed(s), HTH_SEED_BYTES);
    HthStatus st = hth_buf_printf(out, err, "%s%s+", head, id);
    if (st == HTH_OK) st = hth_base64(out, HTH_BASE64, typed, sizeof typed, err);
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

/* The bytes behind base64; what was in between is wiped. false in *good: it is not that. */
static HthStatus decode(uint8_t typed[TYPED], HthStr text, bool *good, HthErr *err) {
    HthBuf raw;
    hth_buf_init(&raw, KEY_LINE_MAX);
    HthStatus st = hth_buf_reserve(&raw, KEY_LINE_MAX, err);
    if (st == HTH_OK) {
        *good = hth_unbase64(&raw, HTH_BASE64, text, NULL) == HTH_OK && raw.n == TYPED &&
                raw.p[0] == ED25519;
        if (*good) memcpy(typed, raw.p, TYPED);
        hth_secret_wipe(raw.p, raw.cap);
    }
    hth_buf_drop(&raw);
    return st;
}

static HthStatus parse(HthSigner **out, HthVkey *vkey, HthStr line, const char *path, HthErr *err) {
    uint8_t typed[TYPED];
    char id[HTH_KEY_ID_TEXT] = "";
    HthSigner *s = NULL;
    HthVkey v;
    if (line.n && line.p[line.n - 1] == '\n') line.n--;
    const HthStr rest = hth_str_sub(line, sizeof head - 1, SIZE_MAX);
    const size_t a = hth_str_find(rest, HTH_STR("+"));
    bool good = hth_str_starts(line, hth_str(head)) && a != SIZE_MAX && rest.n > a + 10;
    if (good) HTH_TRY(decode(typed, hth_str_sub(rest, a + 10, SIZE_MAX), &good, err));
    if (good) {
        const HthStatus st = open_pair(&s, &v, hth_str_sub(rest, 0, a), typed + 1, err);
        hth_secret_wipe(typed, sizeof typed);
        if (st != HTH_OK && st != HTH_EINVAL) return st; /* EINVAL: a name that no key has */
    }
    if (s) {
        hth_vkey_id(id, &v);
        good = rest.p[a + 9] == '+' && hth_str_eq(hth_str(id), hth_str_sub(rest, 0, a + 9));
    }
    if (!s || !good) {
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
static HthStatus read_key(HthSigner **out, HthVkey *vkey, const char *path, HthErr *err) {
    HthBuf line;
    const int fd = hth_file_fault() ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) return HTH_EAGAIN;
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "cannot open the key %s: %s", path, strerror(errno));
    hth_buf_init(&line, KEY_LINE_MAX);
    HthStatus st = read_line(&line, fd, path, err);
    close(fd);
    if (st == HTH_OK) st = parse(out, vkey, hth_buf_str(&line), path, err);
    if (line.p) hth_secret_wipe(line.p, line.cap);
    hth_buf_drop(&line);
    return st;
}

static HthStatus write_key(HthSigner **out, HthVkey *vkey, const char *path, HthStr name,
                           HthErr *err) {
    HthBuf line;
    HthSigner *s = NULL;
    HTH_TRY(open_pair(&s, vkey, name, NULL, err));
    hth_buf_init(&line, KEY_LINE_MAX);
    HthStatus st = hth_buf_reserve(&line, KEY_LINE_MAX, err);
    if (st == HTH_OK) st = print(&line, s, vkey, err);
    if (st == HTH_OK) st = hth_file_write(path, line.p, line.n, 0600, err);
    if (line.p) hth_secret_wipe(line.p, line.cap);
    hth_buf_drop(&line);
    if (st == HTH_OK)
        *out = s;
    else
        hth_signer_close(&s);
    return st;
}

/* Its folder, locked: of two who find no key, one makes it and the other reads it. */
static int lock_folder(const char *path) {
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const size_t n = slash ? (size_t)(slash - path) + 1 : 1;
    if (n >= sizeof dir) return -1;
    memcpy(dir, slash ? path : ".", n);
    dir[n] = '\0';
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : 0;
    while (fd >= 0 && (rc = flock(fd, LOCK_EX)) != 0 && errno == EINTR) continue;
    if (rc == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

HthStatus hth_keyfile_open(HthSigner **out, HthVkey *vkey, const char *path, HthStr name,
                           HthErr *err) {
    HthStatus st = read_key(out, vkey, path, err);
    if (st != HTH_EAGAIN) return st;
    HTH_REQUIRE(name.n > 0, err, HTH_EINVAL, "there is no key %s", path);
    const int lock = lock_folder(path);
    HTH_REQUIRE(lock >= 0, err, HTH_EIO, "cannot lock the folder of the key %s: %s", path,
                strerror(errno));
    st = read_key(out, vkey, path, err);
    if (st == HTH_EAGAIN) st = write_key(out, vkey, path, name, err);
    close(lock);
    return st;
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
