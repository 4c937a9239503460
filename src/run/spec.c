/* spec.c - speculative decoding: guess the next tokens, compute them with the last one in one pass,
 * keep what was guessed right.
 *
 * The session runs ahead of the words: rows[] holds the logits after the last token and after each
 * guess that follows it.  Whoever draws the words sees one row at a time, the one plain evaluation
 * would give, and never learns how it was computed; what was guessed wrong is taken back from the
 * timeline before anything else happens to it.  How much is guessed depends on tokens alone, never
 * on time.
 *
 * Thread: the session's. */
#include <string.h>

#include "base/mem.h"
#include "model/model.h"
#include "run/lookup.h"

/* How many tokens to guess: twice as many after a run that was all right; else as many as were
 * right, and one.  Each further row of a pass costs about three sixteenths of a pass (1.2 passes
 * for two rows, 1.8 for five, 2.5 for nine: docs/SPEED.md).  An account of what guessing brought
 * and cost says whether to go on; while it is empty there is only a try now and then. */
typedef struct Pace {
    uint32_t now, least, most; /* most 0: this source does not exist */
    int account, cost_each; /* in sixteenths of a pass */
    uint32_t wait, pause; /* passes to sit out; after the next failure */
} Pace;

enum { NGRAM_MIN = 2, NGRAM_MAX = 4 };
enum { PASS = 16, COST_ANY = 1, COST_ROW = 3, COST_GUESS_MAX = 8 }; /* sixteenths of a pass */
enum { ACCOUNT_START = 24, ACCOUNT_MAX = 48, PAUSE_MAX = 64, LOOKUP_LEAST = 3 };

struct HthSpec {
    HthSession *session; /* borrowed */
    const HthVocab *vocab; /* borrowed, may be NULL */
    HthSession *draft; /* NULL: none */
    HthLookup *lookup; /* NULL: none */
    Pace lookup_pace, draft_pace, *pace; /* pace: whose guesses are ahead */
    size_t ctx, n_vocab, draft_vocab;
    uint32_t *ids; /* [ctx] the timeline, count in use and one that is being appended */
    size_t count;
    uint32_t *batch; /* [1 + most] the token last appended but by guessing, then the guesses */
    uint32_t guesses, right; /* guesses ahead; how many of them have been drawn */
    float *rows; /* [1 + most][n_vocab] */
    float *draft_row; /* [draft_vocab] */
    HthSpecStats stats;
};

/* ---- opening -------------------------------------------------------------------------------- */

/* Ids must mean the same to both. One may be padded with unused tokens. */
static HthStatus check_vocab(const HthModel *model, const HthModel *draft, HthErr *err) {
    const HthVocab *a = hth_model_vocab(model), *b = hth_model_vocab(draft);
    uint32_t n_a = hth_model_vocab_count(model), n_b = hth_model_vocab_count(draft);
    HTH_REQUIRE((a == NULL) == (b == NULL) && (a != NULL || n_a == n_b), err, HTH_EINVAL,
                "the draft model has another vocabulary: %u tokens instead of %u, or no tokenizer",
                n_b, n_a);
    if (a == NULL) return HTH_OK;
    n_a = hth_vocab_count(a);
    n_b = hth_vocab_count(b);
    for (uint32_t i = 0; i < n_a || i < n_b; i++) {
        bool same = i < n_a && i < n_b && hth_str_eq(hth_vocab_text(a, i), hth_vocab_text(b, i));
        bool pad_a = i >= n_a || hth_vocab_kind(a, i) == HTH_TOKEN_UNUSED;
        bool pad_b = i >= n_b || hth_vocab_kind(b, i) == HTH_TOKEN_UNUSED;
        HTH_REQUIRE(same || (pad_a && pad_b), err, HTH_EINVAL,
                    "the draft model has another vocabulary: token %u differs (it has %u tokens, "
                    "the model %u); take a draft of the same family",
                    i, n_b, n_a);
    }
    return HTH_OK;
}

static HthStatus check(const HthSpecCfg *cfg, HthErr *err) {
    HTH_REQUIRE(cfg->lookup <= HTH_SPEC_TOKENS_MAX && cfg->draft_tokens <= HTH_SPEC_TOKENS_MAX, err,
                HTH_EINVAL, "at most %d tokens can be computed ahead", HTH_SPEC_TOKENS_MAX);
    return HTH_OK;
}

/* What the draft reads for a guess, against what the model reads for a pass. A draft that can
 * hardly pay was still somebody's wish: it is given the benefit of the doubt. */
static int guess_cost(const HthModel *model, const HthModel *draft) {
    size_t of = hth_model_weight_bytes(model) / PASS + 1;
    size_t cost = hth_model_weight_bytes(draft) / of;
    return cost < COST_GUESS_MAX ? (int)cost : COST_GUESS_MAX;
}

