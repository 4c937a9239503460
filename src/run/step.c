/* step.c - see step.h.
 *
 * Thread: the caller of the executor's pool. */
#include "run/step.h"

#include "base/mem.h"

struct HthRows {
    uint32_t n, n_out, max;
    uint32_t *ids, *pos, *out; /* [max] */
    const HthKvView **kv; /* [max] */
    const HthAdapterSet **adapters; /* [max] */
    const HthAdapterSet *adapt; /* of rows that come */
    bool adapted; /* some row has any */
};

HthStatus hth_rows_open(HthRows **out, uint32_t rows_max, HthErr *err) {
    HthStatus st = HTH_OK;
    HthRows *r = hth_calloc(1, sizeof *r);
    HTH_REQUIRE(r, err, HTH_ENOMEM, "no memory for a batch");
    r->max = rows_max;
    r->ids = hth_calloc(rows_max, sizeof *r->ids);
    r->pos = hth_calloc(rows_max, sizeof *r->pos);
    r->out = hth_calloc(rows_max, sizeof *r->out);
    r->kv = hth_calloc(rows_max, sizeof *r->kv);
    r->adapters = hth_calloc(rows_max, sizeof *r->adapters);
    if (!r->ids || !r->pos || !r->out || !r->kv || !r->adapters) {
        st = HTH_FAIL(err, HTH_ENOMEM, "no memory for a batch of %u tokens", rows_max);
        goto out;
    }
    *out = r;
    r = NULL;
out:
    hth_rows_close(&r);
    return st;
}

size_t hth_rows_bytes(uint32_t rows_max) {
    const HthRows *r = NULL;
    return sizeof *r + rows_max * (sizeof *r->ids + sizeof *r->pos + sizeof *r->out +
                                   sizeof *r->kv + sizeof *r->adapters);
}

void hth_rows_close(HthRows **rows) {
    HthRows *r = *rows;
    if (!r) return;
    hth_free(r->ids);
    hth_free(r->pos);
    hth_free(r->out);
    hth_free(r->kv);
    hth_free(r->adapters);
    hth_free(r);
    *rows = NULL;
}

void hth_rows_clear(HthRows *r) {
    r->n = r->n_out = 0;
    r->adapt = NULL;
    r->adapted = false;
}

void hth_rows_adapt(HthRows *r, const HthAdapterSet *adapters) {
    r->adapt = adapters;
    r->adapted = r->adapted || adapters;
}

uint32_t hth_rows_free(const HthRows *r) {
    return r->max - r->n;
}

uint32_t hth_rows_wanted(const HthRows *r) {
    return r->n_out;
}

void hth_rows_add(HthRows *r, const HthKvView *kv, const uint32_t *ids, uint32_t n, uint32_t first,
                  HthWant want) {
    HTH_ASSERT(n > 0 && n <= hth_rows_free(r));
    for (uint32_t i = 0; i < n; i++) {
        r->ids[r->n] = ids[i];
        r->pos[r->n] = first + i;
        r->kv[r->n] = kv;
        r->adapters[r->n] = r->adapt;
        if (want == HTH_WANT_ALL || (want == HTH_WANT_LAST && i + 1 == n))
            r->out[r->n_out++] = r->n;
        r->n++;
    }
}

static void run(const HthRows *r, HthExec *exec, float *logits, float *hidden) {
    HthBatch b = { .n = r->n, .ids = r->ids, .pos = r->pos, .kv = r->kv, .n_out = r->n_out };
    b.out = r->out;
    b.logits = logits;
    b.hidden = hidden;
    b.adapters = r->adapted ? r->adapters : NULL;
    hth_exec_run(exec, &b);
}

void hth_rows_run(const HthRows *r, HthExec *exec, float *logits) {
    run(r, exec, logits, NULL);
}

void hth_rows_run_hidden(const HthRows *r, HthExec *exec, float *hidden) {
    run(r, exec, NULL, hidden);
}
