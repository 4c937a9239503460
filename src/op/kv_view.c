/* kv_view.c - see kv_view.h.
 *
 * Thread: plain data. */
#include "op/kv_view.h"

#include "base/num.h"
#include "op/program.h"

/* The bytes of layers whose heads are alike. */
static HthStatus part(HthKvType type, uint32_t n_layer, uint32_t n_head_kv, uint32_t head_dim,
                      uint32_t head_dim_v, size_t *v_at, size_t *head_bytes, size_t *bytes,
                      HthErr *err) {
    const uint32_t block = hth_kv_block(type);
    HTH_REQUIRE(head_dim % block == 0 && head_dim_v % block == 0, err, HTH_ENOTSUP,
                "a %s cache keeps blocks of %u numbers, and this model's heads of %u and %u are "
                "not whole blocks; use f16",
                hth_kv_name(type), block, head_dim, head_dim_v);
    size_t layer;
    *v_at = hth_kv_bytes(type, head_dim) * HTH_PAGE_LEN;
    *head_bytes = *v_at + hth_kv_bytes(type, head_dim_v) * HTH_PAGE_LEN;
    const bool over =
        hth_mul_over(*head_bytes, n_head_kv, &layer) || hth_mul_over(layer, n_layer, bytes);
    HTH_REQUIRE(!over, err, HTH_ELIMIT, "one page of this model's cache does not fit in memory");
    return HTH_OK;
}

HthStatus hth_kv_layout(HthKvLayout *out, HthKvType type, uint32_t n_layer, uint32_t n_head_kv,
                        uint32_t head_dim, uint32_t head_dim_v, HthErr *err) {
    HthKvLayout l = { .type = type, .n_layer = n_layer, .n_head_kv = n_head_kv };
    l.head_dim = head_dim;
    l.head_dim_v = head_dim_v;
    HTH_TRY(part(type, n_layer, n_head_kv, head_dim, head_dim_v, &l.v_at, &l.head_bytes,
                 &l.page_bytes, err));
    if (n_layer == 0) l.page_bytes = HTH_PAGE_LEN; /* of a model with states alone */
    *out = l;
    return HTH_OK;
}

/* Layers with heads of their own, after the others. */
static HthStatus add_own(HthKvLayout *l, const HthProgram *p, HthErr *err) {
    const HthHeads h = p->window_heads;
    size_t bytes;
    if (p->n_cache_own == 0) return HTH_OK;
    l->own.n_layer = p->n_cache_own;
    l->own.n_head_kv = h.kv;
    l->own.head_dim = h.dim;
    l->own.head_dim_v = h.dim_v;
    l->own.at = l->n_layer > 0 ? l->page_bytes : 0;
    HTH_TRY(part(l->type, l->own.n_layer, h.kv, h.dim, h.dim_v, &l->own.v_at, &l->own.head_bytes,
                 &bytes, err));
    HTH_REQUIRE(!hth_add_over(l->own.at, bytes, &l->page_bytes), err, HTH_ELIMIT,
                "one page of this model's cache does not fit in memory");
    return HTH_OK;
}

HthStatus hth_program_layout(HthKvLayout *out, const HthProgram *p, HthKvType type, bool back,
                             HthErr *err) {
    HTH_TRY(hth_kv_layout(out, type, p->n_cache, p->n_head_kv, p->head_dim, p->head_dim_v, err));
    HTH_TRY(add_own(out, p, err));
    return p->n_state ? hth_state_layout(out, p->states, p->n_state, back, err) : HTH_OK;
}

uint8_t *hth_kv_keys(const HthKvView *v, uint32_t layer, uint32_t head, uint32_t pos) {
    const HthKvLayout *l = &v->layout;
    uint8_t *page = v->pages[pos / HTH_PAGE_LEN];
    if (layer >= l->n_layer && l->own.n_layer > 0)
        return page + l->own.at +
               ((size_t)(layer - l->n_layer) * l->own.n_head_kv + head) * l->own.head_bytes;
    return page + ((size_t)layer * l->n_head_kv + head) * l->head_bytes;
}

uint8_t *hth_kv_values(const HthKvView *v, uint32_t layer, uint32_t head, uint32_t pos) {
    const bool own = layer >= v->layout.n_layer && v->layout.own.n_layer > 0;
    return hth_kv_keys(v, layer, head, pos) + (own ? v->layout.own.v_at : v->layout.v_at);
}

void hth_kv_wipe(const HthKvView *v, uint32_t pos, uint32_t count) {
    const HthKvLayout *l = &v->layout;
    uint32_t t = pos % HTH_PAGE_LEN;
    for (uint32_t layer = 0; layer < l->n_layer + l->own.n_layer; layer++) {
        const bool own = layer >= l->n_layer;
        const uint32_t heads = own ? l->own.n_head_kv : l->n_head_kv;
        const uint32_t dim = own ? l->own.head_dim : l->head_dim;
        const uint32_t dim_v = own ? l->own.head_dim_v : l->head_dim_v;
        for (uint32_t h = 0; h < heads; h++) {
            hth_kv_wipe_keys(l->type, dim, hth_kv_keys(v, layer, h, pos), t, count);
            hth_kv_wipe_values(l->type, dim_v, hth_kv_values(v, layer, h, pos), t, count);
        }
    }
}
