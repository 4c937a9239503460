/* kv_view.c - see kv_view.h.
 *
 * Thread: plain data. */
#include "op/kv_view.h"

#include "base/num.h"

HthStatus hth_kv_layout(HthKvLayout *out, HthKvType type, uint32_t n_layer, uint32_t n_head_kv,
                        uint32_t head_dim, uint32_t head_dim_v, HthErr *err) {
    HthKvLayout l = { .type = type, .n_layer = n_layer, .n_head_kv = n_head_kv };
    l.k_row = hth_kv_bytes(type, head_dim);
    l.v_row = hth_kv_bytes(type, head_dim_v);
    size_t k_bytes, v_bytes;
    bool over = hth_mul_over(l.k_row * HTH_PAGE_LEN, n_head_kv, &k_bytes) ||
                hth_mul_over(l.v_row * HTH_PAGE_LEN, n_head_kv, &v_bytes) ||
                hth_add_over(k_bytes, v_bytes, &l.layer_bytes) ||
                hth_mul_over(l.layer_bytes, n_layer, &l.page_bytes);
    HTH_REQUIRE(!over, err, HTH_ELIMIT, "one page of this model's cache does not fit in memory");
    l.v_at = k_bytes;
    *out = l;
    return HTH_OK;
}

uint8_t *hth_kv_k(const HthKvView *v, uint32_t layer, uint32_t head, uint32_t pos) {
    const HthKvLayout *l = &v->layout;
    size_t row = (size_t)head * HTH_PAGE_LEN + pos % HTH_PAGE_LEN;
    return v->pages[pos / HTH_PAGE_LEN] + layer * l->layer_bytes + row * l->k_row;
}

uint8_t *hth_kv_v(const HthKvView *v, uint32_t layer, uint32_t head, uint32_t pos) {
    const HthKvLayout *l = &v->layout;
    size_t row = (size_t)head * HTH_PAGE_LEN + pos % HTH_PAGE_LEN;
    return v->pages[pos / HTH_PAGE_LEN] + layer * l->layer_bytes + l->v_at + row * l->v_row;
}
