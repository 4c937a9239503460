/* policy.c - see policy.h.
 *
 * Thread: any. */
#include "serve/policy.h"

#include <string.h>

#include "serve/http_parse.h"

#define AS_ROW(id, method, path, verb) [HTH_ROUTE_##id] = { method, path, verb },
const HthPolicyRow hth_policy[HTH_ROUTE_COUNT] = { HTH_POLICY(AS_ROW) };

static const uint32_t role_verbs[HTH_ROLE_COUNT] = {
    [HTH_ROLE_USER] = HTH_MAY_ASK | HTH_MAY_EMBED | HTH_MAY_TOKENS | HTH_MAY_MODELS | HTH_MAY_CHATS,
    [HTH_ROLE_ADMIN] = HTH_MAY_ALL,
    [HTH_ROLE_AUDITOR] = HTH_MAY_METRICS | HTH_MAY_AUDIT,
    [HTH_ROLE_SERVICE] =
        HTH_MAY_ASK | HTH_MAY_EMBED | HTH_MAY_TOKENS | HTH_MAY_MODELS | HTH_MAY_METRICS,
};

uint32_t hth_role_verbs(HthRole role) {
    return role < HTH_ROLE_COUNT ? role_verbs[role] : 0;
}

static bool is_page(const HthPolicyAsk *a) {
    return a->origin != HTH_ORIGIN_NONE || a->fetch;
}

static bool only_reads(const char *method) {
    return strcmp(method, "GET") == 0;
}

/* Is it our own page that asks? No form of another page sends X-Hearth. */
static HthDeny decide_own(const HthPolicyAsk *a, const HthPolicyRow *row) {
    if (a->origin == HTH_ORIGIN_LISTED || a->fetch_foreign) return HTH_DENY_PAGE;
    return only_reads(row->method) || a->x_hearth ? HTH_ALLOW : HTH_DENY_FORM;
}

/* What a browser adds by itself (a cookie, a certificate, being on this machine) says nothing about
 * which page asks. */
static HthDeny decide_page(const HthPolicyAsk *a, const HthPolicyRow *row) {
    const bool page = is_page(a);
    if (a->by == HTH_BY_KEY) return HTH_ALLOW;
    if (a->by == HTH_BY_PEER) return page ? HTH_DENY_PAGE_USER : HTH_ALLOW;
    return a->by == HTH_BY_CERT && !page ? HTH_ALLOW : decide_own(a, row);
}

/* Nobody need say who he is; but no other page logs a browser in or out. */
static HthDeny decide_open(const HthPolicyAsk *a, const HthPolicyRow *row) {
    return only_reads(row->method) || !is_page(a) ? HTH_ALLOW : decide_own(a, row);
}

static HthDeny decide_rights(const HthPolicyAsk *a, const HthPolicyRow *row) {
    const bool programs_page = a->role == HTH_ROLE_SERVICE && a->by == HTH_BY_SESSION;
    if (programs_page || !(hth_role_verbs(a->role) & row->verb)) return HTH_DENY_ROLE;
    if (!(a->verbs & row->verb)) return HTH_DENY_SCOPE;
    if (a->model_out) return HTH_DENY_MODEL;
    return a->others ? HTH_DENY_OTHERS : HTH_ALLOW;
}

HthDeny hth_policy_decide(const HthPolicyAsk *a) {
    if (a->at <= HTH_ROUTE_NONE || a->at >= HTH_ROUTE_COUNT) return HTH_DENY_ROUTE;
    const HthPolicyRow *row = &hth_policy[a->at];
    if (a->host == HTH_HOST_MISSING) return HTH_DENY_HOST_MISSING;
    if (a->host != HTH_HOST_OURS) return HTH_DENY_HOST;
    if (a->origin > HTH_ORIGIN_LISTED) return HTH_DENY_ORIGIN;
    if (!a->local && !a->tls) return HTH_DENY_PLAIN;
    if (!row->verb) return decide_open(a, row);
    if (a->by <= HTH_BY_NOTHING || a->by >= HTH_BY_COUNT) return HTH_DENY_NOBODY;
    if (a->by == HTH_BY_PEER && !a->local) return HTH_DENY_NOBODY;
    const HthDeny page = decide_page(a, row);
    return page == HTH_ALLOW ? decide_rights(a, row) : page;
}

