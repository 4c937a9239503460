/* policy_test.c - the policy against a second statement of it: every route, role, credential, Host
 * and Origin, and that every table of routes means the rows it names. */
#include "serve/policy.h"

#include "serve/house_in.h"
#include "support/test.h"

/* ---- the second statement -------------------------------------------------------------------- */

/* Who may, by role: a admin, u user, s service, d auditor; "*": everybody, without a credential.
 * Then the word of a key's scope that covers it. */
static const struct {
    const char *method, *path, *who, *scope;
} statement[] = {
    /* clang-format off */
    { "GET",    "/",                                  "*",    "" },
    { "GET",    "/ui/*",                              "*",    "" },
    { "GET",    "/login",                             "*",    "" },
    { "POST",   "/login",                             "*",    "" },
    { "POST",   "/logout",                            "*",    "" },
    { "GET",    "/health",                            "*",    "" },
    { "GET",    "/v1/health",                         "*",    "" },
    { "GET",    "/running",                           "*",    "" },
    { "GET",    "/api/version",                       "*",    "" },
    { "POST",   "/v1/chat/completions",               "a u s", "ask" },
    { "POST",   "/chat/completions",                  "a u s", "ask" },
    { "POST",   "/v1/completions",                    "a u s", "ask" },
    { "POST",   "/v1/responses",                      "a u s", "ask" },
    { "GET",    "/v1/responses/*",                    "a u s", "ask" },
    { "DELETE", "/v1/responses/*",                    "a u s", "ask" },
    { "POST",   "/v1/messages",                       "a u s", "ask" },
    { "POST",   "/api/chat",                          "a u s", "ask" },
    { "POST",   "/api/generate",                      "a u s", "ask" },
    { "POST",   "/completion",                        "a u s", "ask" },
    { "POST",   "/completions",                       "a u s", "ask" },
    { "POST",   "/infill",                            "a u s", "ask" },
    { "POST",   "/v1/embeddings",                     "a u s", "embed" },
    { "POST",   "/api/embed",                         "a u s", "embed" },
    { "POST",   "/api/embeddings",                    "a u s", "embed" },
    { "POST",   "/embedding",                         "a u s", "embed" },
    { "POST",   "/embeddings",                        "a u s", "embed" },
    { "POST",   "/rerank",                            "a u s", "embed" },
    { "POST",   "/reranking",                         "a u s", "embed" },
    { "POST",   "/v1/rerank",                         "a u s", "embed" },
    { "POST",   "/v1/reranking",                      "a u s", "embed" },
    { "POST",   "/tokenize",                          "a u s", "tokens" },
    { "POST",   "/detokenize",                        "a u s", "tokens" },
    { "POST",   "/apply-template",                    "a u s", "tokens" },
    { "POST",   "/v1/chat/completions/input_tokens",  "a u s", "tokens" },
    { "POST",   "/chat/completions/input_tokens",     "a u s", "tokens" },
    { "POST",   "/v1/responses/input_tokens",         "a u s", "tokens" },
    { "POST",   "/v1/messages/count_tokens",          "a u s", "tokens" },
    { "GET",    "/api/tags",                          "a u s", "models" },
    { "POST",   "/api/show",                          "a u s", "models" },
    { "GET",    "/api/ps",                            "a u s", "models" },
    { "GET",    "/props",                             "a u s", "models" },
    { "GET",    "/v1/models",                         "a u s", "models" },
    { "GET",    "/v1/models/*",                       "a u s", "models" },
    { "GET",    "/lora-adapters",                     "a u s", "models" },
    { "GET",    "/hearth/plan",                       "a u s", "models" },
    { "POST",   "/lora-adapters",                     "a",    "manage" },
    { "POST",   "/api/create",                        "a",    "manage" },
    { "POST",   "/api/copy",                          "a",    "manage" },
    { "DELETE", "/api/delete",                        "a",    "manage" },
    { "POST",   "/api/pull",                          "a",    "manage" },
    { "POST",   "/api/push",                          "a",    "manage" },
    { "POST",   "/api/blobs/*",                       "a",    "manage" },
    { "GET",    "/api/blobs/*",                       "a",    "manage" },
    { "GET",    "/hearth/chats",                      "a u",  "chats" },
    { "DELETE", "/hearth/chats",                      "a u",  "chats" },
    { "GET",    "/hearth/chats/*",                    "a u",  "chats" },
    { "PUT",    "/hearth/chats/*",                    "a u",  "chats" },
    { "POST",   "/hearth/chats/*",                    "a u",  "chats" },
    { "DELETE", "/hearth/chats/*",                    "a u",  "chats" },
    { "GET",    "/metrics",                           "a d s", "metrics" },
    { "GET",    "/slots",                             "a d s", "metrics" },
    /* clang-format on */
};

static const char role_letters[HTH_ROLE_COUNT] = { 'u', 'a', 'd', 's' };

