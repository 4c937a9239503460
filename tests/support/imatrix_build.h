/* imatrix_build.h - small importance matrices as GGUF bytes in memory, right or wrong.
 *
 * Thread: one owner. */
#ifndef HTH_TESTS_IMATRIX_BUILD_H
#define HTH_TESTS_IMATRIX_BUILD_H

#include "support/gguf_build.h"

/* One tensor, NAME.in_sum2 [cols, count] and its counts; values all `value` but the first. */
static inline void ib_build(Gb *g, const char *type, const char *name, uint64_t cols,
                            uint64_t count, float first, float value, float rows) {
    char full[128];
    const uint64_t sums[2] = { cols, count }, counts[2] = { 1, count };
    gb_begin(g, 3);
    gb_kv_str(g, "general.type", type);
    gb_kv_int(g, "imatrix.chunk_count", GB_U32, 3);
    gb_kv_int(g, "imatrix.chunk_size", GB_U32, 512);
    snprintf(full, sizeof full, "%s.in_sum2", name);
    gb_tensor(g, full, 2, sums, 0, 0);
    snprintf(full, sizeof full, "%s.counts", name);
    const uint64_t at = (cols * count * 4 + 31) / 32 * 32;
    gb_tensor(g, full, 2, counts, 0, at);
    gb_counts(g);
    gb_data(g, 32, 0);
    for (uint64_t i = 0; i < cols * count; i++) gb_bytes(g, i == 0 ? &first : &value, 4);
    gb_data(g, 32, 0);
    for (uint64_t i = 0; i < count; i++) gb_bytes(g, &rows, 4);
    gb_data(g, 32, 0);
}

#endif
