/* run_receipt.c - receipts of a run's answers: asked for, made when the log has their ends, given.
 *
 * What a receipt says of the model is looked up before anything is computed; the rest when all
 * answers have ended.  The text is what the model said before it was taken apart into reasoning,
 * text and calls.
 *
 * Thread: asking: a prep thread; the rest: the loop thread. */
#include <string.h>

#include "audit/jcs.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "kern/kern.h"
#include "serve/face.h"
#include "serve/receipts.h"
#include "serve/run.h"

struct HthRunReceipts {
    HthReceiptFacts facts; /* what all of them share */
    char format[HTH_HASH_HEX + 1]; /* digest of what held the answers; "": nothing */
};

/* ---- asked for ------------------------------------------------------------------------------- */

static bool by_header(const HthRun *r) {
    HthStr value;
    return hth_x_header(r->x, "X-Hearth-Receipt", &value) && hth_str_eq(value, HTH_STR("1"));
}

static bool draws(const HthAsk *a) {
    return a->kind == HTH_ASK_CHAT || a->kind == HTH_ASK_TEXT || a->kind == HTH_ASK_INFILL;
}

/* Digest of all that could have chosen a grammar. */
static HthStatus format_of(const HthAsk *a, char out[HTH_HASH_HEX + 1], HthErr *err) {
    HthBuf text;
    uint8_t digest[HTH_HASH_BYTES];
    json_t *what = json_pack(
        "{s:i, s:O?, s:s%, s:O?, s:i, s:s%}", "format", (int)a->format, "schema", a->schema,
        "grammar", a->grammar.n ? a->grammar.p : "", a->grammar.n, "tools", a->tools, "choice",
        (int)a->choice, "choice_name", a->choice_name.n ? a->choice_name.p : "", a->choice_name.n);
    HTH_REQUIRE(what, err, HTH_ENOMEM, "no memory for a receipt");
    hth_buf_init(&text, HTH_RUN_TEXT_MAX);
    const HthStatus st = hth_jcs_write(&text, what, err);
    if (st == HTH_OK) {
        hth_hash(HTH_SHA3_256, text.p, text.n, digest);
        hth_hex(out, digest, sizeof digest);
    }
    hth_buf_drop(&text);
    json_decref(what);
    return st;
}

HthStatus hth_run_want_receipts(HthRun *r, bool by_body, HthErr *err) {
    HthTrail *t = hth_x_noted(r->x)->trail;
    if (!by_body && !by_header(r)) return HTH_OK;
    HTH_REQUIRE(draws(&r->ask), err, HTH_ENOTSUP,
                "receipt: receipts are for answers of words; this request has none");
    HTH_REQUIRE(r->house->cfg.desk, err, HTH_ENOTSUP, "receipt: this server gives no receipts");
    HthRunReceipts *w = hth_calloc(1, sizeof *w);
    HTH_REQUIRE(w, err, HTH_ENOMEM, "no memory for a receipt");
    r->receipts = w;
    HTH_TRY(hth_lease_facts(&r->lease, &w->facts, err));
    if (r->ask.kind == HTH_ASK_CHAT) w->facts.chat_template = *hth_voice_template(r->lease.voice);
    w->facts.unix_s = hth_clock_unix_s();
    return t ? hth_trail_prove(t, err) : HTH_OK;
}

void hth_run_receipts_close(HthRun *r) {
    hth_free(r->receipts);
    r->receipts = NULL;
}

/* ---- made ------------------------------------------------------------------------------------ */

static const char *finish_of(const HthRunOne *one) {
    switch (one->done.end) {
    case HTH_END_STOP: return one->stop.n ? "stop_text" : "stop";
    case HTH_END_LENGTH: return "length";
    case HTH_END_CONTEXT: return "context";
    default: return "interrupted";
    }
}

static HthStatus fill_facts(const HthRunOne *one, HthReceiptFacts *f, HthErr *err) {
    const HthRun *r = one->run;
    HthRunReceipts *w = r->receipts;
    const HthReceiptDesk *desk = r->house->cfg.desk;
    const HthEnginePlan *plan = hth_engine_plan_of(r->lease.engine);
    const HthTrail *t = hth_x_noted(r->x)->trail;
    if (r->grammar && !w->format[0]) HTH_TRY(format_of(&r->ask, w->format, err));
    *f = w->facts;
    f->adapters = r->chosen.facts;
    f->finish = hth_str(finish_of(one));
    f->engine = desk->engine;
    f->cage = hth_str(desk->cage);
    f->version = hth_str(hth_version());
    f->numerics = hth_str(hth_numerics());
    f->isa = hth_str(hth_kern_pick()->name);
    f->kv = hth_str(plan->kv ? plan->kv : "");
    f->ctx = hth_lease_ctx(&r->lease, r->ask.ctx);
    f->seed = one->seed;
    f->id_max = r->ask.predict_max;
    f->format = hth_str(w->format);
    if (t) f->log = hth_trail_proof(t, one->index);
    return HTH_OK;
}

