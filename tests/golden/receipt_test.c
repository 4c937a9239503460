/* receipt_test.c - receipts made one way and run again another: the same words, to the bit.
 *
 * Blocks of eight receipts of ember's answers, random prompts and samplers.  Made in a session, run
 * again from what the receipt says in a session or, all eight at once, in an engine; tier, threads,
 * chunk and company differ between the two.  $HTH_RECEIPTS: how many (64).
 *
 * Thread: the test's, and the sessions' own. */
#include "support/test.h"

#include "base/rng.h"
#include "kern/kern.h"
#include "model/model.h"
#include "serve/receipts.h"
#include "text/stream.h"
#include "unit/sched/engine_help.h"

enum { CTX = 256, BLOCK = 8, WORDS_MAX = 24, FILE_MAX_BYTES = 1 << 20 };

static HthModel *model;
static const HthVocab *vocab;
static HthReceiptFacts about; /* what all receipts say alike */
static HthSigner *signer;
static HthErr err;
static const HthStr key_id = { "receipts.test+01234567", 22 };

/* How words are computed. */
typedef struct Way {
    const HthKern *isa;
    uint32_t threads, chunk;
    bool no_pack, engine;
} Way;

static uint32_t some(uint64_t at, uint32_t field, uint32_t n) {
    return hth_rng_below(30, field, at, n);
}

static Way a_way(uint64_t at, bool engine) {
    static const uint32_t chunks[] = { 1, 7, 64, 256 };
    const HthKern *here[16];
    uint32_t tiers = 0;
    for (size_t i = 0; hth_kern_at(i) && tiers < HTH_COUNT(here); i++)
        if (hth_kern_runs_here(hth_kern_at(i))) here[tiers++] = hth_kern_at(i);
    return (Way){ here[some(at, 1, tiers)], 1 + some(at, 2, 2), chunks[some(at, 3, 4)],
                  some(at, 4, 2) == 1, engine };
}

/* ---- one answer ----------------------------------------------------------------------------- */

/* What is asked: ids of a prompt, and how words are drawn. */
typedef struct Ask {
    HthIds prompt;
    HthSampleParams params;
    uint32_t words;
} Ask;

typedef struct Answer {
    uint32_t ids[WORDS_MAX + 1];
    uint32_t count;
    const char *finish;
    HthBuf text;
} Answer;

static void ask_make(Ask *a, uint64_t at) {
    static const char *const prompts[] = { "Once upon a time there was a baker", "The cat and the",
                                           "Tell me a story about a boat.", "Why is it raining?",
                                           "Three small boats left the old harbour at dawn and" };
    const HthStr text = hth_str(prompts[some(at, 10, HTH_COUNT(prompts))]);
    hth_ids_init(&a->prompt, CTX);
    assert_ok(hth_vocab_encode(vocab, hth_str_sub(text, 0, 4 + some(at, 11, (uint32_t)text.n - 4)),
                               HTH_ENCODE_SPECIAL | HTH_ENCODE_BOS_EOS, &a->prompt, &err),
              err);
    hth_sample_defaults(&a->params);
    a->params.seed = (uint64_t)hth_rng_u32(30, 12, at) << 32 | hth_rng_u32(30, 13, at);
    a->params.temperature = some(at, 14, 4) ? 2 * (float)hth_rng_f64(30, 15, at) : 0;
    a->params.top_k = some(at, 16, 100);
    a->params.top_p = 0.5f + 0.5f * (float)hth_rng_f64(30, 17, at);
    a->params.repeat_penalty = 1 + 0.5f * (float)hth_rng_f64(30, 18, at);
    a->params.dry_multiplier = some(at, 19, 3) ? 0 : (float)hth_rng_f64(30, 20, at);
    a->params.mirostat = some(at, 21, 5) ? 0 : 2;
    a->words = 1 + some(at, 22, WORDS_MAX);
}

static void text_of(Answer *a) {
    HthStream *s = NULL;
    hth_buf_init(&a->text, 1 << 16);
    assert_ok(hth_stream_open(&s, vocab, NULL, 0, &err), err);
    for (uint32_t i = 0; i < a->count; i++)
        assert_ok(hth_stream_put(s, a->ids[i], &a->text, &err), err);
    assert_ok(hth_stream_end(s, &a->text, &err), err);
    hth_stream_close(&s);
}

