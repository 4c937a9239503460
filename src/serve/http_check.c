/* http_check.c - what is refused before anybody looks at a request.
 *
 * Two readers of one request must not see two requests: doubled framing headers, length beside
 * chunks, odd spellings of numbers and names are 400.  Then who we are called (Host, against DNS
 * rebinding) and which page calls (Origin).
 *
 * Thread: loop. */
#include "serve/http_int.h"

#include <netinet/in.h>
#include <string.h>

#include "serve/policy.h"

/* Headers that may be there once at most, and what the checks keep of them. */
typedef enum Once {
    ONCE_HOST,
    ONCE_LENGTH,
    ONCE_ENCODING,
    ONCE_ORIGIN,
    ONCE_AUTHORIZATION,
    ONCE_KEY,
    ONCE_COOKIE,
    ONCE_TYPE,
    ONCE_COUNT
} Once;
static const char *const once_names[ONCE_COUNT] = {
    "Host",      "Content-Length", "Transfer-Encoding", "Origin", "Authorization",
    "x-api-key", "Cookie",         "Content-Type",
};

typedef struct Headers {
    HthStr value[ONCE_COUNT];
    uint32_t count[ONCE_COUNT];
    uint32_t all;
    bool bad_name, bad_value;
    const char *end; /* of what stood before, in the library's buffer; NULL: it sees to its lines */
    bool odd; /* the library has made something else of these lines */
} Headers;

/* Before 1.0 the library writes what stands on a continued line behind the header's name
 * ("Content-" and "Length" are a length then), and cuts texts at a NUL, all without a word. */
static bool library_is_blind(void) {
    return !strncmp(MHD_get_version(), "0.", 2);
}

/* Its texts lie in one buffer, as they came: where they are not beside each other, something was
 * moved or left out. A text and the next: the end of a line, CR and LF or LF, is between them. */
static bool is_next(const char *end, const char *begin) {
    const uintptr_t gap = (uintptr_t)begin - (uintptr_t)end;
    return gap == 1 || gap == 2;
}

/* A name and its value: the colon's place, and blanks. */
static bool is_value_of(const char *name_end, const char *value) {
    const uintptr_t gap = (uintptr_t)value - (uintptr_t)name_end;
    if (!value || !gap || gap > HTH_POOL_BYTES) return false;
    for (const char *at = name_end + 1; at < value; at++)
        if (*at != ' ' && *at != '\t') return false;
    return true;
}

static void look_at_line(Headers *hs, HthStr name, const char *value, size_t value_n) {
    if (hs->odd || !hs->end) return;
    hs->odd = !is_next(hs->end, name.p) || !is_value_of(name.p + name.n, value);
    if (!hs->odd) hs->end = value + value_n;
}

/* Behind the last line there is an empty one. */
static bool is_odd(const Headers *hs) {
    return hs->odd || (hs->end && (hs->end[0] || hs->end[1]));
}

static enum MHD_Result each_header(void *payload, enum MHD_ValueKind kind, const char *name,
                                   size_t name_n, const char *value, size_t value_n) {
    Headers *hs = payload;
    const HthStr n = { name, name_n }, v = { value ? value : "", value ? value_n : 0 };
    (void)kind;
    hs->all++;
    look_at_line(hs, n, value, value_n);
    hs->bad_name |= !hth_http_is_token(n);
    hs->bad_value |= !hth_http_is_value(v);
    for (size_t i = 0; i < ONCE_COUNT; i++) {
        if (!hth_http_same_name(n, hth_str(once_names[i]))) continue;
        /* The library reads an encoding to the letter: what it would take for another one than
         * "chunked" is another one. */
        hs->value[i] = i == ONCE_ENCODING ? v : hth_str_trim(v);
        hs->count[i]++;
    }
    return MHD_YES;
}

static int refuse(HthErr *err, int status, HthStatus code, const char *sentence) {
    (void)HTH_FAIL(err, code, "%s", sentence);
    return status;
}

static int check_framing(HthX *x, const Headers *hs, bool old, HthErr *err) {
    uint64_t length = 0;
    if (hs->bad_name || hs->bad_value || is_odd(hs))
        return refuse(err, 400, HTH_EFORMAT, "A header of the request is malformed.");
    for (size_t i = 0; i < ONCE_COUNT; i++) {
        if (hs->count[i] < 2) continue;
        (void)HTH_FAIL(err, HTH_EFORMAT, "The request has two %s headers.", once_names[i]);
        return 400;
    }
    if (hs->count[ONCE_ENCODING]) {
        if (hs->count[ONCE_LENGTH] || old)
            return refuse(err, 400, HTH_EFORMAT,
                          "The request says twice, or in a way its version does not have, how long "
                          "its body is.");
        if (!hth_http_same_name(hs->value[ONCE_ENCODING], HTH_STR("chunked")))
            return refuse(err, 501, HTH_ENOTSUP,
                          "The body's Transfer-Encoding is not 'chunked'; send it plain.");
        x->chunked = true;
    }
    if (hs->count[ONCE_LENGTH]) {
        if (!hth_http_length(hs->value[ONCE_LENGTH], &length))
            return refuse(err, 400, HTH_EFORMAT, "Content-Length is not a plain number.");
        x->body_limit = length; /* until the ceilings are looked at: what is announced */
    }
    return 0;
}

