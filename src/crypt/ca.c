/* ca.c - the authority's folder: its index, its files, who may write. See ca.h.
 *
 * Thread: any. */
#include "crypt/ca.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/name.h"
#include "crypt/ca_int.h"
#include "crypt/hash.h"

enum { INDEX_MAX = 2 << 20, PATH_BYTES = 4096, DAY_S = 86400 };
static const char *const kinds[] = { "server", "client" };

typedef struct Index {
    HthCaEntry *all; /* owned */
    uint32_t count;
} Index;

/* ---- files ----------------------------------------------------------------------------------- */

static HthStatus path_of(char out[PATH_BYTES], const char *folder, HthStr name, const char *end,
                         HthErr *err) {
    const int n = snprintf(out, PATH_BYTES, "%s/%.*s%s", folder, HTH_STR_ARG(name), end);
    HTH_REQUIRE(n > 0 && n < PATH_BYTES, err, HTH_EINVAL, "The path is too long.");
    return HTH_OK;
}

static HthStatus read_file(HthBuf *out, const char *folder, HthStr name, const char *end,
                           size_t max, HthErr *err) {
    char path[PATH_BYTES];
    hth_buf_init(out, max);
    HTH_TRY(path_of(path, folder, name, end, err));
    return hth_file_read(out, path, err);
}

static HthStatus write_file(const char *folder, HthStr name, const char *end, const HthBuf *text,
                            HthErr *err) {
    char path[PATH_BYTES];
    HTH_TRY(path_of(path, folder, name, end, err));
    return hth_file_write(path, text->p, text->n, 0600, err);
}

static HthStatus lock(int *fd, const char *folder, HthErr *err) {
    char path[PATH_BYTES];
    HTH_TRY(path_of(path, folder, HTH_STR("lock"), "", err));
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    HTH_REQUIRE(*fd >= 0 && !flock(*fd, LOCK_EX), err, HTH_EIO,
                "%s: %s; 'hearth ca init' makes an authority.", path, strerror(errno));
    return HTH_OK;
}

/* The alphabet keeps it a file's name in the folder. */
static bool is_name(HthStr s) {
    return hth_str_is_name(s, HTH_CA_NAME_MAX);
}

/* ---- the index ------------------------------------------------------------------------------- */

static bool read_entry(HthCaEntry *e, const json_t *v) {
    const char *name = NULL, *kind = NULL, *serial = NULL;
    json_int_t created = 0, expires = 0, revoked = 0;
    uint8_t raw[HTH_CA_SERIAL_BYTES];
    if (json_unpack((json_t *)(uintptr_t)v, "{s:s, s:s, s:s, s:I, s:I, s:I}", "name", &name, "kind",
                    &kind, "serial", &serial, "created", &created, "expires", &expires, "revoked",
                    &revoked))
        return false;
    if (!is_name(hth_str(name)) || !hth_unhex(raw, sizeof raw, hth_str(serial))) return false;
    e->kind = strcmp(kind, kinds[HTH_CA_CLIENT]) ? HTH_CA_SERVER : HTH_CA_CLIENT;
    if (strcmp(kind, kinds[e->kind]) != 0) return false;
    snprintf(e->name, sizeof e->name, "%s", name);
    snprintf(e->serial, sizeof e->serial, "%s", serial);
    e->created_s = created;
    e->expires_s = expires;
    e->revoked_s = revoked;
    return true;
}

static HthStatus read_entries(Index *out, const json_t *root, HthErr *err) {
    const json_t *list = json_object_get(root, "certificates");
    const size_t n = json_array_size(list);
    HTH_REQUIRE(json_is_array(list) && json_integer_value(json_object_get(root, "version")) == 1,
                err, HTH_EFORMAT,
                "index.json of the authority is not {\"version\": 1, \"certificates\": [...]}.");
    HTH_REQUIRE(n <= HTH_CA_CERTS_MAX, err, HTH_ELIMIT, "index.json names more than %d.",
                HTH_CA_CERTS_MAX);
    HthCaEntry *all = hth_calloc(n + 1, sizeof *all); /* and room for one more */
    HTH_REQUIRE(all, err, HTH_ENOMEM, "out of memory for the list of certificates");
    for (size_t i = 0; i < n; i++) {
        if (read_entry(&all[i], json_array_get(list, i))) continue;
        hth_free(all);
        return HTH_FAIL(err, HTH_EFORMAT, "index.json of the authority: entry %zu is malformed.",
                        i + 1);
    }
    *out = (Index){ all, (uint32_t)n };
    return HTH_OK;
}