static HthStatus make(const HthRunOne *one, HthBuf *out, HthErr *err) {
    const HthRun *r = one->run;
    const HthReceiptDesk *desk = r->house->cfg.desk;
    const HthPrompted *p = &r->ones[one->prompt_from].prompt;
    HthJobCfg job;
    json_t *sampler = NULL;
    HTH_TRY(hth_voice_job(r->lease.voice, &r->ask, hth_buf_str(&p->text), one->seed, &job, err));
    HthReceiptIn in = { .prompt = p->ids.p,
                        .prompt_count = p->ids.n,
                        .ids = one->ids.p,
                        .id_count = one->ids.n,
                        .text = hth_buf_str(&one->raw),
                        .stops = job.stops,
                        .stop_count = job.stop_count };
    HTH_TRY(fill_facts(one, &in.facts, err));
    HTH_TRY(hth_receipt_sampler(&sampler, &job.params, err));
    in.facts.sampler = sampler;
    const HthDsseSigner signer = { desk->signer, hth_str(desk->id) };
    const HthStatus st = hth_receipt_make(out, &in, &signer, err);
    json_decref(sampler);
    return st;
}

/* ---- given ----------------------------------------------------------------------------------- */

/* One receipt as a JSON text. */
static HthStatus write_one(const HthRunOne *one, HthBuf *out, HthErr *err) {
    HthBuf file;
    hth_buf_init(&file, HTH_RECEIPT_MAX);
    HthStatus st = make(one, &file, err);
    if (st == HTH_OK) {
        HthOut o = hth_out_begin(out, err);
        hth_out(&o, "%q", hth_buf_str(&file));
        st = hth_out_end(&o);
    }
    hth_buf_drop(&file);
    return st;
}

/* An event that clients pass over, whichever API they speak: events of a name that they do not
 * know; a chunk without choices; a line without text that is not the last. */
static HthStatus write_event(const HthRunOne *one, bool lines, HthBuf *out, HthErr *err) {
    const HthRun *r = one->run;
    HthOut o = hth_out_begin(out, err);
    if (lines) {
        hth_out(&o, "{\"model\":%q,\"created_at\":\"", r->face->facts.model);
        hth_out_time(&o, r->face->facts.created_s, r->face->facts.created_ns);
        hth_out(&o, "\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"response\":\"\","
                    "\"done\":false,");
    } else {
        hth_out(&o, "event: hearth.receipt\ndata: {\"type\":\"hearth.receipt\","
                    "\"object\":\"hearth.receipt\",\"choices\":[],");
    }
    hth_out(&o, "\"index\":%u,\"hearth_receipt\":", one->index);
    HTH_TRY(hth_out_end(&o));
    HTH_TRY(write_one(one, out, err));
    return hth_buf_add_str(out, lines ? HTH_STR("}\n") : HTH_STR("}\n\n"), err);
}

HthStatus hth_run_receipts_stream(HthRun *r, HthBuf *out, HthErr *err) {
    if (!r->receipts) return HTH_OK;
    const bool lines = strcmp(r->face->ops->stream_type, "text/event-stream") != 0;
    for (size_t i = 0; i < r->count; i++) HTH_TRY(write_event(&r->ones[i], lines, out, err));
    return HTH_OK;
}

/* Before the brace that ends the answer: one receipt, or a list of as many as there are answers. */
HthStatus hth_run_receipts_whole(HthRun *r, size_t from, HthBuf *out, HthErr *err) {
    if (!r->receipts) return HTH_OK;
    while (out->n > from && (out->p[out->n - 1] == '\n' || out->p[out->n - 1] == ' ')) out->n--;
    HTH_REQUIRE(out->n > from && out->p[from] == '{' && out->p[out->n - 1] == '}', err, HTH_ENOTSUP,
                "receipt: an answer that is a list has no room for one; ask for one answer");
    out->n--;
    HTH_TRY(hth_buf_add_str(out, HTH_STR(",\"hearth_receipt\":"), err));
    if (r->count > 1) HTH_TRY(hth_buf_add_char(out, '[', err));
    for (size_t i = 0; i < r->count; i++) {
        if (i > 0) HTH_TRY(hth_buf_add_char(out, ',', err));
        HTH_TRY(write_one(&r->ones[i], out, err));
    }
    if (r->count > 1) HTH_TRY(hth_buf_add_char(out, ']', err));
    return hth_buf_add_char(out, '}', err);
}