static HthStatus open_draft(HthSpec *s, const HthSpecCfg *cfg, HthErr *err) {
    HthSessionCfg c = cfg->draft_cfg;
    c.ctx = (uint32_t)s->ctx;
    HTH_TRY(check_vocab(hth_session_model(s->session), cfg->draft, err));
    HTH_TRY(hth_session_open(&s->draft, cfg->draft, &c, err));
    s->draft_vocab = hth_model_vocab_count(cfg->draft);
    s->draft_row = hth_calloc(s->draft_vocab, sizeof *s->draft_row);
    HTH_REQUIRE(s->draft_row, err, HTH_ENOMEM, "no memory for the draft's logits");
    return HTH_OK;
}

static HthStatus open_parts(HthSpec *s, const HthSpecCfg *cfg, HthErr *err) {
    uint32_t n_min = cfg->ngram_min ? cfg->ngram_min : NGRAM_MIN;
    uint32_t n_max = cfg->ngram_max ? cfg->ngram_max : n_min > NGRAM_MAX ? n_min : NGRAM_MAX;
    s->lookup_pace = (Pace){ .least = LOOKUP_LEAST, .most = cfg->lookup, .cost_each = COST_ROW };
    if (cfg->lookup) HTH_TRY(hth_lookup_open(&s->lookup, s->ctx, n_min, n_max, err));
    if (cfg->draft) {
        s->draft_pace = (Pace){ .least = 1, .most = cfg->draft_tokens };
        if (s->draft_pace.most == 0) s->draft_pace.most = HTH_SPEC_TOKENS_DEFAULT;
        s->draft_pace.cost_each = COST_ROW + guess_cost(hth_session_model(s->session), cfg->draft);
        HTH_TRY(open_draft(s, cfg, err));
    }
    size_t most =
        s->lookup_pace.most > s->draft_pace.most ? s->lookup_pace.most : s->draft_pace.most;
    s->ids = hth_calloc(s->ctx, sizeof *s->ids);
    s->batch = hth_calloc(1 + most, sizeof *s->batch);
    s->rows = hth_calloc((1 + most) * s->n_vocab, sizeof *s->rows);
    HTH_REQUIRE(s->ids && s->batch && s->rows, err, HTH_ENOMEM,
                "no memory for the logits of %zu tokens", 1 + most);
    return HTH_OK;
}

HthStatus hth_spec_open(HthSpec **out, HthSession *session, const HthSpecCfg *cfg, HthErr *err) {
    static const HthSpecCfg none = { 0 };
    if (!cfg) cfg = &none;
    HTH_TRY(check(cfg, err));
    HthSpec *s = hth_calloc(1, sizeof *s);
    HTH_REQUIRE(s, err, HTH_ENOMEM, "no memory for speculative decoding");
    const HthModel *model = hth_session_model(session);
    s->session = session;
    s->vocab = hth_model_vocab(model);
    s->ctx = hth_session_ctx(session);
    s->n_vocab = hth_model_vocab_count(model);
    HthStatus st = open_parts(s, cfg, err);
    if (st != HTH_OK) {
        hth_spec_close(&s);
        return st;
    }
    hth_spec_begin(s);
    *out = s;
    return HTH_OK;
}

void hth_spec_close(HthSpec **spec) {
    HthSpec *s = *spec;
    if (!s) return;
    if (s->ids) hth_zero(s->ids, s->ctx * sizeof *s->ids);
    hth_free(s->draft_row);
    hth_free(s->rows);
    hth_free(s->batch);
    hth_free(s->ids);
    hth_session_close(&s->draft);
    hth_lookup_close(&s->lookup);
    hth_free(s);
    *spec = NULL;
}

/* ---- pace ----------------------------------------------------------------------------------- */

static void pace_start(Pace *p) {
    p->now = p->most < 4 ? p->most : 4;
    p->account = ACCOUNT_START;
    p->wait = 0;
    p->pause = 1;
}

static uint32_t pace_next(Pace *p) {
    if (p->wait == 0) return p->now;
    p->wait--;
    return 0;
}

static void pace_judge(Pace *p, uint32_t guesses, uint32_t right) {
    int gain = PASS * (int)right - COST_ANY - p->cost_each * (int)guesses;
    uint32_t next = right == guesses ? 2 * guesses : right + 1;
    if (next < p->least) next = p->least;
    p->now = next < p->most ? next : p->most;
    p->account += gain;
    if (p->account > ACCOUNT_MAX) p->account = ACCOUNT_MAX;
    if (p->account > 0) {
        p->pause = 1;
        return;
    }
    p->account = 0;
    if (gain > 0) return;
    p->wait = p->pause;
    if (p->pause < PAUSE_MAX) p->pause *= 2;
}

