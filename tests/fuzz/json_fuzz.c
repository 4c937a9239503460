/* json_fuzz.c - any bytes as JSON: a value or one sentence; what is written reads back the same.
 *
 * Thread: one. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 1 << 14, OUT_MAX = 1 << 22 };

static void round_trip(const json_t *v, int indent) {
    HthErr err = { 0 };
    HthBuf out;
    json_t *back = NULL;
    hth_buf_init(&out, OUT_MAX);
    HthStatus st = hth_json_write(&out, v, indent, &err);
    HTH_ASSERT(st == HTH_OK || st == HTH_ELIMIT); /* deep values are indented far */
    if (st == HTH_OK) {
        HTH_ASSERT(hth_json_parse(&back, hth_buf_str(&out), OUT_MAX, &err) == HTH_OK);
        HTH_ASSERT(json_equal(back, v));
    }
    json_decref(back);
    hth_buf_drop(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    HthErr err = { 0 };
    json_t *v = NULL;
    hth_json_init();
    const uint64_t live = hth_mem_live();
    HthStatus st = hth_json_parse(&v, (HthStr){ (const char *)data, size }, BYTES_MAX, &err);
    if (st == HTH_OK) {
        HTH_ASSERT(v && size <= BYTES_MAX);
        round_trip(v, 0);
        round_trip(v, 2);
    } else {
        HTH_ASSERT(!v && err.text[0]);
    }
    json_decref(v);
    HTH_ASSERT(hth_mem_live() == live);
    return 0;
}
