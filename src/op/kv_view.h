/* kv_view.h - how attention sees a timeline's cached keys and values.
 *
 * A page holds HTH_PAGE_LEN positions of every layer.  Inside a page, layer after layer:
 *   K: [n_head_kv][HTH_PAGE_LEN][head_dim], then V: [n_head_kv][HTH_PAGE_LEN][head_dim_v],
 * so that one head's keys are one contiguous run.  Where pages come from and who else reads them
 * is the business of kv/; attention only reads and writes through this view.
 *
 * Thread: plain data; a view is valid until its timeline grows or shrinks. */
#ifndef HTH_OP_KV_VIEW_H
#define HTH_OP_KV_VIEW_H

#include "kern/kern.h"

typedef struct HthKvLayout {
    HthKvType type;
    uint32_t n_layer, n_head_kv;
    size_t k_row, v_row; /* bytes of one head at one position */
    size_t layer_bytes, v_at; /* layer l's K starts at l * layer_bytes, its V v_at later */
    size_t page_bytes;
} HthKvLayout;

typedef struct HthKvView {
    HthKvLayout layout;
    uint8_t *const *pages; /* first byte of each page, in timeline order */
} HthKvView;

/* ELIMIT if a page would not fit in memory at all. */
HTH_MUST_CHECK HthStatus hth_kv_layout(HthKvLayout *out, HthKvType type, uint32_t n_layer,
                                       uint32_t n_head_kv, uint32_t head_dim, uint32_t head_dim_v,
                                       HthErr *err);
/* Where head h of the given position of a layer lives. */
uint8_t *hth_kv_k(const HthKvView *v, uint32_t layer, uint32_t head, uint32_t pos);
uint8_t *hth_kv_v(const HthKvView *v, uint32_t layer, uint32_t head, uint32_t pos);

#endif
