/* policy.h - who may do what: one table, one pure function, and nothing allowed that it does not
 * say.
 *
 * Every row of a table of routes names its row here (HthRouteId, the first member, which cannot be
 * left out) and each table ends with HTH_ROUTES_HAVE_POLICIES: a route without a policy does not
 * compile.
 *
 * Thread: any. */
#ifndef HTH_SERVE_POLICY_H
#define HTH_SERVE_POLICY_H

#include "vault/scope.h"

/* One list for each table of routes, in any order: name, method, path, the verb it is (0: open to
 * everybody, but what changes something is not for pages of others).  HTH_MAY_CHATS: what belongs
 * to one user; also stored responses, by ASK. */
/* clang-format off */
#define HTH_POLICY_PLAIN(ROW)                                                                      \
    ROW(HEALTH,         "GET",    "/health",              0)                                       \
    ROW(V1_HEALTH,      "GET",    "/v1/health",           0)                                       \
    ROW(VERSION,        "GET",    "/api/version",         0)                                       \
    ROW(RUNNING,        "GET",    "/running",             0)                                       \
    ROW(TOKENIZE,       "POST",   "/tokenize",            HTH_MAY_TOKENS)                          \
    ROW(DETOKENIZE,     "POST",   "/detokenize",          HTH_MAY_TOKENS)                          \
    ROW(METRICS,        "GET",    "/metrics",             HTH_MAY_METRICS)                         \
    ROW(ADAPTERS,       "GET",    "/lora-adapters",       HTH_MAY_MODELS)                          \
    ROW(SET_ADAPTERS,   "POST",   "/lora-adapters",       HTH_MAY_MANAGE)
#define HTH_POLICY_STORE(ROW)                                                                      \
    ROW(TAGS,           "GET",    "/api/tags",            HTH_MAY_MODELS)                          \
    ROW(SHOW,           "POST",   "/api/show",            HTH_MAY_MODELS)                          \
    ROW(CREATE,         "POST",   "/api/create",          HTH_MAY_MANAGE)                          \
    ROW(COPY,           "POST",   "/api/copy",            HTH_MAY_MANAGE)                          \
    ROW(DELETE,         "DELETE", "/api/delete",          HTH_MAY_MANAGE)                          \
    ROW(PULL,           "POST",   "/api/pull",            HTH_MAY_MANAGE)                          \
    ROW(PUSH,           "POST",   "/api/push",            HTH_MAY_MANAGE)                          \
    ROW(PS,             "GET",    "/api/ps",              HTH_MAY_MODELS)                          \
    ROW(SLOTS,          "GET",    "/slots",               HTH_MAY_METRICS)                         \
    ROW(PROPS,          "GET",    "/props",               HTH_MAY_MODELS)                          \
    ROW(MODELS,         "GET",    "/v1/models",           HTH_MAY_MODELS)                          \
    ROW(MODEL,          "GET",    "/v1/models/*",         HTH_MAY_MODELS)
#define HTH_POLICY_WEB(ROW)                                                                        \
    ROW(INDEX,          "GET",    "/",                    0)                                       \
    ROW(UI,             "GET",    "/ui/*",                0)                                       \
    ROW(LOGIN,          "GET",    "/login",               0)                                       \
    ROW(ENTER,          "POST",   "/login",               0)                                       \
    ROW(LOGOUT,         "POST",   "/logout",              0)
#define HTH_POLICY_PLAN(ROW)                                                                       \
    ROW(PLAN,           "GET",    "/hearth/plan",         HTH_MAY_MODELS)
#define HTH_POLICY_BLOB(ROW)                                                                       \
    ROW(BLOB_PUT,       "POST",   "/api/blobs/*",         HTH_MAY_MANAGE)                          \
    ROW(BLOB,           "GET",    "/api/blobs/*",         HTH_MAY_MANAGE)
#define HTH_POLICY_CHATS(ROW)                                                                      \
    ROW(CHATS,          "GET",    "/hearth/chats",        HTH_MAY_CHATS)                           \
    ROW(CHATS_DELETE,   "DELETE", "/hearth/chats",        HTH_MAY_CHATS)                           \
    ROW(CHAT,           "GET",    "/hearth/chats/*",      HTH_MAY_CHATS)                           \
    ROW(CHAT_PUT,       "PUT",    "/hearth/chats/*",      HTH_MAY_CHATS)                           \
    ROW(CHAT_POST,      "POST",   "/hearth/chats/*",      HTH_MAY_CHATS)                           \
    ROW(CHAT_DELETE,    "DELETE", "/hearth/chats/*",      HTH_MAY_CHATS)                           \
    ROW(RESPONSE,       "GET",    "/v1/responses/*",      HTH_MAY_ASK)                             \
    ROW(RESPONSE_DROP,  "DELETE", "/v1/responses/*",      HTH_MAY_ASK)
