/* answer.c - see answer.h: from a body to jobs.
 *
 * Thread: a prep thread. */
#include "serve/answer.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "serve/run.h"

enum { BODY_MAX = 1 << 26 };

/* ---- facts ---------------------------------------------------------------------------------- */

/* The audit log knows the exchange by it, where there is one. */
static void fill_id(HthRun *r) {
    const HthTrail *t = hth_x_noted(r->x)->trail;
    if (t)
        snprintf(r->id, sizeof r->id, "%s", hth_trail_id(t));
    else
        hth_house_id(r->id);
}

static HthStatus token_text(void *payload, uint32_t id, HthBuf *out, HthErr *err) {
    const HthVocab *v = payload;
    return id < hth_vocab_count(v) ? hth_vocab_piece(v, id, true, out, err) : HTH_OK;
}

static HthFacts facts(const HthRun *r, HthStr prompt) {
    HthFacts f = { .id = hth_str(r->id), .model = r->ask.model, .prompt = prompt };
    if (f.model.n == 0) f.model = hth_str(r->lease.name);
    f.digest = hth_str(r->lease.digest);
    f.fingerprint = hth_str(hth_numerics());
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &now);
    f.created_s = hth_clock_unix_s();
    f.created_ns = (uint64_t)now.tv_nsec;
    f.token_text = token_text;
    f.token_payload = (void *)(uintptr_t)hth_voice_vocab(r->lease.voice);
    return f;
}

/* ---- answers without jobs -------------------------------------------------------------------- */

static HthStatus reply_now(HthRun *r, const HthPrompted *p, HthErr *err) {
    HthBuf out;
    const HthFaceOps *ops = r->face->ops;
    HthUsage sum = { .prompt = (uint32_t)p->ids.n, .load_ns = r->lease.load_ns };
    HthStatus st;
    sum.total_ns = hth_clock_ns() - r->began_ns;
    hth_buf_init(&out, 1 << 29);
    r->face->facts.prompt = hth_buf_str(&p->text);
    if (r->ask.kind == HTH_ASK_LOAD)
        st = ops->loaded(r->face, r->ask.keep_alive_set && r->ask.keep_alive_s == 0, &out, err);
    else if (r->ask.kind == HTH_ASK_RENDER)
        st = ops->whole(r->face, NULL, 0, &sum, &out, err);
    else
        st = ops->count(r->face, &sum, &out, err);
    if (st == HTH_OK) hth_x_reply(r->x, 200, "application/json", hth_buf_str(&out));
    hth_buf_drop(&out);
    return st;
}

static HthStatus now(HthRun *r, HthErr *err) {
    HthPrompted p;
    hth_prompted_init(&p);
    HthStatus st = HTH_OK;
    if (r->ask.kind != HTH_ASK_LOAD) st = hth_voice_prompt(r->lease.voice, &r->ask, 0, &p, err);
    if (st == HTH_OK) st = reply_now(r, &p, err);
    hth_prompted_drop(&p);
    return st;
}

/* ---- answers by jobs ------------------------------------------------------------------------- */

static HthStatus fits(const HthRun *r, const HthPrompted *p, HthErr *err) {
    uint32_t ctx = hth_lease_ctx(&r->lease, r->ask.ctx);
    bool draws = r->ask.kind != HTH_ASK_EMBED && r->ask.kind != HTH_ASK_RERANK;
    return p->ids.n + draws <= ctx ? HTH_OK : hth_api_too_long(err, p->ids.n, ctx);
}

/* Ollama's truncate, when it is asked for: the oldest messages leave, the system message and the
 * last one stay. False: nothing more can leave. */
static bool drop_oldest(HthAsk *a) {
    const char *role = json_string_value(json_object_get(json_array_get(a->messages, 0), "role"));
    size_t at = role && strcmp(role, "system") == 0 ? 1 : 0;
    return json_array_size(a->messages) > at + 1 && json_array_remove(a->messages, at) == 0;
}

static HthStatus make_prompt(HthRun *r, size_t which, HthPrompted *p, HthErr *err) {
    for (size_t at_first = 0;;) {
        HTH_TRY(hth_voice_prompt(r->lease.voice, &r->ask, which, p, err));
        if (at_first == 0) at_first = p->ids.n;
        HthStatus st = fits(r, p, err);
        if (st == HTH_OK) r->cut = (uint32_t)(at_first - p->ids.n);
        if (st == HTH_OK || !r->ask.truncate || !r->ask.messages) return st;
        if (!drop_oldest(&r->ask)) return st;
        hth_prompted_drop(p);
        hth_prompted_init(p);
    }
}

/* Answers of one prompt lie side by side; the first of them owns it. */
static HthStatus make_prompts(HthRun *r, size_t prompt_count, HthErr *err) {
    size_t n = r->count / prompt_count;
    for (size_t i = 0; i < r->count; i++) {
        size_t own = i / n * n;
        r->ones[i].prompt_from = (uint32_t)own;
        r->ones[i].seed = r->ask.seed + i % n;
        if (i == own) HTH_TRY(make_prompt(r, i / n, &r->ones[i].prompt, err));
    }
    return HTH_OK;
}

