/* wire.h - what records between front and engine say, as bytes: written, and strictly read.
 *
 * Readers take bytes from the other side, who may be in a stranger's hands: all is checked that
 * those behind rely on, and what is left over is an error.  Numbers have 8 bytes, little-endian;
 * texts their length before them.
 *
 * Thread: any. */
#ifndef HTH_SERVE_WIRE_H
#define HTH_SERVE_WIRE_H

#include "serve/x_int.h"

enum { HTH_WIRE_HEADERS_MAX = 256, HTH_WIRE_PING_MAX = 32 };

/* A request. */
typedef struct HthWireAsk {
    char method[16];
    HthStr path;
    HthPair query[HTH_QUERY_MAX], headers[HTH_WIRE_HEADERS_MAX];
    uint32_t query_count, header_count;
    HthPeer peer;
    uint64_t began_ns;
    bool is_upload, is_head, same_origin;
    bool whole; /* it has no body */
} HthWireAsk;

/* How an answer begins. */
typedef struct HthWireAnswer {
    int status;
    char type[96];
    HthPair headers[HTH_X_HEADERS_MAX];
    uint32_t header_count;
    bool sized;
    uint64_t length; /* of the body, when sized */
    char ping[HTH_WIRE_PING_MAX + 1]; /* "": none */
    uint32_t ping_ms;
} HthWireAnswer;

/* How an exchange ended. */
typedef struct HthWireEnd {
    char method[16], from[64]; /* method: "" when the client's word was none */
    HthXResult result;
} HthWireEnd;

/* Append. ELIMIT, ENOMEM. */
HTH_MUST_CHECK HthStatus hth_wire_ask_put(HthBuf *out, const HthWireAsk *ask, HthErr *err);
HTH_MUST_CHECK HthStatus hth_wire_answer_put(HthBuf *out, const HthWireAnswer *a, HthErr *err);
HTH_MUST_CHECK HthStatus hth_wire_end_put(HthBuf *out, const HthWireEnd *end, HthErr *err);

/* Texts are borrowed from bytes. False: the other side does not keep to this; out is anything. */
bool hth_wire_ask_get(HthWireAsk *out, HthStr bytes);
bool hth_wire_answer_get(HthWireAnswer *out, HthStr bytes);
bool hth_wire_end_get(HthWireEnd *out, HthStr bytes);

#endif
