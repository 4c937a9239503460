/* kv_view.c - see kv_view.h.
 *
 * Thread: plain data. */
#include "op/kv_view.h"

#include "base/num.h"
#include "op/program.h"

HthStatus hth_kv_layout(HthKvLayout *out, HthKvType type, uint32_t n_layer, uint32_t n_head_kv,
                        uint32_t head_dim, uint32_t head_dim_v, HthErr *err) {
    uint32_t block = hth_kv_block(type);
    HTH_REQUIRE(head_dim % block == 0 && head_dim_v % block == 0, err, HTH_ENOTSUP,
                "a %s cache keeps blocks of %u numbers, and this model's heads of %u and %u are "
                "not whole blocks; use f16",
                hth_kv_name(type), block, head_dim, head_dim_v);
    HthKvLayout l = { .type = type, .n_layer = n_layer, .n_head_kv = n_head_kv };
    l.head_dim = head_dim;
    l.head_dim_v = head_dim_v;
    l.v_at = hth_kv_bytes(type, head_dim) * HTH_PAGE_LEN;
    l.head_bytes = l.v_at + hth_kv_bytes(type, head_dim_v) * HTH_PAGE_LEN;
    size_t layer_bytes;
    bool over = hth_mul_over(l.head_bytes, n_head_kv, &layer_bytes) ||
                hth_mul_over(layer_bytes, n_layer, &l.page_bytes);
    if (n_layer == 0) l.page_bytes = HTH_PAGE_LEN; /* of a model with states alone */
    HTH_REQUIRE(!over, err, HTH_ELIMIT, "one page of this model's cache does not fit in memory");
    *out = l;
    return HTH_OK;
}

HthStatus hth_program_layout(HthKvLayout *out, const HthProgram *p, HthKvType type, bool back,
                             HthErr *err) {
    HTH_TRY(hth_kv_layout(out, type, p->n_cache, p->n_head_kv, p->head_dim, p->head_dim_v, err));
    return p->n_state ? hth_state_layout(out, p->states, p->n_state, back, err) : HTH_OK;
}

uint8_t *hth_kv_keys(const HthKvView *v, uint32_t layer, uint32_t head, uint32_t pos) {
    const HthKvLayout *l = &v->layout;
    size_t at = (size_t)layer * l->n_head_kv + head;
    return v->pages[pos / HTH_PAGE_LEN] + at * l->head_bytes;
}

uint8_t *hth_kv_values(const HthKvView *v, uint32_t layer, uint32_t head, uint32_t pos) {
    return hth_kv_keys(v, layer, head, pos) + v->layout.v_at;
}

void hth_kv_wipe(const HthKvView *v, uint32_t pos, uint32_t count) {
    const HthKvLayout *l = &v->layout;
    uint32_t t = pos % HTH_PAGE_LEN;
    for (uint32_t layer = 0; layer < l->n_layer; layer++)
        for (uint32_t h = 0; h < l->n_head_kv; h++) {
            hth_kv_wipe_keys(l->type, l->head_dim, hth_kv_keys(v, layer, h, pos), t, count);
            hth_kv_wipe_values(l->type, l->head_dim_v, hth_kv_values(v, layer, h, pos), t, count);
        }
}
