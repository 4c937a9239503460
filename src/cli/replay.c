/* replay.c - see replay.h.
 *
 * What is run is bounded: one token more than the receipt has, to see the answer end where it
 * ended. */
#include "cli/replay.h"

#include <string.h>

#include "base/mem.h"
#include "cli/receipt.h"
#include "cli/source.h"
#include "cli/term.h"
#include "import/adapter.h"
#include "kern/kern.h"
#include "model/model.h"
#include "serve/receipts.h"
#include "text/prompt.h"

enum { TEXT_MAX = 1 << 28 };

/* ---- is it the same thing? ------------------------------------------------------------------ */

static bool on_bytes(void *payload, uint64_t done, uint64_t total) {
    (void)payload;
    hth_progress("digest of the model", (size_t)done, (size_t)total);
    return !hth_interrupted();
}

static HthStatus check_numerics(const HthReceiptFacts *f, HthErr *err) {
    HTH_REQUIRE(hth_str_eq(f->numerics, hth_str(hth_numerics())), err, HTH_ENOTSUP,
                "the answer was computed with numerics %.*s, and this program has %s: only the "
                "same give the same words",
                HTH_STR_ARG(f->numerics), hth_numerics());
    HTH_REQUIRE(f->format.n == 0, err, HTH_ENOTSUP,
                "a grammar held this answer; hearth verify cannot run those again yet");
    return HTH_OK;
}

static HthStatus check_model(const HthChat *c, const HthReceiptFacts *f, bool rendered,
                             HthErr *err) {
    HthReceiptFacts mine = { 0 };
    HthStatus st = hth_receipt_model(&mine, hth_model_gguf(c->model), hth_cli_receipt_template(c),
                                     on_bytes, NULL, err);
    hth_progress_end();
    if (st != HTH_OK) return st;
    HTH_REQUIRE(hth_digests_eq(&mine.model, &f->model), err, HTH_EFORMAT,
                "this is not the model that answered: its digest is another one; name that model "
                "with --model");
    HTH_REQUIRE(rendered || hth_digests_eq(&mine.chat_template, &f->chat_template), err,
                HTH_EFORMAT,
                "the prompt was rendered with another template than this model's; give the "
                "rendered prompt, with --rendered");
    return HTH_OK;
}

/* g: an adapter's file, or what is made of a folder for the model of that name (in *made, which
 * outlives g). EIO without a sentence: it has been printed. */
static HthStatus open_adapter(HthGguf **g, HthBuf *made, const char *model, const char *path,
                              HthErr *err) {
    HthGguf *base = NULL;
    if (!hth_lora_is_folder(path)) return hth_gguf_open(g, path, err);
    if (hth_source_gguf(&base, model) != HTH_EXIT_OK) return HTH_EIO;
    HthStatus st = hth_import_adapter_bytes(made, path, base, err);
    hth_gguf_close(&base);
    return st == HTH_OK ? hth_gguf_open_mem(g, made->p, made->n, path, err) : st;
}

static HthStatus file_digest(HthDigests *out, const char *model, const char *path, HthErr *err) {
    HthGguf *g = NULL;
    HthBuf made;
    hth_buf_init(&made, HTH_ADAPTER_FILE_MAX);
    HthStatus st = open_adapter(&g, &made, model, path, err);
    if (st == HTH_OK) st = hth_receipt_file(out, g, on_bytes, NULL, err);
    hth_progress_end();
    hth_gguf_close(&g);
    hth_buf_drop(&made);
    return st;
}

/* Of the files that were named those which lay over the model, in their order and at their scales;
 * the others are no longer among them. */
static HthStatus choose_adapters(HthLoras *l, const char *model, const HthReceiptFacts *f,
                                 HthErr *err) {
    const HthReceiptAdapters *want = &f->adapters;
    HthDigests is[HTH_ADAPTERS_MAX];
    HthLoras chosen = { 0 };
    HthStatus st = HTH_OK;
    for (uint32_t i = 0; i < l->count; i++) HTH_TRY(file_digest(&is[i], model, l->path[i], err));
    for (uint32_t k = 0; k < want->count && st == HTH_OK; k++) {
        uint32_t i = 0;
        while (i < l->count && !hth_digests_eq(&is[i], &want->one[k].digest)) i++;
        if (i == l->count)
            st = HTH_FAIL(err, HTH_EFORMAT,
                          "an adapter lay over the model when it answered (%u of %u), and no file "
                          "named with --lora has its digest",
                          k + 1, want->count);
        else if (!(chosen.path[k] = hth_strdup(l->path[i])))
            st = HTH_FAIL(err, HTH_ENOMEM, "out of memory for a file's name");
        else
            chosen.use[chosen.count++].scale = want->one[k].scale;
    }
    hth_lora_drop(l);
    *l = chosen;
    return st;
}

