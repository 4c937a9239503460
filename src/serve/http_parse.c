/* http_parse.c - the small grammars of requests: see http_parse.h.
 *
 * Not for JSON and not for header framing, which the HTTP library reads.
 *
 * Thread: any. */
#include "serve/http_parse.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* ---- characters ------------------------------------------------------------------------------ */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static bool is_token_char(char c) {
    return is_alnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

bool hth_http_is_token(HthStr s) {
    for (size_t i = 0; i < s.n; i++)
        if (!is_token_char(s.p[i])) return false;
    return s.n > 0;
}

bool hth_http_is_value(HthStr s) {
    for (size_t i = 0; i < s.n; i++) {
        const uint8_t c = (uint8_t)s.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7F) return false;
    }
    return true;
}

/* Blanks and tabs, as headers may have them: other white space is no space there. */
static HthStr trim_header(HthStr s) {
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) s = hth_str_sub(s, 1, SIZE_MAX);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) s.n--;
    return s;
}

bool hth_http_is_token_list(HthStr s) {
    for (size_t at = 0; at <= s.n;) {
        const char *comma = at < s.n ? memchr(s.p + at, ',', s.n - at) : NULL;
        const size_t end = comma ? (size_t)(comma - s.p) : s.n;
        if (!hth_http_is_token(trim_header(hth_str_sub(s, at, end - at)))) return false;
        at = end + 1;
    }
    return true;
}

bool hth_http_length(HthStr s, uint64_t *out) {
    uint64_t v = 0;
    if (!s.n || s.n > 18) return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit(s.p[i])) return false;
        v = v * 10 + (uint64_t)(s.p[i] - '0');
    }
    *out = v;
    return true;
}

/* ---- the target ------------------------------------------------------------------------------ */