/* Headers as they come, and what they are for a server on port 11434 that is also called
 * box.example and lets pages of https://app.example call. */
static const struct {
    const char *text; /* NULL: there is none */
    bool ours;
} hosts[] = {
    { "localhost:11434", true },
    { "127.0.0.1:11434", true },
    { "[::1]:11434", true },
    { "BOX.example:11434", true },
    { NULL, false },
    { "", false },
    { "evil.example:11434", false },
    { "0.0.0.0:11434", false },
    { "box.example.evil", false },
    { "localhost.evil.example", false },
    { "2130706433", false },
};
/* ' ' none, 's' our own page when Host is localhost, 'l' listed, 'f' neither. */
static const struct {
    const char *text;
    char is;
} origins[] = {
    { NULL, ' ' },
    { "http://localhost:11434", 's' },
    { "https://app.example", 'l' },
    { "null", 'f' },
    { "", 'f' },
    { "http://localhost", 'f' }, /* another port */
    { "https://localhost:11434", 'f' },
    { "https://app.example.evil", 'f' },
    { "http://app.example", 'f' },
    { "file://", 'f' },
};

/* Said as a list of what must be so, in no order. */
static bool should(size_t route, const HthPolicyAsk *a, char origin, bool host) {
    const char *who = statement[route].who;
    const bool changes = strcmp(statement[route].method, "GET") != 0;
    const bool from_page = origin != ' ' || a->fetch;
    const bool own_page = (origin == ' ' || origin == 's') && !a->fetch_foreign;
    if (!host || origin == 'f' || (!a->local && !a->tls)) return false;
    const bool page_fine = own_page && (!changes || a->x_hearth);
    if (who[0] == '*') return !changes || !from_page || page_fine;
    uint32_t bit = 0;
    if (hth_scope_verbs(hth_str(statement[route].scope), &bit, NULL) != HTH_OK) return false;
    if (!strchr(who, role_letters[a->role]) || !(a->verbs & bit)) return false;
    if (a->model_out || a->others) return false;
    switch (a->by) {
    case HTH_BY_KEY: return true;
    case HTH_BY_PEER: return a->local && !from_page;
    case HTH_BY_SESSION: return page_fine && a->role != HTH_ROLE_SERVICE;
    case HTH_BY_CERT: return !from_page || page_fine;
    default: return false;
    }
}

static HthRouteId row_of(size_t i) {
    for (int at = 1; at < HTH_ROUTE_COUNT; at++)
        if (!strcmp(hth_policy[at].method, statement[i].method) &&
            !strcmp(hth_policy[at].path, statement[i].path))
            return (HthRouteId)at;
    fail_msg("no row for %s %s", statement[i].method, statement[i].path);
    return HTH_ROUTE_NONE;
}

static const char *const listed[] = { "https://app.example" };
static const char *const called[] = { "box.example" };
static const HthNames names = { called, 1, listed, 1 };

/* Everything that is not text: flags of the access by the bits of `bits`. */
static HthPolicyAsk access_of(HthRouteId at, int role, int by, uint32_t bits) {
    return (HthPolicyAsk){ .at = at,
                           .role = (HthRole)role,
                           .by = (HthCredential)by,
                           .verbs = bits & 1 ? HTH_MAY_ALL & ~hth_policy[at].verb : HTH_MAY_ALL,
                           .x_hearth = bits & 2,
                           .fetch = bits & (4 | 8),
                           .fetch_foreign = bits & 8,
                           .local = bits & 16,
                           .tls = bits & 32,
                           .model_out = bits & 64,
                           .others = bits & 128 };
}

static void the_matrix(void **state) {
    (void)state;
    uint64_t cases = 0, allowed = 0;
    assert_int_equal(HTH_COUNT(statement), HTH_ROUTE_COUNT - 1);
    for (size_t i = 0; i < HTH_COUNT(statement); i++) {
        const HthRouteId at = row_of(i);
        for (size_t h = 0; h < HTH_COUNT(hosts); h++)
            for (size_t o = 0; o < HTH_COUNT(origins); o++) {
                const HthStr host = hth_str(hosts[h].text), origin = hth_str(origins[o].text);
                const HthHostIs host_is = hth_policy_host(&names, host, hosts[h].text);
                const HthOriginIs origin_is =
                    hth_policy_origin(&names, host, origin, origins[o].text, false, NULL);
                char is = origins[o].is; /* our own page is where the request says it goes */
                if (is == 's' && h != 0) is = 'f';
                for (uint32_t all = 0; all < HTH_ROLE_COUNT * HTH_BY_COUNT * 256; all++) {
                    HthPolicyAsk a = access_of(at, (int)(all % HTH_ROLE_COUNT),
                                               (int)(all / HTH_ROLE_COUNT % HTH_BY_COUNT),
                                               all / (HTH_ROLE_COUNT * HTH_BY_COUNT));
                    a.host = host_is;
                    a.origin = origin_is;
                    const bool want = should(i, &a, is, hosts[h].ours);
                    const HthDeny got = hth_policy_decide(&a);
                    if ((got == HTH_ALLOW) != want)
                        fail_msg("%s %s, role %d by %d, Host %s, Origin %s, case %u: %s (%s)",
                                 statement[i].method, statement[i].path, a.role, a.by,
                                 hosts[h].text, origins[o].text, all, want ? "denied" : "allowed",
                                 hth_deny_sentence(got));
                    cases++;
                    allowed += want;
                }
            }
    }
    print_message("%llu cases, %llu allowed\n", (unsigned long long)cases,
                  (unsigned long long)allowed);
    assert_true(cases > 5000 && allowed > 5000);
}

