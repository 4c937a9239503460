/* store_facts.c - what was found out about files, remembered as long as they stay the same.
 *
 * home/facts.json is a cache: a broken or missing one costs time, never an answer.
 *
 * Thread: see store_int.h. */
#include "vault/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum { VERSION = 1, FILE_MAX = 16 << 20 };

typedef enum Kind { K_TEXT, K_U64, K_BOOL } Kind;
typedef struct Field {
    const char *name;
    Kind kind;
    size_t at, n;
} Field;
#define TEXT(f)                                                                                    \
    { #f, K_TEXT, offsetof(HthModelFacts, f), sizeof(((HthModelFacts *)0)->f) }
#define U64(f)                                                                                     \
    { #f, K_U64, offsetof(HthModelFacts, f), 0 }
#define BOOL(f)                                                                                    \
    { #f, K_BOOL, offsetof(HthModelFacts, f), 0 }
static const Field fields[] = {
    TEXT(arch),   TEXT(quant),     TEXT(title),  TEXT(license), U64(params),
    U64(ctx),     U64(embd),       BOOL(chat),   BOOL(tools),   BOOL(thinking),
    BOOL(insert), BOOL(embedding), BOOL(rerank),
};

static bool same(const HthIdent *a, const HthIdent *b) {
    return a->ino == b->ino && a->mtime_ns == b->mtime_ns && a->bytes == b->bytes &&
           a->dev == b->dev;
}

/* Forgets files that were not seen since the last time. */
static void tidy(HthStore *m) {
    size_t n = 0;
    for (size_t i = 0; i < m->fact_count; i++) {
        if (!m->facts[i].used) continue;
        m->facts[n] = m->facts[i];
        m->facts[n++].used = false;
    }
    m->facts_dirty = m->facts_dirty || n < m->fact_count;
    m->fact_count = n;
}

HthFact *hth_fact_of(HthStore *m, const HthIdent *id, bool make) {
    for (size_t i = 0; i < m->fact_count; i++)
        if (same(&m->facts[i].id, id)) {
            m->facts[i].used = true;
            return &m->facts[i];
        }
    if (!make) return NULL;
    if (m->fact_count == HTH_FACTS_MAX) tidy(m);
    if (m->fact_count == HTH_FACTS_MAX) return NULL;
    if (m->fact_count == m->fact_cap) {
        const size_t cap = m->fact_cap ? 2 * m->fact_cap : 32;
        HthFact *p = hth_realloc(m->facts, cap, sizeof *p);
        if (!p) return NULL;
        m->facts = p;
        m->fact_cap = cap;
    }
    HthFact *f = &m->facts[m->fact_count++];
    *f = (HthFact){ .id = *id, .used = true };
    return f;
}

HthStatus hth_fact_fill(HthStore *m, HthFact *fact, const char *path, HthStr memory, HthErr *err) {
    if (fact->known) return HTH_OK;
    HthErr why = { 0 };
    HthModelFacts facts = { .quant = "unknown" };
    const HthStatus status = m->read_facts(m->payload, path, memory, &facts, &why);
    if (status == HTH_ENOMEM) {
        if (err) *err = why;
        return status;
    }
    fact->facts = facts;
    fact->error[0] = '\0';
    if (status != HTH_OK)
        snprintf(fact->error, sizeof fact->error, "%s", why.text[0] ? why.text : "unreadable");
    if (status == HTH_EIO) return HTH_OK; /* may be better the next time */
    fact->known = true;
    m->facts_dirty = true;
    return HTH_OK;
}

void hth_facts_drop(HthStore *m) {
    hth_free(m->facts);
    m->facts = NULL;
    m->fact_count = m->fact_cap = 0;
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool path_of(const HthStore *m, char out[PATH_MAX]) {
    const int n = m->home ? snprintf(out, PATH_MAX, "%s/facts.json", m->home) : -1;
    return n > 0 && n < PATH_MAX;
}

/* A text with bytes that are no UTF-8 (cut in the middle, say) ends before them. */
static json_t *text_json(const char *s) {
    return json_stringn(s, hth_utf8_whole(hth_str(s)));
}

static json_t *to_json(const HthFact *f) {
    char id[100];
    snprintf(id, sizeof id, "%" PRIu64 "-%" PRIu64 "-%" PRIu64 "-%" PRId64, f->id.dev, f->id.ino,
             f->id.bytes, f->id.mtime_ns);
    json_t *o =
        json_pack("{s:s, s:s, s:o}", "id", id, "digest", f->digest, "error", text_json(f->error));
    for (size_t i = 0; o && i < HTH_COUNT(fields); i++) {
        const char *at = (const char *)&f->facts + fields[i].at;
        json_t *v = fields[i].kind == K_TEXT ? text_json(at)
                    : fields[i].kind == K_BOOL
                        ? json_boolean(*(const bool *)at)
                        : json_integer((json_int_t) * (const uint64_t *)(const void *)at);
        if (json_object_set_new(o, fields[i].name, v)) {
            json_decref(o);
            return NULL;
        }
    }
    return o;
}

static HthStatus write_all(const HthStore *m, const char *path, HthErr *err) {
    json_t *files = json_array();
    json_t *all = json_pack("{s:i, s:o}", "version", VERSION, "files", files);
    bool ok = all != NULL;
    for (size_t i = 0; ok && i < m->fact_count; i++)
        if (m->facts[i].known) ok = !json_array_append_new(files, to_json(&m->facts[i]));
    HthBuf text;
    hth_buf_init(&text, FILE_MAX);
    HthStatus status = ok ? hth_json_write(&text, all, 1, err) : HTH_ENOMEM;
    json_decref(all);
    if (status == HTH_OK) status = hth_file_write(path, text.p, text.n, 0600, err);
    hth_buf_drop(&text);
    return status;
}

void hth_facts_save(HthStore *m) {
    char path[PATH_MAX];
    if (!m->facts_dirty || !path_of(m, path) || access(m->home, W_OK)) return;
    HthErr err = { 0 };
    m->facts_dirty = false;
    if (write_all(m, path, &err) != HTH_OK)
        hth_log(HTH_LOG_INFO, "facts about models are not kept: %s", err.text);
}

static bool number(HthStr *s, uint64_t *out) {
    size_t n = 0;
    while (n < s->n && s->p[n] != '-') n++;
    const bool ok = hth_str_u64(hth_str_sub(*s, 0, n), out);
    *s = hth_str_sub(*s, n + 1, s->n);
    return ok;
}

static bool read_id(HthIdent *out, const json_t *v) {
    HthStr s = hth_str(json_string_value(v));
    HthIdent id = { 0 };
    const bool ok = number(&s, &id.dev) && number(&s, &id.ino) && number(&s, &id.bytes) &&
                    hth_str_i64(s, &id.mtime_ns);
    *out = id;
    return ok;
}

static bool copy_text(char *out, size_t n, const json_t *v) {
    if (!json_is_string(v) || json_string_length(v) >= n || strlen(json_string_value(v)) >= n)
        return false;
    memcpy(out, json_string_value(v), strlen(json_string_value(v)) + 1);
    return true;
}

static bool from_json(HthFact *f, const json_t *o) {
    bool ok = read_id(&f->id, json_object_get(o, "id")) &&
              copy_text(f->digest, sizeof f->digest, json_object_get(o, "digest")) &&
              copy_text(f->error, sizeof f->error, json_object_get(o, "error")) &&
              (!f->digest[0] || strspn(f->digest, "0123456789abcdef") == 64);
    for (size_t i = 0; ok && i < HTH_COUNT(fields); i++) {
        char *at = (char *)&f->facts + fields[i].at;
        const json_t *v = json_object_get(o, fields[i].name);
        if (fields[i].kind == K_TEXT) {
            ok = copy_text(at, fields[i].n, v);
        } else if (fields[i].kind == K_BOOL) {
            ok = json_is_boolean(v);
            *(bool *)at = json_is_true(v);
        } else {
            ok = json_is_integer(v);
            *(uint64_t *)(void *)at = (uint64_t)json_integer_value(v);
        }
    }
    f->known = true;
    return ok;
}

void hth_facts_load(HthStore *m) {
    char path[PATH_MAX];
    if (m->facts_read || !path_of(m, path)) return;
    m->facts_read = true;
    HthBuf text;
    json_t *all = NULL;
    hth_buf_init(&text, FILE_MAX);
    HthErr err = { 0 };
    if (access(path, F_OK) == 0 &&
        (hth_file_read(&text, path, &err) != HTH_OK ||
         hth_json_parse(&all, hth_buf_str(&text), FILE_MAX, &err) != HTH_OK))
        hth_log(HTH_LOG_INFO, "facts about models are collected anew: %s", err.text);
    hth_buf_drop(&text);
    const json_t *files = json_object_get(all, "files");
    if (json_integer_value(json_object_get(all, "version")) != VERSION) files = NULL;
    for (size_t i = 0; i < json_array_size(files) && i < HTH_FACTS_MAX; i++) {
        HthFact read = { 0 };
        if (!from_json(&read, json_array_get(files, i))) continue;
        HthFact *f = hth_fact_of(m, &read.id, true);
        if (!f) break;
        *f = read;
    }
    json_decref(all);
}
