/* train.c - the loop: sequences in, gradients out, a step, a line in the log. See train.h.
 *
 * Which sequences a step reads follows from its number alone, so a run that was stopped goes on as
 * if it had not been. */
#include "tune/train.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kern/sgemm.h"
#include "tune/data.h"
#include "tune/start.h"
#include "tune/work.h"

enum { SAVE_S = 300, LOG_BYTES_MAX = 1 << 28, LINE_BYTES_MAX = 1 << 16 };

typedef struct Run {
    const HthTrainCfg *cfg;
    HthWork work;
    HthData data[HTH_PHASES_MAX], valid;
    HthNet *net;
    HthAdam adam;
    HthCkpt ckpt;
    HthBuf ckpt_path, log_path;
    FILE *log;
    uint32_t *ids, *targets; /* [rows] */
    double loss_valid, peak;
    uint64_t start_ns, saved_ns;
    uint32_t first_step; /* of this process */
} Run;

/* ---- where a step's text comes from ---- */

/* First step after phase i. */
static uint32_t phase_end(const HthRecipe *r, uint32_t i) {
    double share = 0;
    for (uint32_t j = 0; j <= i; j++) share += r->phases[j].share;
    return i + 1 == r->phase_count ? r->optim.steps : (uint32_t)(share * r->optim.steps + 0.5);
}

static uint32_t phase_of(const HthRecipe *r, uint32_t step) {
    uint32_t i = 0;
    while (i + 1 < r->phase_count && step >= phase_end(r, i)) i++;
    return i;
}

/* Forward and backward over one step's text; returns nats per token. */
static double gather_grads(Run *run, uint32_t step) {
    const HthRecipe *r = run->work.recipe;
    const HthOptim *o = &r->optim;
    const uint32_t phase = phase_of(r, step), seq = r->phases[phase].seq;
    const uint32_t from = phase ? phase_end(r, phase - 1) : 0;
    uint64_t index = (uint64_t)(step - from) * (o->batch_tokens / seq);
    double nats = 0;
    for (uint32_t done = 0; done < o->batch_tokens; done += o->rows) {
        for (uint32_t at = 0; at < o->rows; at += seq)
            hth_data_seq(&run->data[phase], index++, seq, run->ids + at, run->targets + at);
        HthNetPass pass = { .t = o->rows,
                            .seq = seq,
                            .ids = run->ids,
                            .targets = run->targets,
                            .scale = 1.0f / (float)o->batch_tokens,
                            .back = true };
        nats += hth_net_pass(run->net, &pass);
    }
    return nats / o->batch_tokens;
}

static double look_at_valid(Run *run) {
    const HthOptim *o = &run->work.recipe->optim;
    const uint32_t seq = run->work.recipe->phases[0].seq;
    double nats = 0;
    uint64_t tokens = 0, all = run->valid.n - 1;
    for (uint64_t index = 0; tokens < all;) {
        for (uint32_t at = 0; at < o->rows; at++) run->targets[at] = HTH_NO_TARGET;
        for (uint32_t at = 0; at < o->rows; at += seq, index++) {
            if (index * seq >= all) continue;
            hth_data_seq(&run->valid, index, seq, run->ids + at, run->targets + at);
            for (uint32_t i = 0; i < seq; i++) {
                if (tokens < all)
                    tokens++;
                else
                    run->targets[at + i] = HTH_NO_TARGET;
            }
        }
        nats += hth_net_pass(
            run->net,
            &(HthNetPass){ .t = o->rows, .seq = seq, .ids = run->ids, .targets = run->targets });
    }
    return nats / (double)all;
}

/* ---- opening ---- */

static HthStatus open_data(Run *run, HthErr *err) {
    const HthRecipe *r = run->work.recipe;
    HthBuf path;
    for (uint32_t i = 0; i <= r->phase_count; i++) {
        const bool valid = i == r->phase_count;
        if (valid && !run->cfg->valid_every) break;
        HTH_TRY(hth_work_path(&path, run->cfg, valid ? "valid" : r->phases[i].name, ".tok", err));
        HthData *d = valid ? &run->valid : &run->data[i];
        HthStatus status = hth_data_open(d, path.p, err);
        if (status == HTH_OK && d->vocab_digest != run->ckpt.vocab)
            status = HTH_FAIL(err, HTH_EINVAL,
                              "%s was made with another tokenizer; prepare the data again", path.p);
        hth_buf_drop(&path);
        HTH_TRY(status);
    }
    return HTH_OK;
}

