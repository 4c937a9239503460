/* kv_view.h - how attention sees a timeline's cached keys and values.
 *
 * A page holds HTH_PAGE_LEN positions of every layer.  Inside a page: layer after layer, head after
 * head, the head's page of keys and then its page of values (kern.h says how those are laid out),
 * so that what one query reads is one contiguous run.  Where pages come from and who else reads
 * them is the business of kv/; attention only reads and writes through this view.
 *
 * Thread: plain data; a view is valid until its timeline grows or shrinks. */
#ifndef HTH_OP_KV_VIEW_H
#define HTH_OP_KV_VIEW_H

#include "kern/kern.h"

typedef struct HthKvLayout {
    HthKvType type;
    uint32_t n_layer, n_head_kv, head_dim, head_dim_v;
    size_t head_bytes, v_at; /* of one head of one layer; its values are v_at bytes in */
    struct { /* the layers from n_layer on, whose heads are others; n_layer 0: none */
        uint32_t n_layer, n_head_kv, head_dim, head_dim_v;
        size_t at, head_bytes, v_at; /* at: of a page */
    } own;
    size_t page_bytes; /* HTH_PAGE_LEN rows of keys and of values of all heads, no more */
    /* States (op/state.h): */
    const struct HthStateSpec *states; /* [n_state], borrowed */
    uint32_t n_state; /* 0: this model has none */
    bool back; /* rows can be taken back */
    size_t block_bytes, snap_bytes; /* of a timeline; of a snapshot */
    uint32_t snap_pages; /* the last of so many pages in turn has a snapshot */
} HthKvLayout;

typedef struct HthKvView {
    HthKvLayout layout;
    uint8_t *const *pages; /* first byte of each page, in timeline order */
    uint8_t *const *snaps; /* of each page its snapshot, or NULL; where the layout has states */
    float *block; /* the timeline's states */
} HthKvView;

/* Without states. ELIMIT if a page would not fit in memory at all; ENOTSUP: the type wants whole
 * blocks of 32 and the heads of this model are not. */
HTH_MUST_CHECK HthStatus hth_kv_layout(HthKvLayout *out, HthKvType type, uint32_t n_layer,
                                       uint32_t n_head_kv, uint32_t head_dim, uint32_t head_dim_v,
                                       HthErr *err);
/* One head's keys, values, of the page that position pos is in. */
uint8_t *hth_kv_keys(const HthKvView *v, uint32_t layer, uint32_t head, uint32_t pos);
uint8_t *hth_kv_values(const HthKvView *v, uint32_t layer, uint32_t head, uint32_t pos);
/* count positions from pos on, all in one page, become zero bytes in every layer. */
void hth_kv_wipe(const HthKvView *v, uint32_t pos, uint32_t count);

#endif
