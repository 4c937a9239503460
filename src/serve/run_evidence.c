/* run_evidence.c - what the audit log says of a run: that it was accepted, how each answer ended.
 *
 * Thread: accepting: a prep thread; the rest: the loop thread. */
#include "audit/receipt.h"
#include "base/mem.h"
#include "serve/run.h"

static HthTrail *trail_of(const HthRun *r) {
    return hth_x_noted(r->x)->trail;
}

/* Several texts in one, a NUL between. */
static HthStatus join(HthBuf *out, HthStr text, HthErr *err) {
    if (text.n && out->n) HTH_TRY(hth_buf_add_char(out, '\0', err));
    return hth_buf_add_str(out, text, err);
}

HthStatus hth_run_accept(HthRun *r, HthErr *err) {
    HthTrail *t = trail_of(r);
    HthTrailAsk ask = { .model = hth_str(r->lease.name), .adapters = hth_str(r->chosen.text) };
    HthBuf text;
    if (!t) return HTH_OK;
    HthStatus st = HTH_OK;
    hth_buf_init(&text, HTH_RUN_TEXT_MAX);
    for (size_t i = 0; i < r->count && st == HTH_OK; i++) {
        if (r->ones[i].prompt_from != i) continue;
        ask.prompt_tokens += r->ones[i].prompt.ids.n;
        st = join(&text, hth_buf_str(&r->ones[i].prompt.text), err);
    }
    ask.text = hth_buf_str(&text);
    if (st == HTH_OK) st = hth_trail_accept(t, &ask, err);
    if (text.p) hth_zero(text.p, text.n);
    hth_buf_drop(&text);
    return st;
}

/* ---- the end --------------------------------------------------------------------------------- */

static const char *finish_of(const HthRunOne *one) {
    static const char *const words[] = {
        [HTH_END_STOP] = "stop",       [HTH_END_LENGTH] = "length",
        [HTH_END_CONTEXT] = "context", [HTH_END_CANCELED] = "interrupted",
        [HTH_END_LATE] = "late",       [HTH_END_CLOSED] = "stopping",
        [HTH_END_ERROR] = "error"
    };
    if (one->run->failed) return "error";
    if (!one->ended) return "left";
    return one->stop.n ? "stop_text" : words[one->done.end];
}

/* What was reasoned, what was answered, each call's name and arguments. */
static HthStatus said(const HthRunOne *one, HthBuf *out, HthErr *err) {
    HTH_TRY(join(out, hth_buf_str(&one->thinking), err));
    HTH_TRY(join(out, hth_buf_str(&one->text), err));
    for (size_t i = 0; i < one->call_count; i++) {
        HTH_TRY(join(out, hth_buf_str(&one->calls[i].name), err));
        HTH_TRY(join(out, hth_buf_str(&one->calls[i].args), err));
    }
    return HTH_OK;
}

typedef struct Said { /* what one end borrows */
    HthDigests ids;
    HthBuf text;
} Said;

static HthStatus fill(HthTrailEnd *end, Said *s, const HthRunOne *one, HthErr *err) {
    const HthRun *r = one->run;
    *end = (HthTrailEnd){ .finish = hth_str(finish_of(one)), .model = hth_str(r->lease.name) };
    end->adapters = hth_str(r->chosen.text);
    end->prompt_tokens = r->ones[one->prompt_from].prompt.ids.n;
    end->output_tokens = one->ids.n;
    HTH_TRY(hth_receipt_ids(&s->ids, one->ids.p, one->ids.n, err));
    end->output = s->ids.sha3_256;
    HTH_TRY(said(one, &s->text, err));
    end->text = hth_buf_str(&s->text);
    return HTH_OK;
}

static bool is_vector(const HthRun *r) {
    return r->ask.kind == HTH_ASK_EMBED || r->ask.kind == HTH_ASK_RERANK;
}

static void wake(void *payload) { /* the log's thread */
    const HthRun *r = payload;
    hth_x_wake(r->x);
}

/* Vectors have one end, whatever their number. */
static HthStatus finish_vectors(HthRun *r, HthErr *err) {
    const bool left = !r->failed && !r->ones[r->count - 1].ended;
    HthTrailEnd end = { .finish = hth_str(r->failed ? "error"
                                          : left    ? "left"
                                                    : "done"),
                        .model = hth_str(r->lease.name),
                        .adapters = hth_str(r->chosen.text),
                        .prompt_tokens = hth_run_usage(r).prompt };
    return hth_trail_finish(trail_of(r), &end, 1, wake, r, err);
}

static HthStatus finish_words(HthRun *r, HthErr *err) {
    HthTrailEnd *ends = hth_arena_take(r->arena, r->count, sizeof *ends);
    Said *s = hth_arena_take(r->arena, r->count, sizeof *s);
    HTH_REQUIRE(ends && s, err, HTH_ENOMEM, "no memory for entries of the log");
    HthStatus st = HTH_OK;
    for (size_t i = 0; i < r->count; i++) hth_buf_init(&s[i].text, HTH_RUN_TEXT_MAX);
    for (size_t i = 0; i < r->count && st == HTH_OK; i++)
        st = fill(&ends[i], &s[i], &r->ones[i], err);
    if (st == HTH_OK) st = hth_trail_finish(trail_of(r), ends, r->count, wake, r, err);
    for (size_t i = 0; i < r->count; i++) {
        if (s[i].text.p) hth_zero(s[i].text.p, s[i].text.n);
        hth_buf_drop(&s[i].text);
    }
    return st;
}

HthStatus hth_run_record(HthRun *r, HthErr *err) {
    HthTrail *t = trail_of(r);
    if (!t) return HTH_OK;
    if (!hth_trail_finished(t))
        HTH_TRY(is_vector(r) ? finish_vectors(r, err) : finish_words(r, err));
    return hth_trail_look(t, err);
}

void hth_run_record_rest(HthRun *r) {
    HthTrail *t = trail_of(r);
    if (hth_trail_accepted(t) && !hth_trail_finished(t) && r->count > 0)
        (void)(is_vector(r) ? finish_vectors(r, NULL) : finish_words(r, NULL));
    hth_trail_unwatch(t); /* r is freed next, and the trail only some time after it */
}