static void in_session(HthSession *s, const Ask *ask, Answer *out) {
    HthSampler *sampler = NULL;
    const uint32_t n_vocab = hth_model_vocab_count(model);
    float *logits = hth_calloc(n_vocab, sizeof *logits);
    assert_non_null(logits);
    assert_ok(hth_sampler_open(&sampler, &ask->params, n_vocab, vocab, &err), err);
    assert_ok(hth_session_sync(s, ask->prompt.p, ask->prompt.n, logits, &err), err);
    *out = (Answer){ .finish = "length" };
    while (out->count < ask->words) {
        uint32_t id;
        assert_ok(
            hth_sampler_next(sampler, logits, hth_session_ids(s), hth_session_count(s), &id, &err),
            err);
        if (hth_vocab_is_end(vocab, id)) {
            out->finish = "stop";
            break;
        }
        out->ids[out->count++] = id;
        assert_ok(hth_session_eval(s, &id, 1, logits, &err), err);
    }
    text_of(out);
    hth_sampler_close(&sampler);
    hth_free(logits);
}

static void in_engine(HthEngine *e, const Ask *asks, Answer *out, uint32_t n) {
    static Said said[BLOCK];
    static HthJobCfg jobs[BLOCK];
    for (uint32_t i = 0; i < n; i++)
        jobs[i] = (HthJobCfg){ .ids = asks[i].prompt.p,
                               .n = (uint32_t)asks[i].prompt.n,
                               .params = asks[i].params,
                               .predict_max = asks[i].words };
    said_together(e, jobs, n, said);
    for (uint32_t i = 0; i < n; i++) {
        out[i] = (Answer){ .count = said[i].count,
                           .finish = said[i].done.end == HTH_END_STOP ? "stop" : "length" };
        assert_true(said[i].count <= WORDS_MAX);
        memcpy(out[i].ids, said[i].ids, said[i].count * sizeof out[i].ids[0]);
        text_of(&out[i]);
        assert_string_equal(hth_buf_str(&out[i].text).p, said[i].text);
    }
}

static void answer_all(const Way *way, const Ask *asks, Answer *out, uint32_t n) {
    assert_ok(hth_kern_force(way->isa->name, &err), err);
    if (way->engine) {
        HthEngine *e = NULL;
        const HthEngineCfg cfg = { .ctx = CTX,
                                   .parallel = 1 + way->chunk % BLOCK,
                                   .threads = way->threads,
                                   .chunk = way->chunk,
                                   .no_pack = way->no_pack };
        assert_ok(hth_engine_open(&e, model, &cfg, &err), err);
        in_engine(e, asks, out, n);
        hth_engine_close(&e);
    } else {
        HthSession *s = NULL;
        const HthSessionCfg cfg = {
            .ctx = CTX, .threads = way->threads, .chunk = way->chunk, .no_pack = way->no_pack
        };
        assert_ok(hth_session_open(&s, model, &cfg, &err), err);
        for (uint32_t i = 0; i < n; i++) in_session(s, &asks[i], &out[i]);
        hth_session_close(&s);
    }
    assert_ok(hth_kern_force(NULL, &err), err);
}

/* ---- receipts ------------------------------------------------------------------------------- */

static void make(HthBuf *file, const Ask *ask, const Answer *a, const Way *way) {
    const HthDsseSigner by = { signer, key_id };
    HthReceiptIn in = { .prompt = ask->prompt.p,
                        .prompt_count = ask->prompt.n,
                        .ids = a->ids,
                        .id_count = a->count,
                        .text = hth_buf_str(&a->text),
                        .facts = about };
    json_t *sampler = NULL;
    assert_ok(hth_receipt_sampler(&sampler, &ask->params, &err), err);
    in.facts.sampler = sampler;
    in.facts.seed = ask->params.seed;
    in.facts.id_max = ask->words;
    in.facts.finish = hth_str(a->finish);
    in.facts.isa = hth_str(way->isa->name);
    hth_buf_init(file, FILE_MAX_BYTES);
    assert_ok(hth_receipt_make(file, &in, &by, &err), err);
    json_decref(sampler);
}

static HthStatus set(void *payload, const char *name, HthStr value, HthErr *e) {
    static char kept[1 << 14]; /* breakers are borrowed */
    static size_t n;
    if (n + value.n > sizeof kept) n = 0;
    memcpy(kept + n, value.p, value.n);
    n += value.n;
    return hth_sample_set(payload, name, (HthStr){ kept + n - value.n, value.n }, e);
}

/* What to run again: the parameters of the receipt, and the prompt it has a commitment to. */
static HthReceipt *read_back(const HthBuf *file, const Ask *asked, Ask *again) {
    const HthDsseKey key = { key_id, hth_signer_public(signer) };
    uint8_t commitment[HTH_HASH_BYTES];
    HthReceipt *r = NULL;
    assert_ok(hth_receipt_open(&r, hth_buf_str(file), &err), err);
    assert_ok(hth_receipt_check(r, &key, 1, NULL, &err), err);
    assert_ok(hth_receipt_commit(commitment, r->salt, asked->prompt.p, asked->prompt.n, &err), err);
    assert_memory_equal(commitment, r->facts.prompt, sizeof commitment);
    *again = (Ask){ .prompt = asked->prompt, .words = (uint32_t)r->facts.id_max };
    hth_sample_defaults(&again->params);
    assert_ok(hth_receipt_sampler_each(r->facts.sampler, set, &again->params, &err), err);
    again->params.seed = r->facts.seed;
    return r;
}

