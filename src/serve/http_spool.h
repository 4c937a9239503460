/* http_spool.h - bodies that are files: written away as they arrive, never held.
 *
 * A request whose path starts with one of HthHttpCfg.uploads is given to HthHttpCfg.upload as soon
 * as its headers are there and before a byte of its body is read: look at who asks, then either
 * answer (the body is not read) or call hth_x_spool.  The body goes to the sink in pieces of up to
 * 1 MiB, from a thread of its own, while the connection sleeps; then `handle` is called as for any
 * other request, with an empty hth_x_body. */
#ifndef HTH_SERVE_HTTP_SPOOL_H
#define HTH_SERVE_HTTP_SPOOL_H

#include "serve/http.h"

typedef struct HthSink {
    /* Spool thread, in order. A failure ends the writing (the rest of the body is thrown away, up
     * to body_max more, then the connection is cut) and is what hth_x_spooled returns. */
    HthStatus (*write)(void *payload, const void *bytes, size_t n, HthErr *err);
    void (*close)(void *payload); /* loop thread, when the exchange ends, always, once */
    void *payload;
    uint64_t bytes_max; /* more is 413, without reading when Content-Length says so */
} HthSink;

void hth_x_spool(HthX *x, const HthSink *sink); /* in `upload`, instead of an answer */
/* In `handle`: HTH_OK and how many bytes came, or the sink's failure. EINVAL: not an upload. */
HTH_MUST_CHECK HthStatus hth_x_spooled(const HthX *x, uint64_t *bytes, HthErr *err);

#endif