/* Decodes [text, text + n) in place. Returns the new length, or SIZE_MAX on a bad escape. */
static size_t unescape(char *text, size_t n, bool plus_is_blank) {
    size_t to = 0;
    for (size_t at = 0; at < n; at++) {
        char c = text[at];
        if (c == '%') {
            const int hi = n - at > 2 ? hex_digit(text[at + 1]) : -1;
            const int lo = n - at > 2 ? hex_digit(text[at + 2]) : -1;
            if (hi < 0 || lo < 0) return SIZE_MAX;
            c = (char)(hi << 4 | lo);
            at += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        text[to++] = c;
    }
    return to;
}

bool hth_http_path_is_plain(HthStr path) {
    if (!path.n || path.p[0] != '/') return false;
    for (size_t i = 0; i < path.n; i++)
        if ((uint8_t)path.p[i] < 0x20 || path.p[i] == 0x7F) return false;
    for (size_t at = 1; at <= path.n;) {
        const char *slash = at < path.n ? memchr(path.p + at, '/', path.n - at) : NULL;
        const size_t end = slash ? (size_t)(slash - path.p) : path.n;
        const HthStr segment = hth_str_sub(path, at, end - at);
        if (hth_str_eq(segment, HTH_STR(".")) || hth_str_eq(segment, HTH_STR(".."))) return false;
        at = end + 1;
    }
    return hth_utf8_valid(path);
}

bool hth_http_is_text(HthStr s) {
    return hth_utf8_valid(s) && (!s.n || !memchr(s.p, 0, s.n));
}

static HthStatus read_query(HthTarget *out, char *text, size_t n, HthErr *err) {
    for (size_t at = 0; at < n;) {
        char *amp = memchr(text + at, '&', n - at);
        const size_t end = amp ? (size_t)(amp - text) : n;
        char *part = text + at;
        char *equals = memchr(part, '=', end - at);
        const size_t name_n = equals ? (size_t)(equals - part) : end - at;
        char *value = equals ? equals + 1 : part + name_n;
        at = end + 1;
        if (part == text + end) continue; /* "&&" */
        HTH_REQUIRE(out->query_count < HTH_QUERY_MAX, err, HTH_ELIMIT,
                    "The address has more than %d parameters; send fewer.", HTH_QUERY_MAX);
        const size_t value_n = unescape(value, (size_t)(text + end - value), true);
        const size_t name_len = unescape(part, name_n, true);
        HTH_REQUIRE(value_n != SIZE_MAX && name_len != SIZE_MAX, err, HTH_EINVAL,
                    "The address has a '%%' that is not followed by two hexadecimal digits.");
        HthPair *p = &out->query[out->query_count++];
        *p = (HthPair){ { part, name_len }, { value, value_n } };
        HTH_REQUIRE(hth_http_is_text(p->name) && hth_http_is_text(p->value), err, HTH_EINVAL,
                    "A parameter of the address is not text in UTF-8.");
    }
    return HTH_OK;
}

HthStatus hth_http_target(HthTarget *out, char *text, size_t n, HthErr *err) {
    out->query_count = 0;
    HTH_REQUIRE(n <= HTH_TARGET_MAX, err, HTH_ELIMIT,
                "The address is longer than %d bytes; send long things in a body.", HTH_TARGET_MAX);
    HTH_REQUIRE(n && text[0] == '/', err, HTH_EINVAL,
                "The request names no absolute path on this server ('/...').");
    for (size_t i = 0; i < n; i++)
        HTH_REQUIRE((uint8_t)text[i] > 0x20 && (uint8_t)text[i] < 0x7F && text[i] != '#', err,
                    HTH_EINVAL, "The address has a byte that must be escaped, at position %zu.", i);
    char *mark = memchr(text, '?', n);
    const size_t raw_n = mark ? (size_t)(mark - text) : n;
    if (mark) HTH_TRY(read_query(out, mark + 1, n - raw_n - 1, err));
    const size_t path_n = unescape(text, raw_n, false);
    HTH_REQUIRE(path_n != SIZE_MAX, err, HTH_EINVAL,
                "The path has a '%%' that is not followed by two hexadecimal digits.");
    out->path = (HthStr){ text, path_n };
    HTH_REQUIRE(hth_http_path_is_plain(out->path), err, HTH_EINVAL,
                "The path has a '.' or '..' segment, a control character or bytes that are not "
                "UTF-8.");
    return HTH_OK;
}

/* ---- hosts and origins ----------------------------------------------------------------------- */

uint32_t hth_http_address(HthStr name, uint8_t out[16]) {
    char text[64];
    if (!name.n || name.n >= sizeof text || memchr(name.p, 0, name.n)) return 0;
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    if (inet_pton(AF_INET, text, out) == 1) return 4;
    return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

bool hth_http_same_name(HthStr a, HthStr b) {
    return a.n == b.n && (!a.n || !strncasecmp(a.p, b.p, a.n));
}

bool hth_http_is_loopback(HthStr name) {
    static const uint8_t one[16] = { [15] = 1 };
    uint8_t raw[16];
    if (hth_http_same_name(name, HTH_STR("localhost"))) return true;
    const uint32_t n = hth_http_address(name, raw);
    return (n == 4 && raw[0] == 127) || (n == 16 && !memcmp(raw, one, sizeof one));
}

bool hth_http_host(HthStr value, HthStr *name, uint32_t *port) {
    HthStr rest = { 0 };
    *port = 0;
    if (value.n && value.p[0] == '[') {
        const char *close = memchr(value.p, ']', value.n);
        uint8_t raw[16];
        if (!close) return false;
        *name = hth_str_sub(value, 1, (size_t)(close - value.p) - 1);
        if (hth_http_address(*name, raw) != 16) return false;
        rest = hth_str_sub(value, name->n + 2, value.n);
    } else {
        size_t n = 0;
        while (n < value.n && (is_alnum(value.p[n]) || strchr("-._", value.p[n]))) {
            if (!value.p[n]) return false;
            n++;
        }
        if (!n || n > 253) return false;
        *name = hth_str_sub(value, 0, n);
        rest = hth_str_sub(value, n, value.n);
    }
    if (!rest.n) return true;
    uint64_t number = 0;
    if (rest.p[0] != ':' || rest.n > 6) return false;
    if (rest.n > 1 && !hth_http_length(hth_str_sub(rest, 1, rest.n), &number)) return false;
    if (number > 65535) return false;
    *port = (uint32_t)number;
    return true;
}

bool hth_http_origin(HthStr value, bool *tls, HthStr *name, uint32_t *port) {
    static const HthStr schemes[] = { { "http://", 7 }, { "https://", 8 } };
    for (size_t i = 0; i < HTH_COUNT(schemes); i++) {
        if (!hth_str_starts(value, schemes[i])) continue;
        *tls = i == 1;
        if (!hth_http_host(hth_str_sub(value, schemes[i].n, value.n), name, port)) return false;
        if (!*port) *port = *tls ? 443 : 80;
        return true;
    }
    return false;
}

/* ---- cookies --------------------------------------------------------------------------------- */

bool hth_http_cookie(HthStr header, const char *name, HthStr *out) {
    const HthStr want = hth_str(name);
    uint32_t found = 0;
    *out = HTH_STR("");
    for (size_t at = 0; at < header.n;) {
        const char *semi = memchr(header.p + at, ';', header.n - at);
        const size_t end = semi ? (size_t)(semi - header.p) : header.n;
        const HthStr part = trim_header(hth_str_sub(header, at, end - at));
        at = end + 1;
        if (part.n <= want.n || part.p[want.n] != '=' || !hth_str_starts(part, want)) continue;
        *out = found++ ? HTH_STR("") : hth_str_sub(part, want.n + 1, part.n);
        if (found > 1) return false; /* somebody slipped a second one in: neither is believed */
    }
    return found == 1;
}

/* ---- /proc/net/tcp --------------------------------------------------------------------------- */

/* "0100007F:2CAA": words of four bytes, each printed as the machine's own integer. */
static bool read_end(HthStr s, uint8_t address[16], uint32_t *bytes, uint16_t *port) {
    const char *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
    if (!colon) return false;
    const size_t n = (size_t)(colon - s.p);
    if ((n != 8 && n != 32) || s.n - n != 5) return false;
    for (size_t word = 0; word < n / 8; word++) {
        uint32_t v = 0;
        for (size_t i = 0; i < 8; i++) {
            const int d = hex_digit(s.p[word * 8 + i]);
            if (d < 0) return false;
            v = v << 4 | (uint32_t)d;
        }
        memcpy(address + word * 4, &v, 4);
    }
    uint32_t v = 0;
    for (size_t i = n + 1; i < s.n; i++) {
        const int d = hex_digit(s.p[i]);
        if (d < 0) return false;
        v = v << 4 | (uint32_t)d;
    }
    *bytes = (uint32_t)n / 2;
    *port = (uint16_t)v;
    return true;
}

bool hth_http_tcp_line(HthStr line, HthTcpLine *out) {
    enum { SLOT, LOCAL, REMOTE, STATE, QUEUES, TIMER, RETRANSMITS, UID, TIMEOUT, INODE, FIELDS };
    HthStr field[FIELDS];
    uint32_t count = 0, remote_bytes = 0;
    for (size_t at = 0; at < line.n && count < FIELDS;) {
        while (at < line.n && (line.p[at] == ' ' || line.p[at] == '\n')) at++;
        const size_t from = at;
        while (at < line.n && line.p[at] != ' ' && line.p[at] != '\n') at++;
        if (at > from) field[count++] = hth_str_sub(line, from, at - from);
    }
    *out = (HthTcpLine){ 0 };
    uint64_t uid = 0;
    if (count < FIELDS || field[STATE].n != 2) return false;
    const int hi = hex_digit(field[STATE].p[0]), lo = hex_digit(field[STATE].p[1]);
    if (hi < 0 || lo < 0) return false;
    out->state = (uint32_t)(hi << 4 | lo);
    if (!read_end(field[LOCAL], out->local, &out->address_bytes, &out->local_port)) return false;
    if (!read_end(field[REMOTE], out->remote, &remote_bytes, &out->remote_port)) return false;
    if (remote_bytes != out->address_bytes) return false;
    if (!hth_str_u64(field[UID], &uid) || uid > UINT32_MAX) return false;
    out->uid = (uint32_t)uid;
    return hth_str_u64(field[INODE], &out->inode);
}
