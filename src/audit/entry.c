/* entry.c - see entry.h.
 *
 * Thread: any. */
#include "audit/entry.h"

#include <string.h>

#include "audit/jcs.h"
#include "audit/tree.h"
#include "base/clock.h"

typedef enum Sort { TEXT, NUMBER, DIGEST } Sort;

enum { VERSION = 1, NUMBER_BITS = 53 };

static const struct {
    const char *name;
    Sort sort;
    uint32_t most; /* bytes of a text */
} fields[HTH_ENTRY_FIELDS] = {
    [HTH_FIELD_ACTION] = { "action", TEXT, 32 },
    [HTH_FIELD_ADAPTERS] = { "adapters", TEXT, 1400 },
    [HTH_FIELD_API] = { "api", TEXT, 32 },
    [HTH_FIELD_BUILD] = { "build", DIGEST, 0 },
    [HTH_FIELD_BYTES] = { "bytes", NUMBER, 0 },
    [HTH_FIELD_CAGE] = { "cage", TEXT, 64 },
    [HTH_FIELD_CAGE_TEST] = { "cage_test", DIGEST, 0 },
    [HTH_FIELD_COMMIT] = { "commit", DIGEST, 0 },
    [HTH_FIELD_CONTENT] = { "content", TEXT, 16 },
    [HTH_FIELD_EVENT] = { "event", TEXT, 16 },
    [HTH_FIELD_FINISH] = { "finish", TEXT, 32 },
    [HTH_FIELD_KEY] = { "key", TEXT, 128 },
    [HTH_FIELD_MODEL] = { "model", TEXT, 300 },
    [HTH_FIELD_MODEL_SHA256] = { "model_sha256", DIGEST, 0 },
    [HTH_FIELD_MODEL_SHA3] = { "model_sha3", DIGEST, 0 },
    [HTH_FIELD_OUTPUT] = { "output", DIGEST, 0 },
    [HTH_FIELD_OUTPUT_TOKENS] = { "output_tokens", NUMBER, 0 },
    [HTH_FIELD_PROMPT_TOKENS] = { "prompt_tokens", NUMBER, 0 },
    [HTH_FIELD_REASON] = { "reason", TEXT, 64 },
    [HTH_FIELD_REQUEST] = { "request", TEXT, 64 },
    [HTH_FIELD_ROOT_SHA256] = { "root_sha256", DIGEST, 0 },
    [HTH_FIELD_ROOT_SHA3] = { "root_sha3", DIGEST, 0 },
    [HTH_FIELD_ROUTE] = { "route", TEXT, 64 },
    [HTH_FIELD_SEALED] = { "sealed", DIGEST, 0 },
    [HTH_FIELD_SIZE] = { "size", NUMBER, 0 },
    [HTH_FIELD_STATUS] = { "status", NUMBER, 0 },
    [HTH_FIELD_SUBJECT] = { "subject", TEXT, 128 },
    [HTH_FIELD_USER] = { "user", TEXT, 128 },
    [HTH_FIELD_VERSION] = { "version", TEXT, 64 },
};

#define F(x)    (1u << HTH_FIELD_##x)
#define CONTENT (F(CONTENT) | F(COMMIT) | F(SEALED) | F(SUBJECT))
#define WHO     (F(USER) | F(KEY) | F(SUBJECT))

static const struct {
    const char *name;
    uint32_t must, may;
} types[HTH_ENTRY_TYPES] = {
    [HTH_ENTRY_START] = { "start", F(BUILD) | F(CAGE), F(VERSION) | F(CAGE_TEST) },
    [HTH_ENTRY_STOP] = { "stop", 0, F(REASON) },
    [HTH_ENTRY_ACCEPTED] = { "accepted", F(REQUEST),
                             WHO | F(API) | F(ROUTE) | F(MODEL) | F(ADAPTERS) | F(PROMPT_TOKENS) |
                                 CONTENT },
    [HTH_ENTRY_REFUSED] = { "refused", F(REASON),
                            WHO | F(REQUEST) | F(API) | F(ROUTE) | F(MODEL) | F(STATUS) },
    [HTH_ENTRY_FINISHED] = { "finished", F(REQUEST) | F(FINISH),
                             WHO | F(MODEL) | F(ADAPTERS) | F(OUTPUT) | F(PROMPT_TOKENS) |
                                 F(OUTPUT_TOKENS) | F(STATUS) | CONTENT },
    [HTH_ENTRY_LOAD] = { "load", F(MODEL), F(MODEL_SHA256) | F(MODEL_SHA3) | F(BYTES) },
    [HTH_ENTRY_UNLOAD] = { "unload", F(MODEL), F(REASON) },
    [HTH_ENTRY_KEY] = { "key", F(ACTION) | F(KEY), F(USER) | F(EVENT) },
    [HTH_ENTRY_USER] = { "user", F(ACTION) | F(USER), F(KEY) | F(EVENT) },
    [HTH_ENTRY_POLICY] = { "policy", F(ACTION), F(USER) | F(KEY) | F(REASON) },
    [HTH_ENTRY_ERASE] = { "erase", F(ACTION) | F(SUBJECT), F(USER) | F(REASON) },
    [HTH_ENTRY_REPAIRED] = { "repaired", F(BYTES), 0 },
    [HTH_ENTRY_RESTORED] = { "restored", F(ACTION) | F(SIZE) | F(ROOT_SHA256) | F(ROOT_SHA3), 0 },
    [HTH_ENTRY_CHECKPOINT] = { "checkpoint", F(SIZE) | F(ROOT_SHA256) | F(ROOT_SHA3), 0 },
};