/* ---- guessing ------------------------------------------------------------------------------- */

static uint32_t best(const float *row, size_t n) {
    size_t at = 0;
    for (size_t i = 1; i < n; i++)
        if (row[i] > row[at]) at = i;
    return (uint32_t)at;
}

/* The draft reads what it has not seen and goes on greedily. When it cannot (interrupted, or a
 * token it does not know), nothing is guessed and the words come as without it. */
static uint32_t guess_draft(HthSpec *s, size_t n, uint32_t k, uint32_t *out) {
    if (k == 0 || hth_session_sync(s->draft, s->ids, n, s->draft_row, NULL) != HTH_OK) return 0;
    for (uint32_t i = 0;; i++) {
        out[i] = best(s->draft_row, s->draft_vocab);
        if (i + 1 == k || hth_session_eval(s->draft, &out[i], 1, s->draft_row, NULL) != HTH_OK)
            return i + 1;
    }
}

/* What comes after a token that ends the answer is never asked for, nor is what follows one that
 * the model cannot say. */
static uint32_t cut(const HthSpec *s, const uint32_t *ids, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (ids[i] >= s->n_vocab || (s->vocab && hth_vocab_is_end(s->vocab, ids[i]))) return i;
    return n;
}

/* Guesses what follows s->ids[0..n); returns how many tokens. */
static uint32_t guess(HthSpec *s, size_t n, uint32_t *out) {
    size_t room = s->ctx - n;
    uint32_t k, got = 0;
    if (s->lookup) {
        k = pace_next(&s->lookup_pace);
        if (k > room) k = (uint32_t)room;
        hth_lookup_note(s->lookup, s->ids, n);
        s->pace = &s->lookup_pace;
        got = cut(s, out, hth_lookup_find(s->lookup, s->ids, n, k, out));
    }
    if (s->draft && got == 0) {
        k = pace_next(&s->draft_pace);
        if (k > room) k = (uint32_t)room;
        s->pace = &s->draft_pace;
        got = cut(s, out, guess_draft(s, n, k, out));
    }
    return got;
}

/* ---- the timeline --------------------------------------------------------------------------- */

static void take_back(HthSpec *s) {
    if (s->right < s->guesses) hth_session_rewind(s->session, s->count);
    s->guesses = s->right = 0;
}

void hth_spec_begin(HthSpec *s) {
    const uint32_t *ids = hth_session_ids(s->session);
    size_t n = hth_session_count(s->session), same = 0;
    while (same < s->count && same < n && s->ids[same] == ids[same]) same++;
    memcpy(s->ids + same, ids + same, (n - same) * sizeof *ids);
    hth_zero(s->ids + n, (s->ctx - n) * sizeof *ids);
    s->count = n;
    s->guesses = s->right = 0;
    if (s->lookup) hth_lookup_keep(s->lookup, same);
    pace_start(&s->lookup_pace);
    pace_start(&s->draft_pace);
    s->stats = (HthSpecStats){ 0 };
}

void hth_spec_end(HthSpec *s) {
    take_back(s);
}

static void append(HthSpec *s, uint32_t id, const float **logits) {
    s->ids[s->count++] = id;
    s->stats.tokens++;
    *logits = s->rows + s->right * s->n_vocab;
}

static void accept(HthSpec *s) {
    s->right++;
    s->stats.accepted++;
    if (s->pace == &s->lookup_pace) s->stats.lookup_accepted++;
}

HthStatus hth_spec_eval(HthSpec *s, uint32_t id, const float **logits, HthErr *err) {
    if (s->right < s->guesses && s->batch[1 + s->right] == id) {
        accept(s);
        append(s, id, logits);
        return HTH_OK;
    }
    if (s->guesses > 0) pace_judge(s->pace, s->guesses, s->right);
    take_back(s);
    uint32_t k = 0;
    if (s->count < s->ctx) {
        s->ids[s->count] = id;
        k = guess(s, s->count + 1, s->batch + 1);
    }
    s->batch[0] = id;
    HthStatus st = hth_session_eval_all(s->session, s->batch, 1 + k, s->rows, err);
    if (st != HTH_OK) {
        hth_session_rewind(s->session, s->count);
        return st;
    }
    s->guesses = k;
    s->stats.passes++;
    s->stats.drafted += k;
    if (k > 0 && s->pace == &s->lookup_pace) s->stats.lookup_drafted += k;
    append(s, id, logits);
    return HTH_OK;
}

size_t hth_spec_count(const HthSpec *s) {
    return s->count;
}

HthSpecStats hth_spec_stats(const HthSpec *s) {
    return s->stats;
}