static HthStatus render(HthChat *c, HthStr prompt, HthIds *ids, HthErr *err) {
    HthBuf text, marks;
    HTH_REQUIRE(hth_utf8_valid(prompt), err, HTH_EFORMAT, "the prompt is not valid UTF-8");
    json_t *m =
        json_pack("{s:s, s:o}", "role", "user", "content", json_stringn(prompt.p, prompt.n));
    HTH_REQUIRE(m && json_array_append_new(c->messages, m) == 0, err, HTH_ENOMEM,
                "out of memory for a message");
    hth_buf_init(&text, TEXT_MAX);
    hth_buf_init(&marks, TEXT_MAX);
    HthStatus st = hth_chat_prompt(c, &text, &marks, err);
    if (st == HTH_OK)
        st = hth_prompt_encode(c->vocab, hth_buf_str(&text), hth_buf_str(&marks), ids, err);
    hth_buf_drop(&text);
    hth_buf_drop(&marks);
    hth_chat_clear(c);
    return st;
}

/* Before anything is computed: the prompt's ids are those that were committed to. */
static HthStatus check_prompt(HthReplay *out, HthChat *c, const HthReceipt *r, HthStr prompt,
                              HthErr *err) {
    HthIds ids;
    uint8_t commitment[HTH_HASH_BYTES];
    hth_ids_init(&ids, TEXT_MAX);
    HthStatus st = render(c, prompt, &ids, err);
    bool same = st == HTH_OK && ids.n == r->facts.prompt_count;
    if (same && r->held) {
        st = hth_receipt_commit(commitment, r->salt, ids.p, ids.n, err);
        same = st == HTH_OK && memcmp(commitment, r->facts.prompt, sizeof commitment) == 0;
        out->prompt_checked = same;
    }
    const size_t n = ids.n;
    hth_ids_drop(&ids);
    if (st != HTH_OK) return st;
    HTH_REQUIRE(same, err, HTH_EFORMAT,
                "this is not the prompt that was answered: it has %zu tokens, and %llu were "
                "committed to%s; the whole of it is needed, with --system if there was one",
                n, (unsigned long long)r->facts.prompt_count,
                n == r->facts.prompt_count ? ", others" : "");
    return HTH_OK;
}

static HthStatus check_stops(HthReplay *out, const HthReceipt *r, const HthReplayAsk *ask,
                             HthErr *err) {
    uint8_t commitment[HTH_HASH_BYTES];
    if (ask->stop_count == 0) return HTH_OK;
    HTH_REQUIRE(r->held, err, HTH_EINVAL,
                "without the holder's part of the receipt stop texts cannot be checked");
    HTH_TRY(hth_receipt_commit_stops(commitment, r->salt, ask->stops, ask->stop_count, err));
    HTH_REQUIRE(ask->stop_count == r->facts.stop_count &&
                    memcmp(commitment, r->facts.stops, sizeof commitment) == 0,
                err, HTH_EFORMAT,
                "these are not the stop texts of this answer: all %llu are needed, in their order",
                (unsigned long long)r->facts.stop_count);
    out->stops_checked = true;
    return HTH_OK;
}

/* ---- running it ----------------------------------------------------------------------------- */

static HthStatus set_one(void *payload, const char *name, HthStr value, HthErr *err) {
    return hth_chat_set(payload, name, value, err);
}

static HthStatus set_up(HthChat *c, const HthReceipt *r, const HthReplayAsk *ask, HthErr *err) {
    const HthReceiptFacts *f = &r->facts;
    c->unix_s = f->unix_s;
    hth_sample_defaults(&c->params);
    HTH_TRY(hth_receipt_sampler_each(f->sampler, set_one, c, err));
    c->params.seed = f->seed;
    c->seed_given = true;
    for (size_t i = 0; i < ask->stop_count; i++)
        HTH_TRY(hth_chat_set(c, "stop", ask->stops[i], err));
    return ask->system ? hth_chat_system(c, hth_str(ask->system), err) : HTH_OK;
}

