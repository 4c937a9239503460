/* json_out.h - JSON written straight into a buffer, by format.
 *
 * For what is written once per token: no tree is built, and nothing is allocated but for the
 * buffer. Text of any bytes comes out as valid UTF-8.  The first failure sticks, later calls do
 * nothing, and hth_out_end() then leaves the buffer as it was.
 *
 * Thread: one owner at a time. */
#ifndef HTH_SERVE_JSON_OUT_H
#define HTH_SERVE_JSON_OUT_H

#include "base/json.h"

typedef struct HthOut {
    HthBuf *buf;
    HthErr *err;
    HthStatus status;
    size_t start;
} HthOut;

HthOut hth_out_begin(HthBuf *buf, HthErr *err);
HTH_MUST_CHECK HthStatus hth_out_end(HthOut *o);

/* Bytes of fmt as they are, but for:
 *   %q HthStr, as a quoted string     %r HthStr, raw           %s C string, raw
 *   %u uint32_t   %U uint64_t   %I int64_t   %b int, true or false   %f double, as a float
 *   %j const json_t *, compact        %% a percent sign */
void hth_out(HthOut *o, const char *fmt, ...);
void hth_out_raw(HthOut *o, HthStr s);
void hth_out_text(HthOut *o, HthStr s); /* escaped, without the quotes */
/* The shortest text that reads back as this float; what JSON has no word for is null. */
void hth_out_f32(HthOut *o, float v);
void hth_out_base64(HthOut *o, HthStr bytes); /* padded, without quotes */

#endif