static bool same(const HthReceipt *r, const Answer *a) {
    HthDigests ids, text;
    assert_ok(hth_receipt_ids(&ids, a->ids, a->count, &err), err);
    hth_digests(&text, a->text.p, a->text.n);
    return a->count == r->facts.id_count && hth_digests_eq(&ids, &r->facts.ids) &&
           hth_digests_eq(&text, &r->facts.text) && hth_str_eq(r->facts.finish, hth_str(a->finish));
}

static void block(uint64_t at, uint32_t n) {
    static Ask asks[BLOCK], again[BLOCK];
    static Answer said[BLOCK], said_again[BLOCK];
    HthBuf files[BLOCK];
    HthReceipt *r[BLOCK];
    const Way made = a_way(2 * at, false), run = a_way(2 * at + 1, at % 2 == 1);
    for (uint32_t i = 0; i < n; i++) ask_make(&asks[i], at * BLOCK + i);
    answer_all(&made, asks, said, n);
    for (uint32_t i = 0; i < n; i++) {
        make(&files[i], &asks[i], &said[i], &made);
        r[i] = read_back(&files[i], &asks[i], &again[i]);
    }
    answer_all(&run, again, said_again, n);
    for (uint32_t i = 0; i < n; i++) {
        if (!same(r[i], &said_again[i]))
            fail_msg("receipt %llu: made with %s, %u threads, chunks of %u; run with %s, %u, %u%s",
                     (unsigned long long)(at * BLOCK + i), made.isa->name, made.threads, made.chunk,
                     run.isa->name, run.threads, run.chunk, run.engine ? ", in an engine" : "");
        hth_receipt_close(&r[i]);
        hth_buf_drop(&files[i]);
        hth_buf_drop(&said[i].text);
        hth_buf_drop(&said_again[i].text);
        hth_ids_drop(&asks[i].prompt);
    }
}

static void made_and_run_again(void **state) {
    (void)state;
    const char *wanted = getenv("HTH_RECEIPTS");
    const uint32_t count = wanted ? (uint32_t)strtoul(wanted, NULL, 10) : 64;
    for (uint32_t done = 0; done < count; done += BLOCK)
        block(done / BLOCK, count - done < BLOCK ? count - done : BLOCK);
    print_message("%u receipts made, %u run again the same\n", count, count);
}

/* The comparison sees another seed, and another word. */
static void what_differs_is_seen(void **state) {
    (void)state;
    const Way way = a_way(0, false);
    Ask ask, again;
    Answer a, b;
    HthBuf file;
    ask_make(&ask, 3);
    ask.words = WORDS_MAX;
    ask.params.temperature = 2;
    ask.params.top_k = 0;
    ask.params.top_p = 1;
    answer_all(&way, &ask, &a, 1);
    make(&file, &ask, &a, &way);
    HthReceipt *r = read_back(&file, &ask, &again);
    assert_true(same(r, &a));
    again.params.seed++;
    answer_all(&way, &again, &b, 1);
    assert_false(same(r, &b));
    a.ids[a.count / 2] ^= 1;
    assert_false(same(r, &a));
    hth_receipt_close(&r);
    hth_buf_drop(&file);
    hth_buf_drop(&a.text);
    hth_buf_drop(&b.text);
    hth_ids_drop(&ask.prompt);
}

static int open_all(void **state) {
    char path[512];
    (void)state;
    test_src_path(path, sizeof path, "models/ember/ember.gguf");
    if (hth_model_open(&model, path, &err) != HTH_OK ||
        hth_signer_open(&signer, NULL, &err) != HTH_OK ||
        hth_receipt_model(&about, hth_model_gguf(model), HTH_STR(""), NULL, NULL, &err) != HTH_OK)
        return -1;
    vocab = hth_model_vocab(model);
    hth_digests(&about.engine, "this test", 9);
    about.version = hth_str(hth_version());
    about.numerics = hth_str(hth_numerics());
    about.kv = HTH_STR("f16");
    about.ctx = CTX;
    return 0;
}

static int close_all(void **state) {
    (void)state;
    hth_signer_close(&signer);
    hth_model_close(&model);
    return 0;
}

int main(void) {
    char path[512];
    test_src_path(path, sizeof path, "models/ember/ember.gguf");
    if (access(path, R_OK) != 0) {
        printf("skipped: there is no ember\n");
        return TEST_SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_and_run_again),
        cmocka_unit_test(what_differs_is_seen),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