static HthStatus by_jobs(HthRun *r, HthErr *err) {
    const HthAsk *a = &r->ask;
    bool draws = a->kind != HTH_ASK_EMBED && a->kind != HTH_ASK_RERANK;
    /* a model that ranks reads the query with each of the documents */
    const bool ranks = a->kind == HTH_ASK_RERANK && hth_voice_ranks(r->lease.voice);
    size_t prompt_count = a->messages ? 1 : a->prompt_count - ranks;
    size_t n = a->n && draws ? a->n : 1;
    HTH_REQUIRE(prompt_count > 0, err, HTH_EINVAL, "prompt: there is none");
    HTH_REQUIRE(n * prompt_count <= HTH_ASK_PROMPTS_MAX, err, HTH_EINVAL,
                "n: %zu answers to %zu prompts are too many for one request; the most is %d", n,
                prompt_count, HTH_ASK_PROMPTS_MAX);
    HTH_TRY(hth_run_ones(r, n * prompt_count, err));
    HTH_TRY(make_prompts(r, prompt_count, err));
    const HthStr prompt = hth_buf_str(&r->ones[0].prompt.text);
    if (draws)
        HTH_TRY(hth_voice_grammar(r->lease.voice, a, r->who.tenant, prompt, r->house->grammars,
                                  &r->grammar, err));
    r->face->facts.prompt = prompt;
    r->face->facts.prompt_ids = r->ones[0].prompt.ids.p;
    r->face->facts.prompt_count = (uint32_t)r->ones[0].prompt.ids.n;
    return hth_run_submit_due(r, err);
}

/* ---- from the body --------------------------------------------------------------------------- */

static bool draws_nothing(const HthAsk *a) {
    return a->kind == HTH_ASK_LOAD || a->kind == HTH_ASK_COUNT_TOKENS || a->kind == HTH_ASK_RENDER;
}

static HthStatus can_think(const HthRun *r, HthErr *err) {
    const HthTalk *talk = hth_voice_talk(r->lease.voice);
    if (!r->ask.think_must || r->ask.kind != HTH_ASK_CHAT) return HTH_OK;
    HTH_REQUIRE(talk && hth_talk_has_thinking(talk), err, HTH_ENOTSUP,
                "think: this model does not support thinking");
    return HTH_OK;
}

/* *status is what to answer with where the error alone does not say. */
static HthStatus begin(HthRun *r, const HthApi *api, int *status, HthErr *err) {
    json_t *body = NULL;
    bool missing = false;
    HTH_TRY(hth_json_parse(&body, hth_x_body(r->x), BODY_MAX, err));
    const bool receipt = json_is_true(json_object_get(body, "receipt"));
    HTH_TRY(api->read(body, &r->ask, err));
    HthStatus st =
        hth_house_lease(r->house, &r->who.grant.scope, r->ask.model, r->ask.keep_alive_set,
                        r->ask.keep_alive_s, &r->lease, &missing, err);
    if (st == HTH_OK) st = hth_run_go_on(r, &missing, err);
    if (missing) *status = 404;
    if (st != HTH_OK) return st;
    if (r->ask.template_text.n) HTH_TRY(hth_lease_template(&r->lease, r->ask.template_text, err));
    HTH_TRY(hth_house_choose(r->house, &r->lease, &r->ask, &r->chosen, err));
    HTH_TRY(can_think(r, err));
    HTH_TRY(hth_run_want_receipts(r, receipt, err));
    const bool own_ctx = r->ask.ctx > 0;
    hth_voice_advise(r->lease.voice, &r->ask);
    if (!own_ctx && r->ask.ctx) r->ask.ctx = hth_lease_ctx(&r->lease, r->ask.ctx);
    if (!r->ask.seed_set) r->ask.seed = hth_rng_entropy() >> 11; /* exact in every client's JSON */
    fill_id(r);
    const HthFacts f = facts(r, HTH_STR(""));
    HTH_TRY(api->open(&r->face, &r->ask, &f, err));
    if (hth_run_keeps(r)) HTH_TRY(hth_scribe_keeps_up(r->house->scribe, err));
    if (!draws_nothing(&r->ask)) HTH_TRY(by_jobs(r, err));
    st = hth_run_accept(r, err);
    if (st != HTH_OK) *status = 503;
    return st == HTH_OK && draws_nothing(&r->ask) ? now(r, err) : st;
}

void hth_answer_start(HthHouse *house, HthX *x, const HthApi *api, const HthWho *who) {
    HthRun *r = NULL;
    HthErr err = { 0 };
    int status = 0;
    HthStatus st = hth_run_open(&r, house, x, who, &err);
    if (st != HTH_OK) hth_auth_end(house->cfg.auth, who, 0);
    if (st == HTH_OK) st = begin(r, api, &status, &err);
    if (st != HTH_OK) {
        if (!status) status = hth_api_status(&err);
        if (status == 429 || status == 503) hth_x_add_header(x, "Retry-After", HTH_STR("1"));
        hth_reply_refusal(x, api, status, &err);
    }
    if (st == HTH_OK && !draws_nothing(&r->ask))
        hth_run_attach(r);
    else
        hth_run_close(&r);
}