static HthStatus read_index(Index *out, const char *folder, HthErr *err) {
    HthBuf text;
    json_t *root = NULL;
    hth_json_init();
    HthStatus st = read_file(&text, folder, HTH_STR("index"), ".json", INDEX_MAX, err);
    if (st == HTH_OK) st = hth_json_parse(&root, hth_buf_str(&text), INDEX_MAX, err);
    if (st == HTH_OK) st = read_entries(out, root, err);
    json_decref(root);
    hth_buf_drop(&text);
    return st;
}

static HthStatus write_index(const char *folder, const Index *index, HthErr *err) {
    HthBuf text;
    hth_json_init();
    hth_buf_init(&text, INDEX_MAX);
    json_t *list = json_array(), *root = NULL;
    bool ok = list != NULL;
    for (uint32_t i = 0; ok && i < index->count; i++) {
        const HthCaEntry *e = &index->all[i];
        ok = !json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "name",
                                                    e->name, "kind", kinds[e->kind], "serial",
                                                    e->serial, "created", (json_int_t)e->created_s,
                                                    "expires", (json_int_t)e->expires_s, "revoked",
                                                    (json_int_t)e->revoked_s));
    }
    if (ok) root = json_pack("{s:i, s:O}", "version", 1, "certificates", list);
    HthStatus st = root ? hth_json_write(&text, root, 1, err)
                        : HTH_FAIL(err, HTH_ENOMEM, "out of memory for the list of certificates");
    if (st == HTH_OK) st = hth_buf_add_char(&text, '\n', err);
    if (st == HTH_OK) st = write_file(folder, HTH_STR("index"), ".json", &text, err);
    json_decref(root);
    json_decref(list);
    hth_buf_drop(&text);
    return st;
}

