/* run.c - see run.h: opening and closing.
 *
 * Thread: see run.h. */
#include "serve/run.h"

#include "base/clock.h"
#include "base/mem.h"

enum { ARENA_MAX = 1 << 28 };

static void drop_one(HthRunOne *one) {
    hth_job_close(&one->job);
    hth_reply_close(&one->reply);
    if (one->text.p) hth_zero(one->text.p, one->text.n);
    if (one->thinking.p) hth_zero(one->thinking.p, one->thinking.n);
    if (one->raw.p) hth_zero(one->raw.p, one->raw.n);
    hth_buf_drop(&one->raw);
    hth_prompted_drop(&one->prompt);
    hth_buf_drop(&one->text);
    hth_buf_drop(&one->thinking);
    hth_buf_drop(&one->stop);
    hth_ids_drop(&one->ids);
    for (size_t i = 0; i < one->call_count; i++) {
        hth_buf_drop(&one->calls[i].name);
        hth_buf_drop(&one->calls[i].args);
    }
    hth_free(one->calls);
    hth_free(one->words);
    hth_free(one->vector);
}

HthStatus hth_run_open(HthRun **out, HthHouse *house, HthX *x, const HthWho *who, HthErr *err) {
    HthArena *arena = NULL;
    HTH_TRY(hth_arena_open(&arena, ARENA_MAX, err));
    HthRun *r = hth_calloc(1, sizeof *r);
    if (!r) {
        hth_arena_close(&arena);
        return HTH_FAIL(err, HTH_ENOMEM, "no memory for an answer");
    }
    hth_buf_init(&r->finishes, HTH_RUN_TEXT_MAX);
    r->house = house;
    r->x = x;
    r->who = *who;
    r->arena = arena;
    r->began_ns = hth_clock_ns();
    *out = r;
    return HTH_OK;
}

HthStatus hth_run_ones(HthRun *r, size_t count, HthErr *err) {
    r->ones = hth_calloc(count, sizeof *r->ones);
    HTH_REQUIRE(r->ones, err, HTH_ENOMEM, "no memory for %zu answers", count);
    r->count = count;
    for (size_t i = 0; i < count; i++) {
        HthRunOne *one = &r->ones[i];
        one->run = r;
        one->index = (uint32_t)i;
        one->prompt_from = (uint32_t)i;
        hth_prompted_init(&one->prompt);
        hth_buf_init(&one->text, HTH_RUN_TEXT_MAX);
        hth_buf_init(&one->thinking, HTH_RUN_TEXT_MAX);
        hth_buf_init(&one->raw, HTH_RUN_TEXT_MAX);
        hth_buf_init(&one->stop, HTH_RUN_TEXT_MAX);
        hth_ids_init(&one->ids, HTH_RUN_TEXT_MAX);
    }
    return HTH_OK;
}

/* What a key is charged with: also what was drawn for a client that left in the middle. */
static uint64_t tokens_of(const HthRun *r) {
    uint64_t sum = 0;
    for (size_t i = 0; i < r->count; i++) {
        const HthRunOne *one = &r->ones[i];
        if (one->ended || one->job) sum += one->ids.n;
        if (one->prompt_from != i) continue; /* a prompt counts once */
        if (one->ended || one->job) sum += one->prompt.ids.n;
    }
    return sum;
}

void hth_run_close(HthRun **run) {
    HthRun *r = *run;
    if (!r) return;
    hth_run_record_rest(r);
    hth_auth_end(r->house->cfg.auth, &r->who, tokens_of(r));
    for (size_t i = 0; i < r->count; i++) drop_one(&r->ones[i]);
    hth_kept_leave(&r->kept);
    hth_run_receipts_close(r);
    hth_buf_drop(&r->finishes);
    hth_free(r->ones);
    hth_grammars_give(r->house->grammars, &r->grammar); /* no job reads it any more */
    hth_face_close(&r->face);
    hth_lease_give(&r->lease);
    hth_ask_drop(&r->ask);
    hth_arena_close(&r->arena);
    hth_free(r);
    *run = NULL;
}

HthUsage hth_run_one_usage(const HthRunOne *one) {
    const HthJobDone *d = &one->done;
    return (HthUsage){ .prompt = d->prompt_count,
                       .cut = one->run->cut,
                       .cached = d->cached_count,
                       .words = d->word_count,
                       .thinking = one->thinking_words,
                       .load_ns = one->run->lease.load_ns,
                       .queue_ns = d->queue_ns,
                       .prompt_ns = d->prompt_ns,
                       .words_ns = d->words_ns,
                       .total_ns = hth_clock_ns() - one->run->began_ns };
}

/* A prompt that several answers share counts once; times are those of the slowest. */
HthUsage hth_run_usage(const HthRun *r) {
    HthUsage sum = { .cut = r->cut,
                     .load_ns = r->lease.load_ns,
                     .total_ns = hth_clock_ns() - r->began_ns };
    for (size_t i = 0; i < r->count; i++) {
        const HthUsage u = hth_run_one_usage(&r->ones[i]);
        if (r->ones[i].prompt_from == i) {
            sum.prompt += u.prompt;
            sum.cached += u.cached;
        }
        sum.words += u.words;
        sum.thinking += u.thinking;
        if (u.queue_ns > sum.queue_ns) sum.queue_ns = u.queue_ns;
        if (u.prompt_ns > sum.prompt_ns) sum.prompt_ns = u.prompt_ns;
        if (u.words_ns > sum.words_ns) sum.words_ns = u.words_ns;
    }
    return sum;
}