static const struct {
    int status;
    const char *sentence;
} denials[HTH_DENY_COUNT] = {
    [HTH_ALLOW] = { 200, "It is allowed." },
    [HTH_DENY_ROUTE] = { 404, "There is nothing at this path." },
    [HTH_DENY_HOST_MISSING] = { 400, "The request has no Host header." },
    [HTH_DENY_HOST] = { 403, "This server is not called by that name; if it should be, add the "
                             "name to the hosts it is started with." },
    [HTH_DENY_ORIGIN] = { 403, "Pages of that origin may not call this server; if they should, add "
                               "the origin to those it is started with." },
    [HTH_DENY_PLAIN] = { 403, "From another machine it takes TLS." },
    [HTH_DENY_NOBODY] = { 401, "A key is needed: Authorization: Bearer KEY, or x-api-key. hearth "
                               "key makes one." },
    [HTH_DENY_PAGE_USER] = { 401, "This browser is not logged in; open the link that hearth "
                                  "prints, or log in with name and password." },
    [HTH_DENY_PAGE] = { 403, "A page of another origin has no session here." },
    [HTH_DENY_FORM] = { 403, "The page's request lacks the header X-Hearth." },
    [HTH_DENY_ROLE] = { 403, "This user's role may not do that." },
    [HTH_DENY_SCOPE] = { 403, "This key may not do that." },
    [HTH_DENY_MODEL] = { 403, "This key may not ask that model." },
    [HTH_DENY_OTHERS] = { 404, "There is no such thing here." },
};

int hth_deny_status(HthDeny d) {
    HTH_ASSERT(d < HTH_DENY_COUNT);
    return denials[d].status;
}

const char *hth_deny_sentence(HthDeny d) {
    HTH_ASSERT(d < HTH_DENY_COUNT);
    return denials[d].sentence;
}

/* ---- names ----------------------------------------------------------------------------------- */

HthHostIs hth_policy_host(const HthNames *names, HthStr value, bool there) {
    HthStr name = { 0 };
    uint32_t port = 0;
    if (!there) return HTH_HOST_MISSING;
    if (!hth_http_host(value, &name, &port)) return HTH_HOST_FOREIGN;
    if (hth_http_is_loopback(name)) return HTH_HOST_OURS;
    for (size_t i = 0; i < names->host_count; i++)
        if (hth_http_same_name(name, hth_str(names->hosts[i]))) return HTH_HOST_OURS;
    return HTH_HOST_FOREIGN;
}

HthOriginIs hth_policy_origin(const HthNames *names, HthStr host, HthStr origin, bool there,
                              bool tls, const char **listed) {
    HthStr name = { 0 }, other = { 0 };
    uint32_t port = 0, other_port = 0;
    bool secure = false, other_secure = false;
    if (!there) return HTH_ORIGIN_NONE;
    if (!hth_http_origin(origin, &secure, &name, &port)) return HTH_ORIGIN_FOREIGN;
    if (hth_http_host(host, &other, &other_port)) {
        if (!other_port) other_port = tls ? 443 : 80;
        if (secure == tls && port == other_port && hth_http_same_name(name, other))
            return HTH_ORIGIN_SAME;
    }
    for (size_t i = 0; i < names->origin_count; i++) {
        if (!hth_http_origin(hth_str(names->origins[i]), &other_secure, &other, &other_port))
            continue;
        if (secure != other_secure || port != other_port || !hth_http_same_name(name, other))
            continue;
        if (listed) *listed = names->origins[i];
        return HTH_ORIGIN_LISTED;
    }
    return HTH_ORIGIN_FOREIGN;
}
