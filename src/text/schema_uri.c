/* schema_uri.c - where a reference leads: RFC 3986, section 5.2.
 *
 * Thread: any. */
#include <string.h>

#include "text/schema_int.h"

typedef struct Uri {
    HthStr scheme, authority, path, query, fragment; /* p NULL: not there */
} Uri;

static size_t first_of(HthStr s, const char *stops) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] && strchr(stops, s.p[i])) return i;
    return s.n;
}

static Uri take_apart(HthStr s) {
    Uri u = { 0 };
    size_t n = first_of(s, "#");
    if (n < s.n) {
        u.fragment = hth_str_sub(s, n + 1, s.n);
        s.n = n;
    }
    n = first_of(s, "?");
    if (n < s.n) {
        u.query = hth_str_sub(s, n + 1, s.n);
        s.n = n;
    }
    n = first_of(s, ":/");
    if (n > 0 && n < s.n && s.p[n] == ':') {
        u.scheme = (HthStr){ s.p, n };
        s = hth_str_sub(s, n + 1, s.n);
    }
    if (hth_str_starts(s, HTH_STR("//"))) {
        s = hth_str_sub(s, 2, s.n);
        n = first_of(s, "/");
        u.authority = (HthStr){ s.p, n };
        s = hth_str_sub(s, n, s.n);
    }
    u.path = s;
    return u;
}

/* Section 5.2.4, in place behind out->p[from]. */
static HthStatus add_path(HthBuf *out, HthStr path, HthErr *err) {
    const size_t from = out->n;
    while (path.n) {
        const bool slash = path.p[0] == '/';
        const HthStr rest = hth_str_sub(path, slash, path.n);
        const size_t n = first_of(rest, "/");
        const HthStr part = { rest.p, n };
        const bool up = hth_str_eq(part, HTH_STR("..")), here = hth_str_eq(part, HTH_STR("."));
        path = hth_str_sub(rest, n, rest.n);
        if (up && out->n > from) {
            while (out->n > from && out->p[out->n - 1] != '/') out->n--;
            if (out->n > from) out->n--;
        }
        if (up || here) {
            if (path.n == 0) HTH_TRY(hth_buf_add_char(out, '/', err));
            continue;
        }
        if (slash) HTH_TRY(hth_buf_add_char(out, '/', err));
        HTH_TRY(hth_buf_add_str(out, part, err));
    }
    return HTH_OK;
}

HthStatus hth_s_uri(HthBuf *out, HthStr base, HthStr ref, HthErr *err) {
    const Uri b = take_apart(base), r = take_apart(ref);
    Uri t = r;
    HthBuf merged;
    hth_buf_init(&merged, (size_t)1 << 16);
    HthStatus st = HTH_OK;
    if (!r.scheme.p) {
        t.scheme = b.scheme;
        if (!r.authority.p) {
            t.authority = b.authority;
            if (r.path.n == 0) {
                t.path = b.path;
                if (!r.query.p) t.query = b.query;
            } else if (r.path.p[0] != '/') {
                size_t n = b.path.n;
                while (n > 0 && b.path.p[n - 1] != '/') n--;
                if (n == 0 && b.authority.p) st = hth_buf_add_char(&merged, '/', err);
                if (st == HTH_OK) st = hth_buf_add(&merged, b.path.p, n, err);
                if (st == HTH_OK) st = hth_buf_add_str(&merged, r.path, err);
                t.path = hth_buf_str(&merged);
            }
        }
    }
    if (st == HTH_OK && t.scheme.p) st = hth_buf_printf(out, err, "%.*s:", HTH_STR_ARG(t.scheme));
    if (st == HTH_OK && t.authority.p)
        st = hth_buf_printf(out, err, "//%.*s", HTH_STR_ARG(t.authority));
    if (st == HTH_OK) st = add_path(out, t.path, err);
    if (st == HTH_OK && t.query.p) st = hth_buf_printf(out, err, "?%.*s", HTH_STR_ARG(t.query));
    if (st == HTH_OK && t.fragment.p && t.fragment.n)
        st = hth_buf_printf(out, err, "#%.*s", HTH_STR_ARG(t.fragment));
    hth_buf_drop(&merged);
    return st;
}