const char *hth_entry_name(HthEntryType type) {
    return types[type].name;
}

const char *hth_entry_field(HthEntryField field) {
    return fields[field].name;
}

void hth_entry_begin(HthEntry *e, HthEntryType type) {
    *e = (HthEntry){ .type = type, .time_s = hth_clock_unix_s() };
}

static HthEntryValue *value(HthEntry *e, HthEntryField field, Sort sort) {
    HTH_ASSERT((unsigned)field < HTH_ENTRY_FIELDS && fields[field].sort == sort);
    e->v[field].there = true;
    return &e->v[field];
}

void hth_entry_text(HthEntry *e, HthEntryField field, HthStr text) {
    value(e, field, TEXT)->text = text;
}

void hth_entry_number(HthEntry *e, HthEntryField field, uint64_t number) {
    value(e, field, NUMBER)->number = number;
}

void hth_entry_digest(HthEntry *e, HthEntryField field, const uint8_t digest[HTH_HASH_BYTES]) {
    memcpy(value(e, field, DIGEST)->digest, digest, HTH_HASH_BYTES);
}

/* ---- what is allowed ------------------------------------------------------------------------ */

static HthStatus check_text(HthStr s, HthEntryField f, HthErr *err) {
    bool plain = s.n && s.n <= fields[f].most && hth_utf8_valid(s);
    for (size_t i = 0; plain && i < s.n; i++) plain = (uint8_t)s.p[i] >= 0x20 && s.p[i] != 0x7F;
    HTH_REQUIRE(plain, err, HTH_EINVAL,
                "the field %s of an entry is 1 to %u bytes of UTF-8 without control characters",
                fields[f].name, fields[f].most);
    return HTH_OK;
}

