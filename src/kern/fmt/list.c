/* list.c - every GGUF tensor type hearth knows the size of, computable or not.
 *
 * Entries without dequant are known by size only: a file may hold them, hearth can list them, and
 * whoever wants to compute with one says so and refuses.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

#include <strings.h>

#define SIZE_ONLY(id, name, len, bytes)                                                            \
    static const HthFmt size_##id = { id, name, len, bytes, HTH_ACT_Q8, NULL, NULL, NULL }
/* clang-format off */
SIZE_ONLY( 9, "Q8_1",     32,  36);
SIZE_ONLY(15, "Q8_K",    256, 292);
SIZE_ONLY(24, "I8",        1,   1);
SIZE_ONLY(25, "I16",       1,   2);
SIZE_ONLY(26, "I32",       1,   4);
SIZE_ONLY(27, "I64",       1,   8);
SIZE_ONLY(28, "F64",       1,   8);
/* clang-format on */

#define ADDRESS(sym) &hth_fmt_##sym,
static const HthFmt *const list[] = {
    HTH_FMT_LIST(ADDRESS) /* first: their order is that of HthKern.linear */
        & size_9,
    &size_15,
    &size_24,
    &size_25,
    &size_26,
    &size_27,
    &size_28,
};
_Static_assert(HTH_COUNT(list) <= HTH_FMT_COUNT_MAX, "raise HTH_FMT_COUNT_MAX");

const HthFmt *hth_fmt_at(size_t index) {
    return index < HTH_COUNT(list) ? list[index] : NULL;
}

const HthFmt *hth_fmt_by_id(uint32_t id) {
    for (size_t i = 0; i < HTH_COUNT(list); i++)
        if (list[i]->id == id) return list[i];
    return NULL;
}

const HthFmt *hth_fmt_by_name(const char *name) {
    for (size_t i = 0; i < HTH_COUNT(list); i++)
        if (strcasecmp(list[i]->name, name) == 0) return list[i];
    return NULL;
}

size_t hth_fmt_index(const HthFmt *fmt) {
    for (size_t i = 0; i < HTH_COUNT(list); i++)
        if (list[i] == fmt) return i;
    HTH_ASSERT(!"a format of the list");
    return 0;
}

size_t hth_fmt_row_bytes(const HthFmt *fmt, size_t n) {
    size_t bytes;
    if (n % fmt->block_len != 0) return 0;
    return hth_mul_over(n / fmt->block_len, fmt->block_bytes, &bytes) ? 0 : bytes;
}

size_t hth_act_bytes(HthAct act, uint32_t k) {
    if (act == HTH_ACT_Q8) return (size_t)(k / 32) * sizeof(HthActQ8);
    return ((size_t)k * sizeof(float) + 63) / 64 * 64; /* columns stay aligned */
}