static HthStatus open_net(Run *run, HthErr *err) {
    const HthRecipe *r = run->work.recipe;
    uint32_t seq = 0;
    for (uint32_t i = 0; i < r->phase_count; i++)
        if (r->phases[i].seq > seq) seq = r->phases[i].seq;
    HTH_TRY(hth_net_open(&run->net,
                         &(HthNetCfg){ .arch = run->work.arch,
                                       .shape = &r->shape,
                                       .rows = r->optim.rows,
                                       .seq = seq,
                                       .pool = run->work.pool },
                         err));
    HTH_TRY(hth_adam_open(&run->adam, run->work.pool, hth_net_floats(run->net), err));
    run->ids = hth_calloc(r->optim.rows, sizeof *run->ids);
    run->targets = hth_calloc(r->optim.rows, sizeof *run->targets);
    HTH_REQUIRE(run->ids && run->targets, err, HTH_ENOMEM, "no memory for a batch");
    hth_net_init(run->net, r->seed);
    return HTH_OK;
}

/* The weights of the checkpoint, or of the model to start from, or those of the seed. */
static HthStatus load_state(Run *run, HthErr *err) {
    HthErr why;
    HthStatus status = HTH_EIO;
    if (!run->cfg->afresh)
        status = hth_ckpt_load(run->ckpt_path.p, &run->ckpt, run->net, &run->adam, &why);
    if (status == HTH_EIO && run->cfg->from)
        return hth_start_from(run->net, run->work.bpe, run->cfg->from, err);
    if (status == HTH_EIO) return HTH_OK; /* none yet: the first run */
    if (status != HTH_OK && err) *err = why;
    return status;
}

/* Lines of steps that will be run again (after an interruption) go. */
static HthStatus trim_log(Run *run, HthErr *err) {
    HthBuf text, kept;
    hth_buf_init(&text, LOG_BYTES_MAX);
    hth_buf_init(&kept, LOG_BYTES_MAX);
    HthErr why;
    HthStatus status = hth_file_read(&text, run->log_path.p, &why);
    if (status == HTH_EIO) hth_buf_clear(&text), status = HTH_OK; /* no log yet */
    HthStr rest = hth_buf_str(&text);
    while (status == HTH_OK && rest.n) {
        size_t end = hth_str_find(rest, HTH_STR("\n"));
        if (end == SIZE_MAX) break; /* a line cut by a crash */
        HthStr line = hth_str_sub(rest, 0, end + 1);
        json_t *o = NULL;
        HthStatus parsed = hth_json_parse(&o, line, LINE_BYTES_MAX, &why);
        if (parsed == HTH_ENOMEM) status = HTH_FAIL(err, HTH_ENOMEM, "no memory for the log");
        const bool keep =
            parsed == HTH_OK && json_integer_value(json_object_get(o, "step")) <= run->ckpt.step;
        json_decref(o);
        if (keep) status = hth_buf_add_str(&kept, line, err);
        rest = hth_str_sub(rest, end + 1, rest.n);
    }
    if (status == HTH_OK)
        status = hth_file_write(run->log_path.p, kept.n ? kept.p : "", kept.n, 0644, err);
    hth_buf_drop(&text);
    hth_buf_drop(&kept);
    return status;
}

static HthStatus run_open(Run *run, HthErr *err) {
    HTH_TRY(hth_work_open(&run->work, run->cfg, true, err));
    HTH_TRY(hth_work_path(&run->ckpt_path, run->cfg, "checkpoint", "", err));
    HTH_TRY(hth_work_path(&run->log_path, run->cfg, "log", ".jsonl", err));
    run->ckpt.recipe = hth_recipe_digest(run->work.recipe);
    run->ckpt.vocab = hth_bpe_digest(run->work.bpe);
    run->loss_valid = NAN;
    HTH_TRY(open_data(run, err));
    HTH_TRY(open_net(run, err));
    HTH_TRY(load_state(run, err));
    HTH_TRY(trim_log(run, err));
    run->log = fopen(run->log_path.p, "a");
    HTH_REQUIRE(run->log, err, HTH_EIO, "cannot write %s: %s", run->log_path.p, strerror(errno));
    const int n = fprintf(run->log, "{\"step\":%u,\"steps\":%u,\"threads\":%u}\n", run->ckpt.step,
                          run->work.recipe->optim.steps, hth_pool_threads(run->work.pool));
    HTH_REQUIRE(n > 0, err, HTH_EIO, "cannot write %s", run->log_path.p);
    run->peak = hth_sgemm_peak(run->work.pool, HTH_SGEMM_PEAK_ROUNDS);
    run->first_step = run->ckpt.step;
    run->start_ns = run->saved_ns = hth_clock_ns();
    return HTH_OK;
}