#define HTH_POLICY_OPENAI(ROW)                                                                     \
    ROW(OPENAI_CHAT,    "POST",   "/v1/chat/completions", HTH_MAY_ASK)                             \
    ROW(OPENAI_CHAT_2,  "POST",   "/chat/completions",    HTH_MAY_ASK)                             \
    ROW(OPENAI_TEXT,    "POST",   "/v1/completions",      HTH_MAY_ASK)                             \
    ROW(OPENAI_EMBED,   "POST",   "/v1/embeddings",       HTH_MAY_EMBED)
#define HTH_POLICY_RESPONSES(ROW)                                                                  \
    ROW(RESPONSES,      "POST",   "/v1/responses",        HTH_MAY_ASK)                             \
    ROW(RESPONSES_COUNT, "POST",  "/v1/responses/input_tokens", HTH_MAY_TOKENS)
#define HTH_POLICY_OLLAMA(ROW)                                                                     \
    ROW(OLLAMA_CHAT,    "POST",   "/api/chat",            HTH_MAY_ASK)                             \
    ROW(OLLAMA_TEXT,    "POST",   "/api/generate",        HTH_MAY_ASK)                             \
    ROW(OLLAMA_EMBED,   "POST",   "/api/embed",           HTH_MAY_EMBED)                           \
    ROW(OLLAMA_EMBED_2, "POST",   "/api/embeddings",      HTH_MAY_EMBED)
#define HTH_POLICY_ANTHROPIC(ROW)                                                                  \
    ROW(MESSAGES,       "POST",   "/v1/messages",         HTH_MAY_ASK)                             \
    ROW(MESSAGES_COUNT, "POST",   "/v1/messages/count_tokens", HTH_MAY_TOKENS)
#define HTH_POLICY_LLAMACPP(ROW)                                                                   \
    ROW(COMPLETION,     "POST",   "/completion",          HTH_MAY_ASK)                             \
    ROW(COMPLETIONS,    "POST",   "/completions",         HTH_MAY_ASK)                             \
    ROW(INFILL,         "POST",   "/infill",              HTH_MAY_ASK)                             \
    ROW(EMBEDDING,      "POST",   "/embedding",           HTH_MAY_EMBED)                           \
    ROW(EMBEDDINGS,     "POST",   "/embeddings",          HTH_MAY_EMBED)                           \
    ROW(RERANK,         "POST",   "/rerank",              HTH_MAY_EMBED)                           \
    ROW(RERANKING,      "POST",   "/reranking",           HTH_MAY_EMBED)                           \
    ROW(V1_RERANK,      "POST",   "/v1/rerank",           HTH_MAY_EMBED)                           \
    ROW(V1_RERANKING,   "POST",   "/v1/reranking",        HTH_MAY_EMBED)                           \
    ROW(TEMPLATE,       "POST",   "/apply-template",      HTH_MAY_TOKENS)                          \
    ROW(CHAT_COUNT,     "POST",   "/v1/chat/completions/input_tokens", HTH_MAY_TOKENS)             \
    ROW(CHAT_COUNT_2,   "POST",   "/chat/completions/input_tokens", HTH_MAY_TOKENS)
/* clang-format on */
#define HTH_POLICY(ROW)                                                                            \
    HTH_POLICY_PLAIN(ROW)                                                                          \
    HTH_POLICY_STORE(ROW)                                                                          \
    HTH_POLICY_WEB(ROW)                                                                            \
    HTH_POLICY_PLAN(ROW)                                                                           \
    HTH_POLICY_BLOB(ROW)                                                                           \
    HTH_POLICY_CHATS(ROW)                                                                          \
    HTH_POLICY_OPENAI(ROW)                                                                         \
    HTH_POLICY_RESPONSES(ROW)                                                                      \
    HTH_POLICY_OLLAMA(ROW)                                                                         \
    HTH_POLICY_ANTHROPIC(ROW)                                                                      \
    HTH_POLICY_LLAMACPP(ROW)