static HthStatus check(const HthEntry *e, HthErr *err) {
    uint32_t there = 0;
    for (unsigned i = 0; i < HTH_ENTRY_FIELDS; i++) {
        const HthEntryField f = (HthEntryField)i;
        if (!e->v[i].there) continue;
        there |= 1u << i;
        if (fields[i].sort == TEXT) HTH_TRY(check_text(e->v[i].text, f, err));
        HTH_REQUIRE(fields[i].sort != NUMBER || e->v[i].number >> NUMBER_BITS == 0, err, HTH_EINVAL,
                    "the field %s of an entry is not below 2^%d", fields[i].name, NUMBER_BITS);
    }
    const uint32_t lacks = types[e->type].must & ~there;
    const uint32_t extra = there & ~(types[e->type].must | types[e->type].may);
    const uint32_t wrong = lacks ? lacks : extra;
    HTH_REQUIRE(!wrong, err, HTH_EINVAL, "an entry '%s' %s a field %s", types[e->type].name,
                lacks ? "must have" : "does not have",
                fields[__builtin_ctz(wrong | 1u << 31)].name);
    HTH_REQUIRE(e->time_s >= 0 && (uint64_t)e->time_s >> NUMBER_BITS == 0, err, HTH_EINVAL,
                "the time of an entry is before 1970");
    return HTH_OK;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *value_json(const HthEntry *e, unsigned f) {
    const HthEntryValue *v = &e->v[f];
    char hex[HTH_HASH_HEX + 1];
    switch (fields[f].sort) {
    case TEXT: return json_stringn_nocheck(v->text.p, v->text.n);
    case NUMBER: return json_integer((json_int_t)v->number);
    default: hth_hex(hex, v->digest, HTH_HASH_BYTES); return json_string_nocheck(hex);
    }
}

HthStatus hth_entry_write(HthBuf *out, const HthEntry *e, HthErr *err) {
    HTH_ASSERT((unsigned)e->type < HTH_ENTRY_TYPES);
    HTH_TRY(check(e, err));
    json_t *o = json_object();
    bool ok = o && !json_object_set_new_nocheck(o, "v", json_integer(VERSION)) &&
              !json_object_set_new_nocheck(o, "time", json_integer(e->time_s)) &&
              !json_object_set_new_nocheck(o, "type", json_string(types[e->type].name));
    for (unsigned f = 0; ok && f < HTH_ENTRY_FIELDS; f++)
        if (e->v[f].there) ok = !json_object_set_new_nocheck(o, fields[f].name, value_json(e, f));
    const size_t from = out->n;
    HthStatus status = ok ? hth_jcs_write(out, o, err)
                          : HTH_FAIL(err, HTH_ENOMEM, "no memory for an entry of the log");
    json_decref(o);
    if (status == HTH_OK && out->n - from > HTH_LEAF_MAX) {
        out->n = from;
        status =
            HTH_FAIL(err, HTH_ELIMIT, "an entry of the log is longer than %d bytes", HTH_LEAF_MAX);
    }
    return status;
}

static HthStatus read_value(HthEntry *e, unsigned f, const json_t *j, HthBuf *room, HthErr *err) {
    HthEntryValue *v = &e->v[f];
    const HthStr text = { json_string_value(j), json_string_length(j) };
    bool ok = false;
    switch (fields[f].sort) {
    case TEXT:
        ok = json_is_string(j);
        if (!ok) break;
        HTH_REQUIRE(room->n + text.n <= room->cap, err, HTH_ELIMIT, "an entry has too much text");
        v->text = (HthStr){ room->p + room->n, text.n };
        HTH_TRY(hth_buf_add_str(room, text, err));
        break;
    case NUMBER:
        ok = json_is_integer(j) && json_integer_value(j) >= 0;
        v->number = (uint64_t)json_integer_value(j);
        break;
    case DIGEST:
        ok = json_is_string(j) && hth_unhex(v->digest, sizeof v->digest, text);
        for (size_t i = 0; ok && i < text.n; i++) ok = text.p[i] < 'A' || text.p[i] > 'F';
        break;
    }
    HTH_REQUIRE(ok, err, HTH_EFORMAT, "the field %s of an entry is of another sort",
                fields[f].name);
    v->there = true;
    return HTH_OK;
}

/* Type, time, version and fields; *seen: how many members were known. */
static HthStatus read_all(HthEntry *e, size_t *seen, const json_t *o, HthBuf *room, HthErr *err) {
    const HthStr type = hth_json_text(o, "type"); /* it may hold zero bytes */
    const json_t *time = json_object_get(o, "time"), *version = json_object_get(o, "v");
    unsigned t = 0;
    while (t < HTH_ENTRY_TYPES && !hth_str_eq(type, hth_str(types[t].name))) t++;
    HTH_REQUIRE(json_integer_value(version) == VERSION, err, HTH_ENOTSUP,
                "an entry is not of version %d, the one that this hearth reads", VERSION);
    HTH_REQUIRE(t < HTH_ENTRY_TYPES && json_is_integer(time), err, HTH_EFORMAT,
                "an entry has no type or time that hearth knows");
    *e = (HthEntry){ .type = (HthEntryType)t, .time_s = json_integer_value(time) };
    *seen = 3;
    for (unsigned f = 0; f < HTH_ENTRY_FIELDS; f++) {
        const json_t *j = json_object_get(o, fields[f].name);
        if (!j) continue;
        HTH_TRY(read_value(e, f, j, room, err));
        ++*seen;
    }
    return HTH_OK;
}

HthStatus hth_entry_read(HthEntry *out, HthBuf *room, HthStr text, HthErr *err) {
    HthEntry e;
    HthErr why = { 0 };
    json_t *o = NULL;
    size_t seen = 0;
    HTH_TRY(hth_buf_reserve(room, text.n, err)); /* so that what is lent stays where it is */
    HTH_TRY(hth_jcs_parse(&o, text, HTH_LEAF_MAX, err));
    HthStatus status = read_all(&e, &seen, o, room, err);
    if (status == HTH_OK && json_object_size(o) != seen)
        status = HTH_FAIL(err, HTH_EFORMAT, "an entry has a field that hearth does not know");
    json_decref(o);
    HTH_TRY(status);
    HTH_REQUIRE(check(&e, &why) == HTH_OK, err, HTH_EFORMAT, "%s", why.text);
    *out = e;
    return HTH_OK;
}
