/* memory.h - bytes in memory where a stream is wanted: written by a sink, read by a source.
 *
 * Of a test or a fuzz target; sink and source as age.h has them.  Thread: the test's. */
#ifndef HTH_TESTS_SUPPORT_MEMORY_H
#define HTH_TESTS_SUPPORT_MEMORY_H

#include <string.h>

#include "base/buf.h"

typedef struct Memory {
    HthBuf b;
    size_t at; /* the next byte that is read */
    size_t step; /* read so many at a time; 0: as many as are asked for */
    size_t fail_at; /* no more than so many are taken; 0: as many as b holds */
} Memory;

static inline HthStatus memory_sink(void *memory, const void *bytes, size_t n, HthErr *err) {
    Memory *m = memory;
    HTH_REQUIRE(!m->fail_at || m->b.n + n <= m->fail_at, err, HTH_EIO, "no room");
    return hth_buf_add(&m->b, bytes, n, err);
}

static inline HthStatus memory_source(void *memory, void *out, size_t room, size_t *n,
                                      HthErr *err) {
    Memory *m = memory;
    (void)err;
    *n = m->b.n - m->at < room ? m->b.n - m->at : room;
    if (m->step && *n > m->step) *n = m->step;
    if (*n) memcpy(out, m->b.p + m->at, *n);
    m->at += *n;
    return HTH_OK;
}

#endif