/* ---- properties ------------------------------------------------------------------------------ */

static void an_auditor_sees_no_prompt(void **state) {
    (void)state;
    const uint32_t prompts = HTH_MAY_ASK | HTH_MAY_EMBED | HTH_MAY_TOKENS | HTH_MAY_CHATS |
                             HTH_MAY_MANAGE | HTH_MAY_USERS;
    assert_int_equal(hth_role_verbs(HTH_ROLE_AUDITOR) & prompts, 0);
    assert_int_equal(hth_role_verbs(HTH_ROLE_AUDITOR), HTH_MAY_AUDIT | HTH_MAY_METRICS);
    for (int role = 0; role < HTH_ROLE_COUNT; role++) /* nobody has what an admin has not */
        assert_int_equal(hth_role_verbs((HthRole)role) & ~hth_role_verbs(HTH_ROLE_ADMIN), 0);
    assert_int_equal(hth_role_verbs(HTH_ROLE_COUNT), 0);
}

/* A zeroed question, numbers out of range, a route that is none: no. */
static void denied_by_default(void **state) {
    (void)state;
    HthPolicyAsk a = { 0 };
    assert_int_equal(hth_policy_decide(&a), HTH_DENY_ROUTE);
    a.at = HTH_ROUTE_COUNT;
    assert_int_equal(hth_policy_decide(&a), HTH_DENY_ROUTE);
    a.at = (HthRouteId)-1;
    assert_int_equal(hth_policy_decide(&a), HTH_DENY_ROUTE);
    a = (HthPolicyAsk){ .at = HTH_ROUTE_OPENAI_CHAT, .local = true, .verbs = HTH_MAY_ALL };
    assert_int_equal(hth_policy_decide(&a), HTH_DENY_NOBODY);
    a.by = HTH_BY_COUNT;
    assert_int_equal(hth_policy_decide(&a), HTH_DENY_NOBODY);
    a.by = HTH_BY_KEY;
    assert_int_equal(hth_policy_decide(&a), HTH_ALLOW);
    a.role = HTH_ROLE_COUNT;
    assert_int_equal(hth_policy_decide(&a), HTH_DENY_ROLE);
    a.role = HTH_ROLE_USER;
    a.origin = (HthOriginIs)9;
    assert_int_equal(hth_policy_decide(&a), HTH_DENY_ORIGIN);
    a.origin = HTH_ORIGIN_NONE;
    a.host = (HthHostIs)9;
    assert_int_equal(hth_policy_decide(&a), HTH_DENY_HOST);
    for (int d = 0; d < HTH_DENY_COUNT; d++) {
        assert_true(strlen(hth_deny_sentence((HthDeny)d)) > 10);
        const int status = hth_deny_status((HthDeny)d);
        assert_true(d == HTH_ALLOW ? status == 200 : status >= 400 && status < 500);
    }
}

/* Every row of every table is at the row of the policy that has its method and path. */
static uint32_t seen[HTH_ROUTE_COUNT];
static void saw(HthRouteId at, const char *method, const char *path) {
    assert_in_range(at, 1, HTH_ROUTE_COUNT - 1);
    assert_string_equal(hth_policy[at].method, method);
    assert_string_equal(hth_policy[at].path, path);
    seen[at]++;
}

static void the_tables(void **state) {
    static const HthRoute *const routes[] = {
        hth_routes_plain, hth_routes_store, hth_routes_web,
        hth_routes_plan,  hth_routes_blob,  hth_routes_chats
    };
    static const HthApi *const apis[] = { hth_api_openai, hth_api_responses, hth_api_ollama,
                                          hth_api_anthropic, hth_api_llamacpp };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(routes); i++)
        for (const HthRoute *r = routes[i]; r->method; r++) saw(r->at, r->method, r->path);
    for (size_t i = 0; i < HTH_COUNT(apis); i++)
        for (const HthApi *a = apis[i]; a->method; a++) saw(a->at, a->method, a->path);
    for (int at = 1; at < HTH_ROUTE_COUNT; at++) assert_int_equal(seen[at], 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_matrix),
        cmocka_unit_test(an_auditor_sees_no_prompt),
        cmocka_unit_test(denied_by_default),
        cmocka_unit_test(the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
