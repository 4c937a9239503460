/* routes_web.c - the chat in the browser: its files, and how a browser is let in.
 *
 * The page may load nothing that does not come from here, run no script that is not a file of ours,
 * and be framed by nobody.  Markdown becomes HTML through DOMPurify alone: the browser refuses any
 * other text as HTML (Trusted Types).
 *
 * Thread: prep threads. */
#include <string.h>

#include "base/mem.h"
#include "serve/house_in.h"
#include "serve/ui.h"

static const struct {
    const char *name, *value;
} page_headers[] = {
    { "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' "
      "data:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
      "require-trusted-types-for 'script'; trusted-types dompurify" },
    { "X-Content-Type-Options", "nosniff" },
    { "Referrer-Policy", "no-referrer" },
    { "Cross-Origin-Opener-Policy", "same-origin" },
    { "Cross-Origin-Resource-Policy", "same-origin" },
    { "Permissions-Policy", "camera=(), microphone=(), geolocation=()" },
};

static const HthAsset *find(HthStr path) {
    for (const HthAsset *a = hth_ui_assets; a->path; a++)
        if (hth_str_eq(hth_str(a->path), path)) return a;
    return NULL;
}

static void send_asset(HthX *x, const HthAsset *a) {
    HthStr have, takes;
    for (size_t i = 0; i < HTH_COUNT(page_headers); i++)
        hth_x_add_header(x, page_headers[i].name, hth_str(page_headers[i].value));
    hth_x_add_header(x, "Cache-Control",
                     a->hashed ? HTH_STR("public, max-age=31536000, immutable")
                               : HTH_STR("no-cache"));
    hth_x_add_header(x, "ETag", hth_str(a->etag));
    hth_x_add_header(x, "Vary", HTH_STR("Accept-Encoding"));
    if (hth_x_header(x, "If-None-Match", &have) && hth_str_eq(have, hth_str(a->etag))) {
        hth_x_reply(x, 304, a->type, HTH_STR(""));
        return;
    }
    if (!hth_x_header(x, "Accept-Encoding", &takes) ||
        hth_str_find(takes, HTH_STR("gzip")) == SIZE_MAX) {
        hth_x_reply(x, 406, "text/plain; charset=utf-8",
                    HTH_STR("These files are kept compressed; ask with Accept-Encoding: gzip.\n"));
        return;
    }
    hth_x_add_header(x, "Content-Encoding", HTH_STR("gzip"));
    hth_x_reply_static(x, 200, a->type, (HthStr){ (const char *)a->gz, a->gz_n });
}

/* Programs that ask whether Ollama is there get its words; people get the chat. */
static void index_page(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)who, (void)rest;
    HthStr accept;
    const HthAsset *a = find(HTH_STR("index.html"));
    bool person = hth_x_header(x, "Accept", &accept) &&
                  hth_str_find(accept, HTH_STR("text/html")) != SIZE_MAX;
    if (a && person && h->cfg.web)
        send_asset(x, a);
    else
        hth_x_reply(x, 200, "text/plain; charset=utf-8", HTH_STR("Ollama is running"));
}

static void file(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)h, (void)who;
    HthErr err = { 0 };
    const HthAsset *a = find(rest);
    if (a) {
        send_asset(x, a);
        return;
    }
    (void)HTH_FAIL(&err, HTH_EINVAL, "there is no such file");
    hth_reply_error(x, 404, &err);
}

static void login(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)who, (void)rest;
    hth_auth_answer_login(h->cfg.auth, x);
}

/* {"name": "alice", "password": "..."}: a session, and its cookie. */
static void enter(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)who, (void)rest;
    HthErr err = { 0 };
    int status = 0;
    json_t *body = hth_body_object(x);
    if (!body) return;
    const HthStr name = hth_json_text(body, "name"), password = hth_json_text(body, "password");
    if (hth_auth_enter(h->cfg.auth, x, name, password, &status, &err) == HTH_OK) {
        HthNote *note = hth_x_note(x);
        snprintf(note->user, sizeof note->user, "%.*s", HTH_STR_ARG(name));
        hth_reply_json(x, 200, json_pack("{s:s}", "name", note->user));
    } else {
        hth_reply_error(x, status, &err);
    }
    if (password.n) hth_zero((void *)(uintptr_t)password.p, password.n);
    json_decref(body);
}

static void logout(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)who, (void)rest;
    hth_auth_answer_logout(h->cfg.auth, x);
}

const HthRoute hth_routes_web[] = {
    { HTH_ROUTE_INDEX, "GET", "/", .run = index_page },
    { HTH_ROUTE_UI, "GET", "/ui/*", .run = file },
    { HTH_ROUTE_LOGIN, "GET", "/login", .run = login },
    { HTH_ROUTE_ENTER, "POST", "/login", .run = enter },
    { HTH_ROUTE_LOGOUT, "POST", "/logout", .run = logout },
    { 0 },
};
HTH_ROUTES_HAVE_POLICIES(hth_routes_web, WEB);
