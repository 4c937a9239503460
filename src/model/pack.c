/* pack.c - gives the model's matrices room for panels, if there is memory to spare.
 *
 * Only room: whoever runs the model fills it, a little in every step (op/packed.h).
 *
 * Thread: one owner while opening. */
#include "base/mem.h"
#include "base/room.h"
#include "model/model_impl.h"

enum { ALIGN = 64 };

/* The matrices that are multiplied; the embedding is only read row by row. */
HthWeight *hth_model_packable(const HthModel *m, size_t i, size_t *bytes) {
    HthWeight *w = &m->weights[i];
    if (!w->fmt || hth_slot_looked_up(i % HTH_W_COUNT) || !hth_fmt_has_panels(w->fmt)) return NULL;
    if (w->count) return NULL; /* experts: most are seldom read, and would be read for this */
    *bytes = w->row_bytes * hth_packed_rows(w->rows);
    *bytes = (*bytes + ALIGN - 1) / ALIGN * ALIGN;
    return *bytes ? w : NULL;
}

/* The copy must leave most of the memory to others: they may be the reason it is free. */
static bool fits(uint64_t bytes, uint64_t available) {
    return bytes / 6 < available / 10;
}

HthStatus hth_model_pack(HthModel *m, bool mapped, HthErr *err) {
    size_t slots = (size_t)m->shape.n_layer * HTH_W_COUNT, count = 0, total = 0, bytes;
    for (size_t i = 0; i < slots; i++)
        if (hth_model_packable(m, i, &bytes)) {
            total += bytes;
            count++;
        }
    if (count == 0 || !fits(total, hth_room_available())) return HTH_OK;
    HthPacked *packed = hth_arena_take(m->arena, count, sizeof *packed);
    HTH_REQUIRE(packed, err, HTH_ENOMEM, "no memory to bind the model");
    m->room = hth_pages_calloc(total, 1);
    if (!m->room) return HTH_OK; /* slower, not wrong */
    m->room_bytes = total;
    uint8_t *to = m->room;
    for (size_t i = 0; i < slots; i++) {
        HthWeight *w = hth_model_packable(m, i, &bytes);
        if (!w) continue;
        packed->room = to;
        /* a tied output's rows are the embedding's too */
        packed->forget = mapped && w->data != m->weights[HTH_W_TOK_EMBD].data;
        w->packed = packed++;
        to += bytes;
    }
    return HTH_OK;
}

/* Adds up the panels that have room and are as asked for. */
static size_t sum(const HthModel *m, bool beside, bool made) {
    size_t total = 0, bytes;
    for (size_t i = 0; i < (size_t)m->shape.n_layer * HTH_W_COUNT; i++) {
        const HthWeight *w = hth_model_packable(m, i, &bytes);
        if (!w || !w->packed || !w->packed->room) continue;
        if (beside && w->packed->forget) continue;
        if (made && !atomic_load_explicit(&w->packed->panels, memory_order_relaxed)) continue;
        total += bytes;
    }
    return total;
}

size_t hth_model_pack_beside(const HthModel *m) {
    return sum(m, true, false);
}

size_t hth_model_packed_bytes(const HthModel *m) {
    return sum(m, false, true);
}