/* The address this connection came in at: a page cannot make a name of its own point to a literal
 * address, so who calls us by it means us. */
static bool is_own_address(const HthX *x, HthStr name) {
    struct sockaddr_storage own = { 0 };
    socklen_t n = sizeof own;
    uint8_t raw[16];
    const uint32_t bytes = hth_http_address(name, raw);
    if (!bytes || getsockname(x->conn->fd, (struct sockaddr *)&own, &n)) return false;
    if (own.ss_family == AF_INET)
        return bytes == 4 && !memcmp(&((struct sockaddr_in *)&own)->sin_addr, raw, 4);
    return own.ss_family == AF_INET6 && bytes == 16 &&
           !memcmp(&((struct sockaddr_in6 *)&own)->sin6_addr, raw, 16);
}

static HthNames names_of(const HthX *x) {
    return (HthNames){ .hosts = (const char *const *)x->h->hosts,
                       .host_count = x->h->cfg.host_count,
                       .origins = (const char *const *)x->h->origins,
                       .origin_count = x->h->cfg.origin_count };
}

static int check_host(HthX *x, const Headers *hs, bool old, HthErr *err) {
    HthStr name = { 0 };
    uint32_t port = 0;
    const HthNames names = names_of(x);
    if (!hs->count[ONCE_HOST]) {
        if (old) return 0;
        return refuse(err, 400, HTH_EFORMAT, "The request has no Host header.");
    }
    if (!hth_http_host(hs->value[ONCE_HOST], &name, &port))
        return refuse(err, 400, HTH_EFORMAT, "The Host header is malformed.");
    if (hth_policy_host(&names, hs->value[ONCE_HOST], true) == HTH_HOST_OURS) return 0;
    if (is_own_address(x, name)) return 0;
    return refuse(err, 403, HTH_EDENIED, hth_deny_sentence(HTH_DENY_HOST));
}

static int check_origin(HthX *x, const Headers *hs, HthErr *err) {
    const HthNames names = names_of(x);
    x->has_origin = hs->count[ONCE_ORIGIN] > 0;
    const HthOriginIs is = hth_policy_origin(&names, hs->value[ONCE_HOST], hs->value[ONCE_ORIGIN],
                                             x->has_origin, x->conn->port->tls, &x->own_origin);
    x->same_origin = is == HTH_ORIGIN_NONE || is == HTH_ORIGIN_SAME;
    if (is != HTH_ORIGIN_FOREIGN) return 0;
    return refuse(err, 403, HTH_EDENIED, hth_deny_sentence(HTH_DENY_ORIGIN));
}

static int check_ceilings(HthX *x, HthErr *err) {
    const uint64_t announced = x->chunked ? 0 : x->body_limit;
    x->body_limit = x->h->cfg.body_max;
    for (size_t i = 0; i < x->h->cfg.upload_count; i++)
        x->is_upload |=
            hth_str_starts(x->target.path, hth_str(x->h->uploads[i])) && (announced || x->chunked);
    if (x->is_upload) return 0; /* the sink says how much */
    if (announced > x->body_limit) {
        (void)HTH_FAIL(err, HTH_ELIMIT, "The body has %llu bytes; at most %llu are read.",
                       (unsigned long long)announced, (unsigned long long)x->body_limit);
        return 413;
    }
    if (announced > x->h->cfg.bodies_max - x->h->bodies)
        return refuse(err, 429, HTH_EAGAIN,
                      "The bodies of other requests fill the memory for them; try again soon.");
    x->held = (size_t)announced;
    x->h->bodies += x->held;
    return 0;
}

int hth_http_check(HthX *x, const char *version, HthErr *err) {
    Headers hs = { 0 };
    HthErr target_err = { 0 };
    int status = 0;
    if (!hth_http_tls_holds(x->conn))
        return refuse(err, 403, HTH_EDENIED, "The certificate of this connection holds no more.");
    const bool old = !strcmp(version, "HTTP/1.0");
    if (!old && strcmp(version, "HTTP/1.1") != 0)
        return refuse(err, 505, HTH_ENOTSUP, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
    if (!hth_http_is_token(hth_str(x->method)))
        return refuse(err, 400, HTH_EFORMAT, "The method is malformed or too long.");
    if (library_is_blind()) {
        hs.end = version + strlen(version);
        hs.odd = !is_next(x->raw_end, version);
    }
    MHD_get_connection_values_n(x->c, MHD_HEADER_KIND, each_header, &hs);
    if ((status = check_framing(x, &hs, old, err))) return status;
    const HthStatus target = hth_http_target(&x->target, x->raw, x->raw_n, &target_err);
    if (target != HTH_OK) x->target.path = HTH_STR("");
    if ((status = check_host(x, &hs, old, err))) return status;
    if ((status = check_origin(x, &hs, err))) return status;
    if (target != HTH_OK) {
        *err = target_err;
        return target == HTH_ELIMIT ? 414 : 400;
    }
    if (atomic_load(&x->h->draining))
        return refuse(err, 503, HTH_EAGAIN, "The server is shutting down.");
    return check_ceilings(x, err);
}
