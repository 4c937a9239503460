/* grad.c - the state of a training pass: matrix products and scratch. See grad.h. */
#include "op/grad.h"

#include "base/mem.h"
#include "op/grad_in.h"

static HthStatus open_all(HthGrad *g, HthErr *err) {
    const HthGradSize *s = &g->size;
    const uint32_t threads = hth_pool_threads(g->pool);
    HTH_TRY(hth_sgemm_open(&g->gemm, g->pool, err));
    g->solo = hth_calloc(threads, sizeof(HthSgemm *));
    HTH_REQUIRE(g->solo, err, HTH_ENOMEM, "no memory for %u workers", threads);
    for (uint32_t i = 0; i < threads; i++) HTH_TRY(hth_sgemm_open(&g->solo[i], NULL, err));
    g->partial = hth_calloc_aligned((size_t)hth_grad_items(s->rows, HTH_GRAD_ROWS) * s->width,
                                    sizeof(float));
    g->logits = hth_calloc_aligned((size_t)HTH_GRAD_LOSS_ROWS * s->vocab, sizeof(float));
    g->loss_rows = hth_calloc_aligned(HTH_GRAD_LOSS_ROWS, sizeof(float));
    g->attend = hth_calloc_aligned((size_t)threads * 2 * HTH_GRAD_QUERIES * s->seq, sizeof(float));
    HTH_REQUIRE(g->partial && g->logits && g->loss_rows && g->attend, err, HTH_ENOMEM,
                "no memory for the scratch of %u rows", s->rows);
    return HTH_OK;
}

HthStatus hth_grad_open(HthGrad **out, HthPool *pool, const HthGradSize *size, HthErr *err) {
    HTH_REQUIRE(size->rows && size->width && size->vocab && size->seq, err, HTH_EINVAL,
                "a training pass needs sizes above zero");
    HTH_REQUIRE(size->width % HTH_VL == 0 && size->vocab % HTH_VL == 0, err, HTH_EINVAL,
                "row length %u and vocabulary %u must be multiples of %d", size->width, size->vocab,
                HTH_VL);
    HthGrad *g = hth_calloc(1, sizeof *g);
    HTH_REQUIRE(g, err, HTH_ENOMEM, "no memory for a training pass");
    g->pool = pool;
    g->size = *size;
    HthStatus status = open_all(g, err);
    if (status != HTH_OK) {
        hth_grad_close(&g);
        return status;
    }
    *out = g;
    return HTH_OK;
}

void hth_grad_close(HthGrad **grad) {
    HthGrad *g = *grad;
    if (!g) return;
    hth_sgemm_close(&g->gemm);
    for (uint32_t i = 0; g->solo && i < hth_pool_threads(g->pool); i++)
        hth_sgemm_close(&g->solo[i]);
    hth_free(g->solo);
    hth_free(g->partial);
    hth_free(g->logits);
    hth_free(g->loss_rows);
    hth_free(g->attend);
    hth_free(g);
    *grad = NULL;
}