static void run_close(Run *run) {
    if (run->log) fclose(run->log);
    for (uint32_t i = 0; i < HTH_PHASES_MAX; i++) hth_data_close(&run->data[i]);
    hth_data_close(&run->valid);
    hth_adam_close(&run->adam);
    hth_net_close(&run->net);
    hth_free(run->ids);
    hth_free(run->targets);
    hth_buf_drop(&run->ckpt_path);
    hth_buf_drop(&run->log_path);
    hth_work_close(&run->work);
}

/* ---- the loop ---- */

static HthStatus save(Run *run, HthErr *err) {
    run->saved_ns = hth_clock_ns();
    return hth_ckpt_save(run->ckpt_path.p, &run->ckpt, run->net, &run->adam, err);
}

static HthStatus write_line(Run *run, const HthTrainProgress *p, bool looked, HthErr *err) {
    int n = fprintf(run->log,
                    "{\"step\":%u,\"phase\":\"%s\",\"loss\":%.5f,\"norm\":%.4f,\"lr\":%.6g,"
                    "\"tokens_s\":%.0f",
                    p->step, p->phase, p->loss, p->grad_norm, p->lr, p->tokens_per_s);
    if (n > 0 && looked) n = fprintf(run->log, ",\"valid\":%.5f", p->loss_valid);
    if (n > 0) n = fprintf(run->log, "}\n");
    HTH_REQUIRE(n > 0 && fflush(run->log) == 0, err, HTH_EIO, "cannot write %s: %s",
                run->log_path.p, strerror(errno));
    return HTH_OK;
}

/* One step; fills what is known of *p. */
static HthStatus one_step(Run *run, HthTrainProgress *p, HthErr *err) {
    const HthRecipe *r = run->work.recipe;
    const uint32_t step = run->ckpt.step, phase = phase_of(r, step);
    const uint64_t t0 = hth_clock_ns();
    p->phase = r->phases[phase].name;
    p->lr = (double)hth_adam_lr(&r->optim, step);
    p->loss = gather_grads(run, step);
    HTH_REQUIRE(isfinite(p->loss), err, HTH_ELIMIT,
                "the loss is no longer a number at step %u; lower lr or clip", step);
    p->grad_norm = hth_adam_step(&run->adam, run->net, &r->optim, step);
    p->step = ++run->ckpt.step;
    p->steps = r->optim.steps;
    const double s = (double)(hth_clock_ns() - t0 + 1) * 1e-9; /* never 0: clocks are coarse */
    const double all = (double)(hth_clock_ns() - run->start_ns) * 1e-9;
    p->tokens_per_s = r->optim.batch_tokens / s;
    p->flops_per_s = p->tokens_per_s * hth_net_flops(run->net, r->phases[phase].seq);
    p->peak = run->peak;
    p->eta_s = all / (p->step - run->first_step) * (p->steps - p->step);
    const bool look =
        run->cfg->valid_every && (p->step % run->cfg->valid_every == 0 || p->step == p->steps);
    if (look) run->loss_valid = look_at_valid(run);
    p->loss_valid = run->loss_valid;
    return write_line(run, p, look, err);
}

static HthStatus loop(Run *run, HthTrainFn *fn, void *payload, HthErr *err) {
    const uint64_t save_ns = (uint64_t)(run->cfg->save_s ? run->cfg->save_s : SAVE_S) * 1000000000u;
    const uint32_t steps = run->work.recipe->optim.steps;
    bool stop = false;
    while (run->ckpt.step < steps && !stop) {
        HthTrainProgress p = { 0 };
        HTH_TRY(one_step(run, &p, err));
        const uint32_t here = run->ckpt.step - run->first_step;
        p.saved = run->ckpt.step == steps || hth_clock_ns() - run->saved_ns >= save_ns;
        if (p.saved) HTH_TRY(save(run, err));
        stop = fn && fn(payload, &p) != 0;
        if (run->cfg->steps_max && here >= run->cfg->steps_max) stop = true;
        if (stop && !p.saved) HTH_TRY(save(run, err));
    }
    HTH_REQUIRE(run->ckpt.step == steps, err, HTH_ECANCELED,
                "stopped after step %u of %u; run again to go on", run->ckpt.step, steps);
    return HTH_OK;
}

HthStatus hth_train_run(const HthTrainCfg *cfg, HthTrainFn *fn, void *payload, HthErr *err) {
    Run run = { .cfg = cfg };
    HthStatus status = run_open(&run, err);
    if (status == HTH_OK) status = loop(&run, fn, payload, err);
    run_close(&run);
    return status;
}
