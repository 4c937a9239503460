/* start.c - see start.h. */
#include "tune/start.h"

HthStatus hth_start_weights(HthNet *net, const HthModel *model, HthErr *err) {
    for (uint32_t i = 0; i < hth_net_param_count(net); i++) {
        const HthParam *p = hth_net_param(net, i);
        const HthGgufTensor *t = hth_model_weight(model, p->slot, p->layer);
        HTH_REQUIRE(t, err, HTH_EINVAL, "the model has no %s", p->name);
        const uint64_t cols = p->cols == 1 ? p->rows : p->cols, rows = p->cols == 1 ? 1 : p->rows;
        HTH_REQUIRE(t->ne[0] == cols && t->ne[1] == rows, err, HTH_EINVAL,
                    "the model's %s is %llu x %llu, the recipe's %llu x %llu", p->name,
                    (unsigned long long)t->ne[1], (unsigned long long)t->ne[0],
                    (unsigned long long)rows, (unsigned long long)cols);
        t->fmt->dequant(t->data, hth_net_w(net) + p->at, (size_t)p->rows * p->cols);
    }
    return HTH_OK;
}

HthStatus hth_start_vocab(HthBpe **out, const char *path, HthErr *err) {
    HthGguf *g = NULL;
    HTH_TRY(hth_gguf_open(&g, path, err));
    HthStatus status = hth_bpe_own_open(out, g, err);
    hth_gguf_close(&g);
    return status;
}

HthStatus hth_start_from(HthNet *net, const HthBpe *bpe, const char *path, HthErr *err) {
    HthBpe *has = NULL;
    HthModel *model = NULL;
    HTH_TRY(hth_start_vocab(&has, path, err));
    const bool same = hth_bpe_digest(has) == hth_bpe_digest(bpe);
    hth_bpe_own_close(&has);
    HTH_REQUIRE(same, err, HTH_EINVAL,
                "%s has another vocabulary than the work folder; run train tokenizer --from %s",
                path, path);
    HTH_TRY(hth_model_open(&model, path, err));
    HthStatus status = hth_start_weights(net, model, err);
    hth_model_close(&model);
    return status;
}
