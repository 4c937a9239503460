/* http_parse.h - the small grammars of requests, strictly read: no sockets, no memory.
 *
 * Everything here takes bytes from outside and either understands all of them or says no.
 *
 * Thread: any. */
#ifndef HTH_SERVE_HTTP_PARSE_H
#define HTH_SERVE_HTTP_PARSE_H

#include "base/str.h"

enum { HTH_TARGET_MAX = 8192, HTH_QUERY_MAX = 64 }; /* bytes of a target; parameters in it */

typedef struct HthPair {
    HthStr name, value;
} HthPair;

typedef struct HthTarget {
    HthStr path; /* decoded, absolute, valid UTF-8, no ".." or "." segment, no control character */
    HthPair query[HTH_QUERY_MAX]; /* decoded, in order */
    uint32_t query_count;
} HthTarget;

/* Splits and decodes a request target in place: `text` (n bytes) is overwritten and lent to out.
 * EINVAL: not an absolute path, a bad escape, or a path that might mean another. ELIMIT. */
HTH_MUST_CHECK HthStatus hth_http_target(HthTarget *out, char *text, size_t n, HthErr *err);
bool hth_http_path_is_plain(HthStr path); /* as HthTarget's */
bool hth_http_is_text(HthStr s); /* as its parameters are: UTF-8 without NUL */

/* "name", "name:port", "1.2.3.4:80", "[::1]:80"; name without brackets, port 0 when absent. */
bool hth_http_host(HthStr value, HthStr *name, uint32_t *port);
/* 127.0.0.0/8, ::1 (as the kernel writes addresses, no odd spellings) or "localhost". */
bool hth_http_is_loopback(HthStr name);
/* A literal IPv4 or IPv6 address in network order: its 4 or 16 bytes, or 0: it is none. */
uint32_t hth_http_address(HthStr name, uint8_t out[16]);
/* "http://host[:port]" or https, nothing behind it; port: the scheme's own when absent. */
bool hth_http_origin(HthStr value, bool *tls, HthStr *name, uint32_t *port);
bool hth_http_same_name(HthStr a, HthStr b); /* in any case */

/* Of a Cookie header. False, and *out empty: not there, or there twice. */
bool hth_http_cookie(HthStr header, const char *name, HthStr *out);
bool hth_http_is_token(HthStr s); /* a header's or method's name: not empty */
bool hth_http_is_value(HthStr s); /* a header's value: no control character but tab */
/* Digits only, below 2^63. */
bool hth_http_length(HthStr s, uint64_t *out);
/* A comma-separated list of tokens. */
bool hth_http_is_token_list(HthStr s);

/* A line of /proc/net/tcp or tcp6. Addresses in network order, 4 or 16 bytes. */
typedef struct HthTcpLine {
    uint8_t local[16], remote[16];
    uint32_t address_bytes; /* 4 or 16 */
    uint16_t local_port, remote_port;
    uint32_t state; /* 1: established */
    uint32_t uid;
    uint64_t inode; /* 0: nobody holds this socket any more, and uid means nothing */
} HthTcpLine;
bool hth_http_tcp_line(HthStr line, HthTcpLine *out);

#endif
