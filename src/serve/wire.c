/* wire.c - see wire.h.
 *
 * Thread: any. */
#include "serve/wire.h"

#include <string.h>

/* ---- writing --------------------------------------------------------------------------------- */

static HthStatus put_number(HthBuf *out, uint64_t v, HthErr *err) {
    return hth_buf_add(out, &v, sizeof v, err); /* both machines are little-endian */
}

static HthStatus put_text(HthBuf *out, HthStr s, HthErr *err) {
    HTH_TRY(put_number(out, s.n, err));
    return hth_buf_add_str(out, s, err);
}

static HthStatus put_pairs(HthBuf *out, const HthPair *pairs, uint32_t n, HthErr *err) {
    HTH_TRY(put_number(out, n, err));
    for (uint32_t i = 0; i < n; i++) {
        HTH_TRY(put_text(out, pairs[i].name, err));
        HTH_TRY(put_text(out, pairs[i].value, err));
    }
    return HTH_OK;
}

HthStatus hth_wire_ask_put(HthBuf *out, const HthWireAsk *a, HthErr *err) {
    const HthPeer *p = &a->peer;
    const uint64_t numbers[] = { a->began_ns, a->is_upload, a->is_head, a->same_origin, a->whole,
                                 p->local,    p->uid_known, p->uid,     p->tls };
    for (size_t i = 0; i < HTH_COUNT(numbers); i++) HTH_TRY(put_number(out, numbers[i], err));
    HTH_TRY(put_text(out, hth_str(p->address), err));
    HTH_TRY(put_text(out, hth_str(p->cert_name), err));
    HTH_TRY(put_text(out, hth_str(p->cert_serial), err));
    HTH_TRY(put_text(out, hth_str(a->method), err));
    HTH_TRY(put_text(out, a->path, err));
    HTH_TRY(put_pairs(out, a->query, a->query_count, err));
    return put_pairs(out, a->headers, a->header_count, err);
}

HthStatus hth_wire_answer_put(HthBuf *out, const HthWireAnswer *a, HthErr *err) {
    HTH_TRY(put_number(out, (uint64_t)a->status, err));
    HTH_TRY(put_number(out, a->sized, err));
    HTH_TRY(put_number(out, a->length, err));
    HTH_TRY(put_number(out, a->ping_ms, err));
    HTH_TRY(put_text(out, hth_str(a->ping), err));
    HTH_TRY(put_text(out, hth_str(a->type), err));
    return put_pairs(out, a->headers, a->header_count, err);
}

