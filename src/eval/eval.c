/* eval.c - see eval.h: options checked, inputs read, the model digested, the parts in order.
 *
 * Thread: the caller's. */
#include "eval/eval.h"

#include <string.h>

#include "base/mem.h"
#include "eval/run.h"
#include "model/model.h"

enum { DIGEST_BYTES = 16 << 20 /* between two looks at whether to go on */ };

static HthStatus digest_model(HthEvalRun *run, HthErr *err) {
    const HthGguf *g = hth_model_gguf(run->model);
    HthHash h = { 0 };
    uint64_t done = 0;
    HthStatus st = hth_hash_begin(&h, HTH_SHA256, err);
    run->model_bytes = hth_gguf_file_bytes(g);
    for (uint32_t i = 0; st == HTH_OK && i < hth_gguf_part_count(g); i++) {
        const HthStr part = hth_gguf_part(g, i);
        for (size_t at = 0; st == HTH_OK && at < part.n; at += DIGEST_BYTES) {
            const HthStr piece = hth_str_sub(part, at, DIGEST_BYTES);
            st = hth_eval_tell(run->opt, "digesting", done, run->model_bytes, err);
            hth_hash_add(&h, piece.p, piece.n);
            done += piece.n;
        }
    }
    hth_hash_end(&h, st == HTH_OK ? run->model_sha256 : NULL);
    return st;
}

static HthStatus defaults(HthEvalCut *cut, const HthModel *m, HthErr *err) {
    const uint32_t trained = hth_model_ctx_train(m);
    HTH_TRY(hth_model_vocab_status(m, err));
    cut->vocab = hth_model_vocab(m);
    if (cut->ctx == 0) cut->ctx = trained > 0 && trained < HTH_EVAL_CTX ? trained : HTH_EVAL_CTX;
    if (cut->stride == 0) cut->stride = cut->ctx / 2;
    HTH_REQUIRE(cut->ctx >= HTH_EVAL_CTX_MIN, err, HTH_EINVAL, "--ctx is at least %d",
                HTH_EVAL_CTX_MIN);
    HTH_REQUIRE(cut->stride < cut->ctx, err, HTH_EINVAL,
                "--stride must be less than --ctx, which is %u", cut->ctx);
    return HTH_OK;
}

static HthStatus read_inputs(HthEvalRun *run, const HthEvalCut *cut, HthErr *err) {
    const HthEvalOpt *opt = run->opt;
    HTH_REQUIRE((opt->texts[0] == NULL) != (opt->choices[0] == NULL), err, HTH_EINVAL,
                "an evaluation is of texts, or of questions with choices");
    for (size_t i = 0; i < HTH_EVAL_INPUTS_MAX; i++) {
        if (opt->texts[i] != NULL) HTH_TRY(hth_eval_plan_text(&run->plan, cut, opt->texts[i], err));
        if (opt->choices[i] != NULL)
            HTH_TRY(hth_eval_plan_choice(&run->plan, cut, opt->choices[i], err));
    }
    return hth_eval_plan_end(&run->plan, err);
}

static HthStatus all(json_t **report, HthEvalRun *run, HthEvalCut *cut, HthErr *err) {
    const HthEvalOpt *opt = run->opt;
    HTH_TRY(defaults(cut, run->model, err));
    HTH_TRY(read_inputs(run, cut, err));
    if (opt->base != NULL) {
        HTH_TRY(hth_eval_base_open(&run->base, opt->base, err));
        HTH_TRY(hth_eval_base_fits(run->base, &run->plan, run->vocab, err));
    }
    HTH_TRY(digest_model(run, err));
    HTH_TRY(hth_eval_run(run, err));
    return hth_eval_report(report, run, err);
}

HthStatus hth_eval(json_t **report, const HthModel *model, const HthEvalOpt *opt, HthErr *err) {
    HthEvalOpt own = *opt; /* with the defaults filled in */
    HthEvalRun run = { .opt = &own, .model = model, .vocab = hth_model_vocab_count(model) };
    if (own.boot.resamples == 0) own.boot.resamples = HTH_EVAL_RESAMPLES;
    hth_eval_plan_init(&run.plan);
    const HthStatus st = all(report, &run, &own.cut, err);
    hth_eval_plan_drop(&run.plan);
    hth_eval_base_close(&run.base);
    hth_free(run.rows);
    return st;
}