/* Tokens to ask for: those of the receipt, and the one that shows that there are no more where
 * the model or the context ended the answer. */
static uint32_t id_max(const HthReceiptFacts *f, bool stops_told) {
    const bool ends = hth_str_eq(f->finish, HTH_STR("stop")) ||
                      hth_str_eq(f->finish, HTH_STR("context")) ||
                      (hth_str_eq(f->finish, HTH_STR("stop_text")) && stops_told);
    return (uint32_t)f->id_count + (ends || f->id_count == 0);
}

static void locate(HthReplay *out, const HthReceipt *r, const HthIds *got) {
    size_t at = 0;
    const size_t want = (size_t)r->facts.id_count;
    while (at < want && at < got->n && r->ids[at] == got->p[at]) at++;
    out->located = true;
    out->first_at = at;
    out->first_want = at < want ? (int64_t)r->ids[at] : -1;
    out->first_got = at < got->n ? (int64_t)got->p[at] : -1;
}

static HthStatus compare(HthReplay *out, const HthReceipt *r, const HthAnswer *a, HthErr *err) {
    const HthReceiptFacts *f = &r->facts;
    HthDigests ids, text;
    HTH_TRY(hth_receipt_ids(&ids, a->ids.p, a->ids.n, err));
    hth_digests(&text, a->text.p, a->text.n);
    out->id_count = a->ids.n;
    out->same = a->ids.n == f->id_count && hth_digests_eq(&ids, &f->ids);
    if (!out->same && r->held) locate(out, r, &a->ids);
    out->text_checked = !hth_str_eq(f->finish, HTH_STR("stop_text")) || out->stops_checked;
    if (out->same && out->text_checked) out->same = hth_digests_eq(&text, &f->text);
    return HTH_OK;
}

static HthStatus run(HthReplay *out, HthChat *c, const HthReceipt *r, const HthReplayAsk *ask,
                     HthErr *err) {
    HthAnswer a;
    HTH_TRY(check_model(c, &r->facts, ask->rendered, err));
    HTH_TRY(set_up(c, r, ask, err));
    HTH_TRY(check_stops(out, r, ask, err));
    HTH_TRY(check_prompt(out, c, r, ask->prompt, err));
    c->num_predict = id_max(&r->facts, out->stops_checked);
    hth_answer_init(&a);
    HthStatus st = hth_chat_ask(c, ask->prompt, &a, err);
    if (st == HTH_OK && strcmp(a.reason, "interrupted") == 0)
        st = HTH_FAIL(err, HTH_ECANCELED, "interrupted");
    if (st == HTH_OK) st = compare(out, r, &a, err);
    hth_answer_drop(&a);
    return st;
}

HthStatus hth_replay(HthReplay *out, const HthReceipt *r, const HthReplayAsk *ask, int *code,
                     HthErr *err) {
    char kv[16];
    HthChat *c = NULL;
    const HthReceiptFacts *f = &r->facts;
    *out = (HthReplay){ .isa = hth_kern_pick()->name };
    HTH_TRY(check_numerics(f, err));
    HTH_REQUIRE(f->kv.n < sizeof kv && f->ctx <= INT32_MAX && f->id_count <= f->ctx, err,
                HTH_EFORMAT, "the receipt's session makes no sense");
    memcpy(kv, f->kv.p, f->kv.n);
    kv[f->kv.n] = '\0';
    const HthChatCfg cfg = { .model = ask->model,
                             .ctx = (uint32_t)f->ctx,
                             .threads = ask->threads,
                             .kv = kv,
                             .raw = ask->rendered || hth_receipt_zero(&f->chat_template),
                             .lookup = HTH_SPEC_TOKENS_DEFAULT,
                             .loras = ask->loras };
    HTH_TRY(choose_adapters(ask->loras, ask->model, f, err));
    *code = hth_chat_open(&c, &cfg);
    if (*code != HTH_EXIT_OK) {
        *err = (HthErr){ .status = HTH_EIO };
        return HTH_EIO;
    }
    hth_interrupt_catch();
    const HthStatus st = run(out, c, r, ask, err);
    hth_chat_close(&c);
    return st;
}