#define HTH_POLICY_AT_(id, method, path, verb) HTH_ROUTE_##id,
typedef enum HthRouteId { HTH_ROUTE_NONE, HTH_POLICY(HTH_POLICY_AT_) HTH_ROUTE_COUNT } HthRouteId;

#define HTH_POLICY_ONE_(id, method, path, verb) +1
/* Behind a table of routes that ends with an empty row; NAME: PLAIN, STORE, ... */
#define HTH_ROUTES_HAVE_POLICIES(table, NAME)                                                      \
    _Static_assert(HTH_COUNT(table) == 1 + (0 HTH_POLICY_##NAME(HTH_POLICY_ONE_)),                 \
                   "a route has no row in HTH_POLICY_" #NAME " (serve/policy.h), or a row no "     \
                   "route")

typedef struct HthPolicyRow {
    const char *method, *path;
    uint32_t verb; /* HTH_MAY_...; 0: open */
} HthPolicyRow;
extern const HthPolicyRow hth_policy[HTH_ROUTE_COUNT]; /* [HTH_ROUTE_NONE] is empty */

/* ---- the question ---------------------------------------------------------------------------- */

typedef enum HthCredential {
    HTH_BY_NOTHING,
    HTH_BY_PEER, /* the kernel says which user of this machine it is */
    HTH_BY_KEY,
    HTH_BY_SESSION, /* a cookie */
    HTH_BY_CERT, /* a client certificate that was verified */
    HTH_BY_COUNT
} HthCredential;

typedef enum HthHostIs { HTH_HOST_OURS, HTH_HOST_FOREIGN, HTH_HOST_MISSING } HthHostIs;
typedef enum HthOriginIs {
    HTH_ORIGIN_NONE,
    HTH_ORIGIN_SAME, /* our own page */
    HTH_ORIGIN_LISTED, /* a page that may call the API, with a key */
    HTH_ORIGIN_FOREIGN
} HthOriginIs;

typedef struct HthPolicyAsk {
    HthRouteId at;
    HthHostIs host;
    HthOriginIs origin;
    bool fetch, fetch_foreign; /* Sec-Fetch-*; its Site is neither same-origin nor none */
    bool x_hearth; /* the header that no form can send */
    bool local, tls; /* unix socket or loopback; encrypted */
    HthCredential by;
    HthRole role; /* of whom the credential is for */
    uint32_t verbs; /* the key's scope; HTH_MAY_ALL without one */
    bool model_out; /* it names a model that the key's scope has not */
    bool others; /* it names something of another user's */
} HthPolicyAsk;

typedef enum HthDeny {
    HTH_ALLOW,
    HTH_DENY_ROUTE, /* 404 */
    HTH_DENY_HOST_MISSING, /* 400 */
    HTH_DENY_HOST, /* 403, as those that follow, where not said otherwise */
    HTH_DENY_ORIGIN,
    HTH_DENY_PLAIN, /* from another machine, and not encrypted */
    HTH_DENY_NOBODY, /* 401 */
    HTH_DENY_PAGE_USER, /* 401: a page is not the user who runs the browser */
    HTH_DENY_PAGE, /* a page that is not ours */
    HTH_DENY_FORM, /* changes something without X-Hearth */
    HTH_DENY_ROLE,
    HTH_DENY_SCOPE,
    HTH_DENY_MODEL,
    HTH_DENY_OTHERS, /* 404: not even that it is there */
    HTH_DENY_COUNT
} HthDeny;
/* A function of its argument alone. */
HthDeny hth_policy_decide(const HthPolicyAsk *a);
int hth_deny_status(HthDeny d); /* 200 of HTH_ALLOW */
const char *hth_deny_sentence(HthDeny d);
uint32_t hth_role_verbs(HthRole role); /* what it may at most */

/* ---- names ----------------------------------------------------------------------------------- */

typedef struct HthNames {
    const char *const *hosts; /* besides loopback and localhost */
    size_t host_count;
    const char *const *origins; /* of pages that may call the API */
    size_t origin_count;
} HthNames;
/* Of a Host header; there: the request has one. Malformed is foreign. */
HthHostIs hth_policy_host(const HthNames *names, HthStr value, bool there);
/* Of an Origin header, beside the Host header of the request; tls: how it came. *listed (may be
 * NULL): the one of names->origins that it is, where it is LISTED. */
HthOriginIs hth_policy_origin(const HthNames *names, HthStr host, HthStr origin, bool there,
                              bool tls, const char **listed);

#endif