HthStatus hth_wire_end_put(HthBuf *out, const HthWireEnd *e, HthErr *err) {
    const HthXResult *r = &e->result;
    const uint64_t numbers[] = { (uint64_t)r->status, r->whole,    r->bytes_in, r->bytes_out,
                                 r->began_ns,         r->first_ns, r->ended_ns };
    for (size_t i = 0; i < HTH_COUNT(numbers); i++) HTH_TRY(put_number(out, numbers[i], err));
    HTH_TRY(put_text(out, hth_str(e->method), err));
    return put_text(out, hth_str(e->from), err);
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct Cursor {
    HthStr left;
    bool bad; /* and everything after it reads as nothing */
} Cursor;

static uint64_t get_number(Cursor *c, uint64_t max) {
    uint64_t v = 0;
    c->bad |= c->left.n < sizeof v;
    if (c->bad) return 0;
    memcpy(&v, c->left.p, sizeof v);
    c->left.p += sizeof v;
    c->left.n -= sizeof v;
    c->bad |= v > max;
    return c->bad ? 0 : v;
}

static bool get_bool(Cursor *c) {
    return get_number(c, 1);
}

static HthStr get_text(Cursor *c) {
    const size_t n = get_number(c, c->left.n);
    c->bad |= n > c->left.n;
    if (c->bad) return HTH_STR("");
    const HthStr s = { c->left.p, n };
    c->left.p += n;
    c->left.n -= n;
    return s;
}

/* A text that becomes a C string. */
static void get_string(Cursor *c, char *out, size_t room) {
    const HthStr s = get_text(c);
    c->bad |= s.n >= room || (s.n && memchr(s.p, 0, s.n));
    if (c->bad) return;
    if (s.n) memcpy(out, s.p, s.n);
    out[s.n] = '\0';
}

/* One that will stand in a log, or name somebody. */
static void get_word(Cursor *c, char *out, size_t room) {
    get_string(c, out, room);
    c->bad |= !c->bad && !(hth_http_is_value(hth_str(out)) && hth_utf8_valid(hth_str(out)));
}

/* A method's; "" when it was none. */
static void get_method(Cursor *c, char *out, size_t room) {
    get_string(c, out, room);
    c->bad |= !c->bad && out[0] && !hth_http_is_token(hth_str(out));
}

static uint32_t get_pairs(Cursor *c, HthPair *out, uint32_t max) {
    const uint32_t n = (uint32_t)get_number(c, max);
    for (uint32_t i = 0; i < n && !c->bad; i++) {
        out[i].name = get_text(c);
        out[i].value = get_text(c);
    }
    return c->bad ? 0 : n;
}

static uint32_t get_query(Cursor *c, HthPair *out, uint32_t max) {
    const uint32_t n = get_pairs(c, out, max);
    for (uint32_t i = 0; i < n; i++)
        c->bad |= !hth_http_is_text(out[i].name) || !hth_http_is_text(out[i].value);
    return n;
}

static uint32_t get_headers(Cursor *c, HthPair *out, uint32_t max) {
    const uint32_t n = get_pairs(c, out, max);
    for (uint32_t i = 0; i < n; i++)
        c->bad |= !hth_http_is_token(out[i].name) || !hth_http_is_value(out[i].value);
    return n;
}

static bool all_read(const Cursor *c) {
    return !c->bad && !c->left.n;
}

bool hth_wire_ask_get(HthWireAsk *out, HthStr bytes) {
    Cursor c = { .left = bytes };
    HthPeer *p = &out->peer;
    memset(p, 0, sizeof *p);
    out->began_ns = get_number(&c, UINT64_MAX);
    out->is_upload = get_bool(&c);
    out->is_head = get_bool(&c);
    out->same_origin = get_bool(&c);
    out->whole = get_bool(&c);
    p->local = get_bool(&c);
    p->uid_known = get_bool(&c);
    p->uid = (uint32_t)get_number(&c, UINT32_MAX);
    p->tls = get_bool(&c);
    get_word(&c, p->address, sizeof p->address);
    get_word(&c, p->cert_name, sizeof p->cert_name);
    get_word(&c, p->cert_serial, sizeof p->cert_serial);
    get_method(&c, out->method, sizeof out->method);
    out->path = get_text(&c);
    out->query_count = get_query(&c, out->query, HTH_QUERY_MAX);
    out->header_count = get_headers(&c, out->headers, HTH_WIRE_HEADERS_MAX);
    return all_read(&c) && out->method[0] && hth_http_path_is_plain(out->path) &&
           !(out->is_upload && out->whole);
}

bool hth_wire_answer_get(HthWireAnswer *out, HthStr bytes) {
    Cursor c = { .left = bytes };
    out->status = (int)get_number(&c, 599);
    out->sized = get_bool(&c);
    out->length = get_number(&c, INT64_MAX);
    out->ping_ms = (uint32_t)get_number(&c, UINT32_MAX);
    get_string(&c, out->ping, sizeof out->ping);
    get_string(&c, out->type, sizeof out->type);
    out->header_count = get_headers(&c, out->headers, HTH_X_HEADERS_MAX);
    return all_read(&c) && out->status >= 200 && hth_http_is_value(hth_str(out->type));
}

bool hth_wire_end_get(HthWireEnd *out, HthStr bytes) {
    Cursor c = { .left = bytes };
    HthXResult *r = &out->result;
    r->status = (int)get_number(&c, 599);
    r->whole = get_bool(&c);
    r->bytes_in = get_number(&c, UINT64_MAX);
    r->bytes_out = get_number(&c, UINT64_MAX);
    r->began_ns = get_number(&c, UINT64_MAX);
    r->first_ns = get_number(&c, UINT64_MAX);
    r->ended_ns = get_number(&c, UINT64_MAX);
    get_method(&c, out->method, sizeof out->method);
    get_word(&c, out->from, sizeof out->from);
    return all_read(&c);
}