static HthStatus write_crl(const char *folder, const HthCaPair *ca, const Index *index,
                           int64_t now_s, HthErr *err) {
    HthBuf text;
    hth_buf_init(&text, INDEX_MAX);
    HthStatus st = hth_ca_crl(&text, ca, index->all, index->count, now_s, err);
    if (st == HTH_OK) st = write_file(folder, HTH_STR("crl"), ".pem", &text, err);
    hth_buf_drop(&text);
    return st;
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static HthStatus write_pair(const char *folder, HthStr name, const HthCaPair *p, HthErr *err) {
    HthBuf cert, key;
    hth_buf_init(&cert, HTH_CA_PEM_MAX);
    hth_buf_init(&key, HTH_CA_PEM_MAX);
    HthStatus st = hth_ca_pair_text(p, &cert, &key, err);
    if (st == HTH_OK) st = write_file(folder, name, ".key", &key, err);
    if (st == HTH_OK) st = write_file(folder, name, ".crt", &cert, err);
    hth_ca_wipe(&key);
    hth_buf_drop(&cert);
    return st;
}

static HthStatus read_ca(HthCaPair *out, const char *folder, HthErr *err) {
    HthBuf cert, key;
    hth_buf_init(&key, HTH_CA_PEM_MAX);
    HthStatus st = read_file(&cert, folder, HTH_STR("ca"), ".crt", HTH_CA_PEM_MAX, err);
    if (st == HTH_OK) st = read_file(&key, folder, HTH_STR("ca"), ".key", HTH_CA_PEM_MAX, err);
    if (st == HTH_OK) st = hth_ca_pair_read(out, hth_buf_str(&cert), hth_buf_str(&key), err);
    hth_ca_wipe(&key);
    hth_buf_drop(&cert);
    return st;
}

static void new_serial(uint8_t out[HTH_CA_SERIAL_BYTES]) {
    hth_random(out, HTH_CA_SERIAL_BYTES);
    out[0] = (uint8_t)((out[0] & 0x3f) | 0x40); /* positive, and always as long */
}

/* ---- init ------------------------------------------------------------------------------------ */

static HthStatus make_authority(const char *folder, const HthCaWant *want, HthErr *err) {
    HthCaPair ca = { 0 };
    const Index none = { 0 };
    char path[PATH_BYTES];
    HTH_TRY(path_of(path, folder, HTH_STR("ca"), ".crt", err));
    HTH_REQUIRE(access(path, F_OK), err, HTH_EINVAL,
                "There is an authority in that folder already; another one takes another folder.");
    HTH_TRY(hth_ca_make(&ca, want, NULL, err));
    HthStatus st = write_index(folder, &none, err);
    if (st == HTH_OK) st = write_crl(folder, &ca, &none, want->from_s, err);
    if (st == HTH_OK) st = write_pair(folder, HTH_STR("ca"), &ca, err); /* last: now it is one */
    hth_ca_pair_drop(&ca);
    return st;
}

HthStatus hth_ca_init(const char *folder, HthStr name, const char *const *hosts, size_t host_count,
                      int64_t now_s, HthErr *err) {
    int fd = -1;
    struct stat s;
    HthCaWant want = { .authority = true,
                       .name = name,
                       .hosts = hosts,
                       .host_count = host_count,
                       .from_s = now_s,
                       .to_s = now_s + (int64_t)HTH_CA_DAYS * DAY_S };
    HTH_REQUIRE(is_name(name), err, HTH_EINVAL,
                "An authority's name has 1 to %d letters, digits, '.', '_' or '-'.",
                HTH_CA_NAME_MAX);
    HTH_REQUIRE(host_count <= HTH_CA_HOSTS_MAX, err, HTH_ELIMIT, "More than %d hosts.",
                HTH_CA_HOSTS_MAX);
    HTH_REQUIRE(!mkdir(folder, 0700) || errno == EEXIST, err, HTH_EIO, "%s: %s.", folder,
                strerror(errno));
    HTH_REQUIRE(!stat(folder, &s) && S_ISDIR(s.st_mode) && s.st_uid == geteuid() &&
                    !(s.st_mode & 077),
                err, HTH_EDENIED, "%s: is to be a folder of one's own, with mode 0700.", folder);
    new_serial(want.serial);
    HthStatus st = lock(&fd, folder, err);
    if (st == HTH_OK) st = make_authority(folder, &want, err);
    if (fd >= 0) close(fd);
    return st;
}

/* ---- issue ----------------------------------------------------------------------------------- */

static bool is_good(const HthCaEntry *e, HthStr name, int64_t now_s) {
    return hth_str_eq(hth_str(e->name), name) && !e->revoked_s && now_s < e->expires_s;
}

/* Would a client take it? An authority that may not vouch for a name must not try. */
static HthStatus check_made(const char *folder, const HthCaPair *p, const HthCaIssue *issue,
                            HthErr *err) {
    HthBuf cert, key, ca, crl;
    HthCaTrust *trust = NULL;
    HthCaSeen seen;
    hth_buf_init(&cert, HTH_CA_PEM_MAX);
    hth_buf_init(&key, HTH_CA_PEM_MAX);
    hth_buf_init(&crl, INDEX_MAX);
    HthStatus st = read_file(&ca, folder, HTH_STR("ca"), ".crt", HTH_CA_PEM_MAX, err);
    if (st == HTH_OK) st = read_file(&crl, folder, HTH_STR("crl"), ".pem", INDEX_MAX, err);
    if (st == HTH_OK) st = hth_ca_pair_text(p, &cert, &key, err);
    if (st == HTH_OK) st = hth_ca_trust_make(&trust, hth_buf_str(&ca), hth_buf_str(&crl), err);
    size_t i = 0;
    do {
        const char *host = issue->kind == HTH_CA_SERVER ? issue->hosts[i] : NULL;
        if (st == HTH_OK)
            st = hth_ca_check(trust, hth_buf_str(&cert), issue->kind, host, &seen, NULL, err);
    } while (++i < issue->host_count);
    if (st == HTH_EDENIED)
        st = HTH_FAIL(err, HTH_EINVAL,
                      "This authority may not vouch for that: it is good for the hosts it was made "
                      "with (hearth ca show), and until its end.");
    hth_ca_trust_close(&trust);
    hth_ca_wipe(&key);
    hth_buf_drop(&cert);
    hth_buf_drop(&ca);
    hth_buf_drop(&crl);
    return st;
}

static HthStatus issue_one(const char *folder, const HthCaIssue *issue, Index *index,
                           const HthCaPair *ca, HthErr *err) {
    HthCaPair p = { 0 };
    HthCaWant want = { .kind = issue->kind,
                       .name = issue->name,
                       .hosts = issue->hosts,
                       .host_count = issue->host_count,
                       .from_s = issue->now_s };
    const uint32_t days = issue->days ? issue->days : HTH_CA_CERT_DAYS;
    want.to_s = issue->now_s + (int64_t)days * DAY_S;
    if (want.to_s > hth_ca_expires(ca)) want.to_s = hth_ca_expires(ca);
    for (uint32_t i = 0; i < index->count; i++)
        HTH_REQUIRE(!is_good(&index->all[i], issue->name, issue->now_s), err, HTH_EINVAL,
                    "There is a certificate of that name; revoke it first or choose another name.");
    HTH_REQUIRE(index->count < HTH_CA_CERTS_MAX, err, HTH_ELIMIT,
                "This authority has issued %d certificates; make another one.", HTH_CA_CERTS_MAX);
    new_serial(want.serial);
    HTH_TRY(hth_ca_make(&p, &want, ca, err));
    HthStatus st = check_made(folder, &p, issue, err);
    if (st == HTH_OK) {
        HthCaEntry *e = &index->all[index->count++];
        *e = (HthCaEntry){ .kind = issue->kind, .created_s = issue->now_s, .expires_s = want.to_s };
        memcpy(e->name, issue->name.p, issue->name.n);
        hth_hex(e->serial, want.serial, sizeof want.serial);
        st = write_index(folder, index, err); /* first: what exists can be revoked */
    }
    if (st == HTH_OK) st = write_pair(folder, issue->name, &p, err);
    hth_ca_pair_drop(&p);
    return st;
}

HthStatus hth_ca_issue(const char *folder, const HthCaIssue *issue, HthErr *err) {
    int fd = -1;
    Index index = { 0 };
    HthCaPair ca = { 0 };
    HTH_REQUIRE(is_name(issue->name) && !hth_str_eq(issue->name, HTH_STR("ca")), err, HTH_EINVAL,
                "A certificate's name has 1 to %d letters, digits, '.', '_' or '-', and is not "
                "'ca'.",
                HTH_CA_NAME_MAX);
    HTH_REQUIRE(issue->days <= HTH_CA_CERT_DAYS, err, HTH_EINVAL,
                "Browsers take certificates for at most %d days.", HTH_CA_CERT_DAYS);
    HTH_REQUIRE((issue->kind == HTH_CA_SERVER) == (issue->host_count > 0) &&
                    issue->host_count <= HTH_CA_HOSTS_MAX,
                err, HTH_EINVAL,
                "A server's certificate names its hosts (at most %d), a client's names none.",
                HTH_CA_HOSTS_MAX);
    HthStatus st = lock(&fd, folder, err);
    if (st == HTH_OK) st = read_ca(&ca, folder, err);
    if (st == HTH_OK) st = read_index(&index, folder, err);
    if (st == HTH_OK) st = issue_one(folder, issue, &index, &ca, err);
    hth_ca_pair_drop(&ca);
    hth_free(index.all);
    if (fd >= 0) close(fd);
    return st;
}

/* ---- revoke, list, show ---------------------------------------------------------------------- */

static HthStatus revoke_one(const char *folder, HthStr name, Index *index, const HthCaPair *ca,
                            int64_t now_s, HthErr *err) {
    HthCaEntry *found = NULL;
    for (uint32_t i = 0; i < index->count; i++)
        if (is_good(&index->all[i], name, now_s)) found = &index->all[i];
    HTH_REQUIRE(found, err, HTH_EINVAL,
                "There is no certificate of that name that is still good; hearth ca list shows "
                "all.");
    found->revoked_s = now_s;
    HTH_TRY(write_index(folder, index, err));
    return write_crl(folder, ca, index, now_s, err);
}

HthStatus hth_ca_revoke(const char *folder, HthStr name, int64_t now_s, HthErr *err) {
    int fd = -1;
    Index index = { 0 };
    HthCaPair ca = { 0 };
    HthStatus st = lock(&fd, folder, err);
    if (st == HTH_OK) st = read_ca(&ca, folder, err);
    if (st == HTH_OK) st = read_index(&index, folder, err);
    if (st == HTH_OK) st = revoke_one(folder, name, &index, &ca, now_s, err);
    hth_ca_pair_drop(&ca);
    hth_free(index.all);
    if (fd >= 0) close(fd);
    return st;
}

HthStatus hth_ca_list(const char *folder, HthCaEntry **out, uint32_t *count, HthErr *err) {
    Index index = { 0 };
    HTH_TRY(read_index(&index, folder, err));
    *out = index.all;
    *count = index.count;
    return HTH_OK;
}

HthStatus hth_ca_show(const char *folder, HthStr name, HthBuf *out, HthErr *err) {
    HthBuf cert;
    HTH_REQUIRE(is_name(name), err, HTH_EINVAL, "There is no certificate of that name.");
    HthStatus st = read_file(&cert, folder, name, ".crt", HTH_CA_PEM_MAX, err);
    if (st == HTH_OK) st = hth_ca_print(hth_buf_str(&cert), out, err);
    hth_buf_drop(&cert);
    return st;
}

HthStatus hth_ca_trust_open(HthCaTrust **out, const char *folder, HthErr *err) {
    HthBuf cert, crl;
    hth_buf_init(&crl, INDEX_MAX);
    HthStatus st = read_file(&cert, folder, HTH_STR("ca"), ".crt", HTH_CA_PEM_MAX, err);
    if (st == HTH_OK) st = read_file(&crl, folder, HTH_STR("crl"), ".pem", INDEX_MAX, err);
    if (st == HTH_OK) st = hth_ca_trust_make(out, hth_buf_str(&cert), hth_buf_str(&crl), err);
    hth_buf_drop(&cert);
    hth_buf_drop(&crl);
    return st;
}
